import type { AuditedSeries } from './model.ts';
import { serverKey, setsOf } from './server-sets.ts';

/**
 * The number of servers with a property such as "proven", and the server that has had it for the
 * longest time.
 */
export interface ServerCount {
  /** The number of servers that should have the property. */
  count: number;
  /** The number of these servers that have the property. */
  holding: number;
  oldest?: { server: string; name: string; account: string; region: string; since: string };
}

/**
 * Counts the servers that are expected to have snapshots, each once. Of the parts of a server in
 * one policy the worst decides; of several policies the best.
 *
 * @param sinceWhen since when a series has the property, as an ISO time; null if it lacks the
 *   property, undefined if the property does not apply to it.
 */
export function countServers(
  all: readonly AuditedSeries[],
  sinceWhen: (series: AuditedSeries) => string | null | undefined,
): ServerCount {
  const asked = setsOf(all).flatMap(({ head, parts }) => {
    const each = parts.map(sinceWhen).filter((since) => since !== undefined);
    const [oldest] = each.map((since) => since ?? '').sort();
    const { account, region, server, name } = head;
    return oldest === undefined
      ? []
      : [{ key: serverKey(head), server, name, account, region, since: oldest }];
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
