import type { Schedule } from '../config/schedule.ts';

const YEAR_MS = 366 * 86_400_000;
/** Reading one fire time takes up to a tenth of a millisecond. */
const MOST_FIRES = 5_000;

/** Two fires of different schedules: `gapMs` apart, the later one `at`. */
export interface ScheduleOverlap {
  at: Date;
  gapMs: number;
}

/**
 * Where in the next year, or in as many fires as can be looked through, two schedules fire closest
 * together: the first such place. Undefined where it can't be told, because one is a rate or fires
 * no more.
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
