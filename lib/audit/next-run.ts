import { intervalMs, type Schedule } from '../config/schedule.ts';

/**
 * The next run of a schedule after `now`. A rate has no fixed times, so its next run is estimated:
 * a whole number of intervals after the newest snapshot, or one interval from now without a
 * snapshot.
 */
export function nextRunAfter(schedule: Schedule, newest: Date | undefined, now: Date): Date | undefined {
  const everyMs = schedule.exact ? undefined : intervalMs(schedule, now);
  if (!everyMs || !newest) return schedule.next(now);
  const intervals = Math.floor((now.getTime() - newest.getTime()) / everyMs) + 1;
  return new Date(newest.getTime() + intervals * everyMs);
}
