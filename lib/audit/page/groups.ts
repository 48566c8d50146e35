import type { AuditedSeries } from '../model.ts';
import { SERIES_STATES, type StateTraits, worstFirst } from '../series-states.ts';
import { type RowContext, row } from './row.ts';

/** The titles of the sections, in the order of the page. */
const SECTION_TITLES: Record<StateTraits['section'], string> = {
  attention: 'Needs attention',
  waiting: 'Waiting for the first snapshot',
  protected: 'Protected',
  kept: 'Kept, no further snapshots',
};

/** A section of the page: series whose states belong together. */
export interface Group {
  title: string;
  series: AuditedSeries[];
}

/** Groups the series in the order of the page: the late ones by lateness, all others by name. */
export function groupsOf(all: readonly AuditedSeries[]): Group[] {
  return Object.entries(SECTION_TITLES)
    .map(([section, title]) => {
      const series = all.filter(({ state }) => SERIES_STATES[state].section === section);
      return { title, series: series.sort(section === 'attention' ? worstFirst : byName) };
    })
    .filter(({ series }) => series.length > 0);
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
