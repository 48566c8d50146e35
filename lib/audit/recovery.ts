import type { AuditedSeries } from './model.ts';
import { isExpected, worstFirst } from './series-states.ts';
import { seriesOfServers } from './server-sets.ts';

/**
 * How well a server can be restored: to which point in time, and how long that takes, as its last
 * passed drill measured. Times are ISO, in UTC.
 */
export interface Recovery {
  /**
   * The time to which the parts of the server can be restored: the oldest of their newest good
   * snapshots. Absent if there is no good snapshot, or none of the server's image.
   */
  newestGood?: string;
  ageSeconds?: number;
  /** The names of the volumes without a good snapshot, which a restore leaves out. */
  missing?: string[];
  /** How long its last passed drill took; absent if that was not measured. */
  recoverySeconds?: number;
  /** Whether it took this long at most; absent if the time was measured. */
  isAtMost?: true;
  /** When that drill ended. */
  drilled?: string;
}

/** The recovery of a server and its names. */
export interface ServerRecovery
  extends Recovery,
    Pick<AuditedSeries, 'account' | 'region' | 'server' | 'name'> {}

/**
 * The recovery of one server. A good snapshot of any series counts, also an ad-hoc one. Parts that
 * are no longer expected to have snapshots, such as a detached volume, decide nothing while there
 * are others.
 *
 * @param all the series of the server.
 */
export function recoveryOf(all: readonly AuditedSeries[], at: string): Recovery {
  const parts = [...Map.groupBy(all, ({ volume }) => volume?.id).values()];
  const expected = parts.filter((part) => part.some(isExpected));
  const its = expected.length > 0 ? expected : parts;
  const newest = its.map((part) => ({
    volume: part[0]!.volume,
    slot: newestOf(part.flatMap(({ newestGood }) => newestGood ?? [])),
  }));
  const without = newest.filter(({ slot }) => slot === undefined);
  const canBeRestored = without.every(({ volume }) => volume !== undefined);
  const newestGood = canBeRestored ? newest.flatMap(({ slot }) => slot ?? []).sort()[0] : undefined;
  const missing = newestGood === undefined ? [] : without.map(({ volume }) => volume!.name).sort();
  const measured = all
    .flatMap(({ proof }) => (proof?.recoverySeconds === undefined ? [] : proof))
    .sort((a, b) => (a.proven! < b.proven! ? 1 : -1))[0];
  return {
    ...(newestGood
      ? { newestGood, ageSeconds: Math.floor((Date.parse(at) - Date.parse(newestGood)) / 1000) }
      : {}),
    ...(missing.length > 0 ? { missing } : {}),
    ...(measured
      ? {
          recoverySeconds: measured.recoverySeconds!,
          ...(measured.isAtMost ? { isAtMost: true as const } : {}),
          drilled: measured.proven!,
        }
      : {}),
  };
}

/** The recovery of each server that is expected to have snapshots, the worst first. */
export function recoveries(series: readonly AuditedSeries[], at: string): ServerRecovery[] {
  return seriesOfServers(series)
    .filter((its) => its.some(isExpected))
    .map((its) => its.toSorted(worstFirst))
    .map((its) => {
      const [{ account, region, server, name }] = its as [AuditedSeries];
      return { account, region, server, name, ...recoveryOf(its, at) };
    })
    .sort(
      (a, b) =>
        (b.ageSeconds ?? Infinity) - (a.ageSeconds ?? Infinity) ||
        (b.recoverySeconds ?? -1) - (a.recoverySeconds ?? -1) ||
        0,
    );
}

/** The worst of all servers; each undefined if none is known. */
export interface WorstRecoveries {
  /** The server whose restorable point is the oldest. */
  point: ServerRecovery | undefined;
  /** The first one that can be restored only without some of its volumes. */
  incomplete: ServerRecovery | undefined;
  /** The one whose restore takes the longest. */
  time: ServerRecovery | undefined;
}

/** @param all the recovery of each server, the worst first. */
export function worstRecoveries(all: readonly ServerRecovery[]): WorstRecoveries {
  const [time] = all
    .filter(({ recoverySeconds }) => recoverySeconds !== undefined)
    .sort((a, b) => b.recoverySeconds! - a.recoverySeconds!);
  return { point: all[0], incomplete: all.find(({ missing }) => missing), time };
}

function newestOf(times: readonly string[]): string | undefined {
  return times.toSorted().at(-1);
}
