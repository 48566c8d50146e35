import { DAY_MS } from '../config/dates.ts';
import type { Schedule } from '../config/schedule.ts';

const YEAR_MS = 366 * DAY_MS;
/** Computing one fire time takes up to a tenth of a millisecond. */
const MOST_FIRES = 5_000;

/** Two fire times of different schedules. They are `gapMs` apart, and the later one is `at`. */
export interface ScheduleOverlap {
  at: Date;
  gapMs: number;
}

/**
 * The two fire times of different schedules that are closest together, the first such pair within
 * the next year or the next {@link MOST_FIRES} fire times. Undefined if one of the schedules is a
 * rate or never fires again.
 */
export function closestOverlap(one: Schedule, other: Schedule, now: Date): ScheduleOverlap | undefined {
  if (!one.exact || !other.exact) return undefined;
  let found: ScheduleOverlap | undefined;
  let [a, b] = [one.next(now), other.next(now)];
  for (let fires = 0; a && b && fires < MOST_FIRES; fires++) {
    const [earlier, later] = a < b ? [a, b] : [b, a];
    const gapMs = later.getTime() - earlier.getTime();
    if (!found || gapMs < found.gapMs) found = { at: later, gapMs };
    if (gapMs === 0 || later.getTime() - now.getTime() > YEAR_MS) break;
    if (earlier === a) a = one.next(a);
    else b = other.next(b);
  }
  return found;
}
