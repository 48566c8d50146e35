import type { AuditedSeries } from './model.ts';
import { isExpected, worstPartFirst } from './series-states.ts';

/**
 * What a policy is expected to have of one server: the snapshots of its image and of its volumes. A
 * set is only as good as the worst of its parts.
 */
export interface ServerSet {
  /** The series of the image; of a server without images, one of its volumes. */
  head: AuditedSeries;
  /** All parts, the head first, then by the name of the volume. */
  parts: AuditedSeries[];
  /** The part that decides the state and the age of the set. */
  worst: AuditedSeries;
  /** The parts that lack the slot of the newest good snapshot of the set, the oldest first. */
  behind: AuditedSeries[];
}

/**
 * The sets of all servers that are expected to have snapshots, by server and policy. A volume that
 * is attached to several servers is a part of each: for the other servers, the part is a copy of
 * the series with the other server.
 */
export function setsOf(all: readonly AuditedSeries[]): ServerSet[] {
  const parts = all.filter(isExpected).flatMap((series) => [series, ...sharedOf(series)]);
  return [...Map.groupBy(parts, (part) => `${serverKey(part)} ${part.policy}`).values()].map((its) => {
    const sorted = its.toSorted(byVolume);
    const worst = its.toSorted(worstPartFirst);
    const newest = its.map(slotOf).sort().at(-1)!;
    return {
      head: sorted[0]!,
      parts: sorted,
      worst: worst[0]!,
      behind: worst.filter((part) => slotOf(part) < newest),
    };
  });
}

/** The series of each server. A volume of several servers is a part of each. */
export function seriesOfServers(all: readonly AuditedSeries[]): AuditedSeries[][] {
  const parts = all.flatMap((series) => [series, ...sharedOf(series)]);
  return [...Map.groupBy(parts, serverKey).values()];
}

/** The series of a volume of several servers as that of each other server. */
export function sharedOf(series: AuditedSeries): AuditedSeries[] {
  return (series.alsoOf ?? []).map((other) => ({ ...series, ...other }));
}

/** Identifies the server of a series. */
export function serverKey({
  account,
  region,
  server,
}: Pick<AuditedSeries, 'account' | 'region' | 'server'>): string {
  return `${account} ${region} ${server}`;
}

/** The number of servers among some series. */
export function serverCount(all: readonly AuditedSeries[]): number {
  return new Set(all.map(serverKey)).size;
}

/** The slot of the newest good snapshot; empty without one. */
function slotOf({ newestGood = '' }: AuditedSeries): string {
  return newestGood;
}

/** Sorts the image before the volumes, and volumes by name. */
export function byVolume({ volume: a }: AuditedSeries, { volume: b }: AuditedSeries): number {
  if (!a || !b) return Number(a !== undefined) - Number(b !== undefined);
  return a.name.localeCompare(b.name, 'en', { numeric: true }) || (a.id < b.id ? -1 : 1);
}
