import type { Schedule } from '../config/schedule.ts';

/**
 * From when on a server lacks the snapshot that was due at a time of the schedule: half of the
 * interval that begins there has passed. Undefined where the schedule has no later time.
 */
export function lateFrom(schedule: Schedule, due: Date): Date | undefined {
  const next = schedule.next(due);
  return next && new Date((due.getTime() + next.getTime()) / 2);
}

/** How late a snapshot is. */
export interface Lateness {
  /**
   * The time since the newest snapshot in intervals: 1 when the next one is due, from then on
   * counted in the interval that begins there. {@link LATE} is late.
   */
  overdue: number;
  /** How long the next one has been due; absent before. */
  lateSeconds?: number;
}

/**
 * How late the snapshot is that follows one of `since`, or the creation of the server. On a Monday
 * before the first time of the day, Friday's last snapshot is not late.
 *
 * @returns undefined where the schedule has no time after `since`, or none after the one that has
 *   passed.
 */
export function latenessOf(schedule: Schedule, since: Date, now: Date): Lateness | undefined {
  const due = schedule.next(since);
  if (!due) return undefined;
  const dueMs = now.getTime() - due.getTime();
  if (dueMs < 0) {
    return { overdue: (now.getTime() - since.getTime()) / (due.getTime() - since.getTime()) };
  }
  const next = schedule.next(due);
  return (
    next && {
      overdue: 1 + dueMs / (next.getTime() - due.getTime()),
      lateSeconds: Math.floor(dueMs / 1000),
    }
  );
}
