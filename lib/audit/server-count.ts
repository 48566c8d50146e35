import type { AuditedSeries } from './model.ts';
import { isExpected } from './sentence.ts';

/** Of how many servers something is true, and of which for the longest time. */
export interface ServerCount {
  /** How many servers it is asked of. */
  count: number;
  /** Of how many of them it is true. */
  holding: number;
  oldest?: { name: string; account: string; region: string; since: string };
}

/**
 * Counts servers that are to have snapshots, each once, whatever series it has.
 *
 * @param sinceWhen of a series: an ISO time, null when it is not true of it, undefined when it is
 *   not asked of it.
 */
export function countServers(
  all: readonly AuditedSeries[],
  sinceWhen: (series: AuditedSeries) => string | null | undefined,
): ServerCount {
  const asked = all.filter(isExpected).flatMap((series) => {
    const since = sinceWhen(series);
    const { account, region, server, name } = series;
    const key = `${account} ${region} ${server}`;
    return since === undefined ? [] : { key, name, account, region, since: since ?? '' };
  });
  const servers = new Map(asked.sort(bySince).map((one) => [one.key, one]));
  const holding = [...servers.values()]
    .filter(({ since }) => since)
    .sort(bySince)
    .map(({ key: _, ...server }) => server);
  const [oldest] = holding;
  return {
    count: servers.size,
    holding: holding.length,
    ...(oldest ? { oldest } : {}),
  };
}

function bySince(a: { since: string }, b: { since: string }): number {
  return a.since < b.since ? -1 : a.since > b.since ? 1 : 0;
}
