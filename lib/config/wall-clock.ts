import { Temporal } from 'temporal-polyfill';

// A wall-clock time is what the clocks of a time zone show, without the zone. Here it is a Date whose UTC fields show
// it: 02:30 in Chicago is 02:30Z. So whatever computes in UTC, such as a cron library, computes on wall clocks too. In
// UTC both are the same, which saves most deployments half of the time that a slot takes.

/**
 * The moment at which the clocks of a zone show a wall-clock time: undefined if they skip it, and of two such moments
 * the first.
 *
 * @param wall the wall-clock time, in the UTC fields of a Date.
 * @param timezone a name of the IANA time zone database.
 */
export function momentOf(wall: Date, timezone: string): Date | undefined {
  if (timezone === 'UTC') return wall;
  const time = zoned(wall, 'UTC').toPlainDateTime();
  const moment = time.toZonedDateTime(timezone);
  return moment.toPlainDateTime().equals(time) ? new Date(moment.epochMilliseconds) : undefined;
}

/**
 * The latest wall-clock time that the clocks of a zone have shown until `now`. While an hour is repeated, that is the
 * end of its first pass, to the millisecond.
 *
 * @returns the wall-clock time, in the UTC fields of a Date.
 */
export function latestShown(now: Date, timezone: string): Date {
  if (timezone === 'UTC') return now;
  const time = zoned(now, timezone);
  const first = time.toPlainDateTime().toZonedDateTime(timezone);
  if (first.epochMilliseconds === time.epochMilliseconds) return wallOf(time);
  // `first` is before the clocks were turned back, and no zone turns them twice within that time.
  return wallOf(first.getTimeZoneTransition('next')!.subtract({ milliseconds: 1 }));
}

/**
 * Whether it is a name of the IANA time zone database, spelled as there, which is what EventBridge Scheduler takes.
 * Offsets such as "+05:30" and abbreviations such as "CST" are none.
 *
 * Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#time-zones
 */
export function isTimezone(name: string): boolean {
  if (/^[+-]/.test(name)) return false;
  try {
    return zoned(new Date(0), name).timeZoneId === name;
  } catch {
    return false;
  }
}

function zoned(date: Date, timezone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(date.getTime()).toZonedDateTimeISO(timezone);
}

function wallOf(time: Temporal.ZonedDateTime): Date {
  return new Date(time.toPlainDateTime().toZonedDateTime('UTC').epochMilliseconds);
}
