import { isoSeconds } from './dates.ts';
import type { Schedule } from './schedule.ts';

const YEAR_MS = 365 * 24 * 3_600_000;
/** A gap this many times as long as the interval before it is a pause of the schedule. */
const PAUSE = 10;

/**
 * Why a schedule does not fire as people expect: it has not fired yet, or it pauses, or, with
 * neither time, it has ended. Times are ISO, in UTC.
 */
export interface Dormancy {
  /** The first fire time of a schedule that has not fired yet. */
  begins?: string;
  /** The next fire time of a schedule that pauses for more than a year. */
  resumes?: string;
}

/**
 * Why a schedule is dormant: it has ended, such as one of the year 2024; it has not begun, such as
 * one of the year 2030; or it pauses for more than a year, such as one of the years 2024 and 2030.
 * Undefined for any other schedule. One of leap days does not pause: each of its intervals is long.
 */
export function dormancyOf(schedule: Schedule, now: Date): Dormancy | undefined {
  const next = schedule.next(now);
  if (!next) return {};
  const slot = schedule.slot(now);
  if (!slot) return { begins: isoSeconds(next) };
  if (!schedule.exact) return undefined;
  const gapMs = next.getTime() - slot.getTime();
  const before = schedule.slot(new Date(slot.getTime() - 1));
  const intervalMs = before ? slot.getTime() - before.getTime() : 0;
  return gapMs > YEAR_MS && gapMs > PAUSE * intervalMs ? { resumes: isoSeconds(next) } : undefined;
}
