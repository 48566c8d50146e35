import type { AuditedSeries } from './model.ts';
import { isExpected, worstFirst } from './series-states.ts';
import { serverKey } from './server-sets.ts';

/**
 * How well a server can be restored: to which point in time, and how long that takes, as its last
 * passed drill measured. Times are ISO, in UTC.
 */
export interface Recovery {
  /**
   * The time to which all parts of the server can be restored: the oldest of their newest good
   * snapshots. Absent if a part has none.
   */
  newestGood?: string;
  ageSeconds?: number;
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
 * The recovery of one server.
 *
 * @param its the series of the server.
 */
export function recoveryOf(its: readonly AuditedSeries[], at: string): Recovery {
  const parts = [...Map.groupBy(its, ({ volume }) => volume?.id).values()];
  const newest = parts.map((part) => newestOf(part.flatMap(({ newestGood }) => newestGood ?? [])));
  const newestGood = newest.every((one) => one !== undefined) ? newest.sort()[0] : undefined;
  const measured = its
    .flatMap(({ proof }) => (proof?.recoverySeconds === undefined ? [] : proof))
    .sort((a, b) => (a.proven! < b.proven! ? 1 : -1))[0];
  return {
    ...(newestGood
      ? { newestGood, ageSeconds: Math.floor((Date.parse(at) - Date.parse(newestGood)) / 1000) }
      : {}),
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
  return [...Map.groupBy(series.filter(isExpected), serverKey).values()]
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

/**
 * The server whose restorable point is the oldest, and the one whose restore takes the longest;
 * each undefined if none is known.
 */
export function worstRecoveries(all: readonly ServerRecovery[]): {
  point: ServerRecovery | undefined;
  time: ServerRecovery | undefined;
} {
  const [time] = all
    .filter(({ recoverySeconds }) => recoverySeconds !== undefined)
    .sort((a, b) => b.recoverySeconds! - a.recoverySeconds!);
  return { point: all[0], time };
}

function newestOf(times: readonly string[]): string | undefined {
  return times.toSorted().at(-1);
}
