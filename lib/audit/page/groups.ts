import type { AuditedSeries } from '../model.ts';
import { SERIES_STATES, type StateTraits, worstFirst } from '../series-states.ts';
import { byVolume, type ServerSet, serverCount, setsOf } from '../server-sets.ts';
import { type PageRow, type RowContext, row } from './row.ts';

/** The titles of the sections, in the order of the page. */
const SECTION_TITLES: Record<StateTraits['section'], string> = {
  attention: 'Needs attention',
  waiting: 'Waiting for the first snapshot',
  protected: 'Protected',
  kept: 'Kept, no further snapshots',
};

/** A section of the page: rows whose states belong together. */
export interface Group {
  title: string;
  rows: PageRow[];
}

/**
 * Groups the series in the order of the page: the late ones by lateness, all others by name. The
 * parts of a server stay together, in the section for the state of the whole set.
 */
export function groupsOf(all: readonly AuditedSeries[]): Group[] {
  const sets = setsOf(all);
  const isListed = new Set(all);
  const inSets = new Set(sets.flatMap(({ parts }) => parts));
  const blocks: { worst: AuditedSeries; rows: PageRow[] }[] = [
    ...sets.map((set) => ({ worst: set.worst, rows: rowsOf(set, isListed) })),
    ...all
      .filter((series) => !inSets.has(series))
      .map((series) => ({ worst: series, rows: [{ series, state: series.state }] })),
  ];
  return Object.entries(SECTION_TITLES)
    .map(([section, title]) => {
      const its = blocks.filter(({ worst }) => SERIES_STATES[worst.state].section === section);
      const order = section === 'attention' ? worstFirst : byName;
      return { title, rows: its.sort((a, b) => order(a.worst, b.worst)).flatMap(({ rows }) => rows) };
    })
    .filter(({ rows }) => rows.length > 0);
}

/** The rows of a set. A volume of several servers has its row with the first of them. */
function rowsOf(set: ServerSet, isListed: ReadonlySet<AuditedSeries>): PageRow[] {
  const { state } = set.worst;
  return set.parts
    .filter((series) => isListed.has(series))
    .map((series) => ({ series, state, ...(series === set.head ? { set } : {}) }));
}

/** The list of all series. Rows are numbered across all groups. */
export function groupList(groups: readonly Group[], context: RowContext): string {
  let number = 0;
  return groups
    .map(
      ({ title, rows }) => `<section class="group">
<h2>${title} <span class="count">${serverCount(rows.map(({ series }) => series))}</span></h2>
<ul>
${rows.map((one) => row(one, number++, context)).join('\n')}
</ul>
</section>`,
    )
    .join('\n');
}

function byName(a: AuditedSeries, b: AuditedSeries): number {
  return (
    a.name.localeCompare(b.name, 'en', { numeric: true }) ||
    a.region.localeCompare(b.region) ||
    a.policy.localeCompare(b.policy) ||
    byVolume(a, b)
  );
}
