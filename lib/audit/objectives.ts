import type { Policy } from '../config/policy.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { AuditedSeries } from './model.ts';
import type { Naming } from './naming.ts';
import { isExpected } from './series-states.ts';

/**
 * The objectives of a policy that a series misses, in milliseconds; undefined if it misses none.
 * A series without a good snapshot, or without a measured drill, misses no objective: these are
 * other troubles. A time that is only a limit misses none either.
 */
export function missedObjectives(
  series: AuditedSeries,
  { point, time }: NonNullable<Policy['objectives']> = {},
): AuditedSeries['missed'] {
  if (!isExpected(series)) return undefined;
  const isOver = (seconds: number | undefined, objectiveMs: number | undefined) =>
    seconds !== undefined && objectiveMs !== undefined && seconds * 1000 > objectiveMs;
  const missed = {
    ...(isOver(series.ageSeconds, point) ? { point: point! } : {}),
    ...(!series.proof?.isAtMost && isOver(series.proof?.recoverySeconds, time) ? { time: time! } : {}),
  };
  return Object.keys(missed).length > 0 ? missed : undefined;
}

/** The reason for a series whose newest good snapshot is older than the objective. */
export function pointMissed(series: AuditedSeries, naming: Naming): Reason<'SERIES_POINT_MISSED'> {
  const { ageSeconds = 0, missed } = series;
  return {
    code: 'SERIES_POINT_MISSED',
    ...whichOf(series, naming),
    ageSeconds,
    objectiveMs: missed?.point ?? 0,
  };
}

/** The reason for a series whose last drill took longer than the objective. */
export function timeMissed(series: AuditedSeries, naming: Naming): Reason<'SERIES_TIME_MISSED'> {
  const { proof, missed } = series;
  return {
    code: 'SERIES_TIME_MISSED',
    ...whichOf(series, naming),
    seconds: proof?.recoverySeconds ?? 0,
    objectiveMs: missed?.time ?? 0,
  };
}

function whichOf(series: AuditedSeries, { nameOf, placeOf }: Naming) {
  return { server: nameOf(series), where: placeOf(series), policy: series.policy };
}
