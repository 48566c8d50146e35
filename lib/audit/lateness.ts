import { DAY_MS } from '../config/dates.ts';
import type { Schedule } from '../config/schedule.ts';

/**
 * The time from which a snapshot that was due at `due` counts as missing: half of the interval
 * after `due` has passed. Undefined if the schedule has no later time.
 */
export function lateFrom(schedule: Schedule, due: Date): Date | undefined {
  const next = schedule.next(due);
  return next && new Date((due.getTime() + next.getTime()) / 2);
}

const YEAR_MS = 365 * DAY_MS;
/** A gap this many times as long as the interval before it is a pause of the schedule. */
const PAUSE = 10;

/**
 * When a schedule continues that pauses now for more than a year, such as a daily one of the years
 * 2024 and 2030. Nothing is protected meanwhile. Undefined for a schedule that does not pause:
 * every interval of a leap day's is long.
 */
export function pausedUntil(schedule: Schedule, now: Date): Date | undefined {
  const slot = schedule.slot(now);
  const next = schedule.next(now);
  if (!schedule.exact || !slot || !next) return undefined;
  const gapMs = next.getTime() - slot.getTime();
  const before = schedule.slot(new Date(slot.getTime() - 1));
  const intervalMs = before ? slot.getTime() - before.getTime() : 0;
  return gapMs > YEAR_MS && gapMs > PAUSE * intervalMs ? next : undefined;
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
