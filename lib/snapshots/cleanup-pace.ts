import { DAY_MS } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import type { Schedule } from '../config/schedule.ts';
import type { Reason } from '../reporting/reasons.ts';

/** As many as an hourly cleanup has in four weeks: each takes a moment to compute. */
const MOST_CLEANUPS = 28 * 24;

/**
 * Whether, on average, more snapshots of a server are taken between two cleanups than a cleanup may
 * delete; undefined if not, or if the cleanup does not fire twice in a year. A cleanup catches up
 * with a single long interval, such as a weekend, so no single interval decides.
 */
export function cleanupTooRare(
  { schedule, cleanup, maxDeletes }: Pick<Policy, 'schedule' | 'cleanup' | 'maxDeletes'>,
  now: Date,
): Reason<'CLEANUP_TOO_RARE'> | undefined {
  const from = cleanup.next(now);
  if (!from) return undefined;
  const cleanupsIn = (days: number) => firesIn(cleanup, from, addDays(from, days), MOST_CLEANUPS);
  // Whole weeks from one fire time to another have the same mean whenever they begin. Other
  // patterns, such as the first days of each month, have it in a year.
  const weeks = cleanupsIn(28);
  const isWeekly = weeks.length >= 4 && weeks.at(-1)! >= addDays(from, 21);
  const cleanups = isWeekly ? weeks : cleanupsIn(366);
  const to = cleanups.at(-1);
  if (!to) return undefined;
  const most = maxDeletes * cleanups.length;
  const isTooRare = firesIn(schedule, from, to, most + 1).length > most;
  return isTooRare ? { code: 'CLEANUP_TOO_RARE', most: maxDeletes } : undefined;
}

/** The fire times after `from` up to `to`, the first `most` of them. */
function firesIn(schedule: Schedule, from: Date, to: Date, most: number): Date[] {
  const fires: Date[] = [];
  for (let at = schedule.next(from); at && at <= to && fires.length < most; at = schedule.next(at))
    fires.push(at);
  return fires;
}

function addDays(date: Date, days: number): Date {
  return new Date(date.getTime() + days * DAY_MS);
}
