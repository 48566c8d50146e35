import { DAY_MS } from '../config/dates.ts';
import type { Schedule } from '../config/schedule.ts';
import { LATE } from './model.ts';

/**
 * The time from which a snapshot that was due at `due` counts as missing: half of the interval
 * after `due` has passed. Undefined if the schedule has no later time.
 */
export function lateFrom(schedule: Schedule, due: Date): Date | undefined {
  const next = schedule.next(due);
  return next && new Date((due.getTime() + next.getTime()) / 2);
}

const YEAR_MS = 365 * DAY_MS;

/**
 * Whether a server waits in vain for a schedule that has not begun, such as one of the year 2030:
 * it begins more than a year after the newest good snapshot, or that snapshot is late by the first
 * interval of the schedule.
 *
 * @param newest the slot of the newest good snapshot.
 * @param since from when the server needs a snapshot by this schedule.
 */
export function beginsTooLate(
  schedule: Schedule,
  { newest, since }: { newest: Date | undefined; since: Date },
  now: Date,
): boolean {
  const begins = schedule.next(now);
  if (!begins) return false;
  if (begins.getTime() - (newest ?? since).getTime() > YEAR_MS) return true;
  const second = schedule.next(begins);
  const intervalMs = second ? second.getTime() - begins.getTime() : YEAR_MS;
  return newest !== undefined && now.getTime() - since.getTime() >= LATE * intervalMs;
}

/** How late a snapshot is. */
export interface Lateness {
  /**
   * The time since the newest snapshot in intervals of the schedule. 1 when the next snapshot is
   * due; the time after that is divided by the interval that starts then. {@link LATE} is late.
   */
  overdue: number;
  /** For how long the next snapshot has been due; absent if it is not due yet. */
  lateSeconds?: number;
}

/**
 * How late the next snapshot after `since` is, where `since` is the slot of the newest snapshot or
 * the creation of the server. The schedule is followed exactly: a schedule for workdays is not late
 * during the weekend.
 *
 * @returns undefined if the schedule has no time after `since`, or if the due time has passed and
 *   no other follows.
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
