import { worstFirst } from '../headline.ts';
import type { AuditedSeries, SeriesState } from '../model.ts';
import { type RowContext, row } from './row.ts';

const GROUPS: [title: string, ...states: SeriesState[]][] = [
  ['Needs attention', 'never', 'late'],
  ['Waiting for the first snapshot', 'waiting'],
  ['Protected', 'protected'],
  ['Kept, with nothing new to come', 'released', 'orphaned', 'adhoc'],
];

/** A section of the page: series whose states belong together. */
export interface Group {
  title: string;
  series: AuditedSeries[];
}

/** Groups the series in the order of the page: the late ones by lateness, all others by name. */
export function groupsOf(all: readonly AuditedSeries[]): Group[] {
  return GROUPS.map(([title, ...states]) => {
    const series = all.filter(({ state }) => states.includes(state));
    return { title, series: series.sort(states.includes('late') ? worstFirst : byName) };
  }).filter(({ series }) => series.length > 0);
}

/** The list of all series. Rows are numbered across all groups. */
export function groupList(groups: readonly Group[], context: RowContext): string {
  let number = 0;
  return groups
    .map(
      ({ title, series }) => `<section class="group">
<h2>${title} <span class="count">${series.length}</span></h2>
<ul>
${series.map((one) => row(one, number++, context)).join('\n')}
</ul>
</section>`,
    )
    .join('\n');
}

function byName(a: AuditedSeries, b: AuditedSeries): number {
  return (
    a.name.localeCompare(b.name, 'en', { numeric: true }) ||
    a.region.localeCompare(b.region) ||
    a.policy.localeCompare(b.policy)
  );
}
