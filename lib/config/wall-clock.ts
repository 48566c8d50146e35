import { Temporal } from 'temporal-polyfill';

// A wall-clock time is a local time without its zone. Here it is a Date whose UTC fields hold the
// local time: 02:30 in Chicago is 02:30Z. So code that computes in UTC, such as a cron library, can
// compute with wall-clock times. For the zone UTC no conversion is needed, which halves the time of
// a slot computation.

/**
 * Converts a wall-clock time to the moment in a zone: undefined for a skipped time, the first
 * moment for a repeated time.
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
 * The latest wall-clock time of a zone up to `now`. During a repeated hour the result is the last
 * millisecond of the first pass.
 *
 * @returns the wall-clock time, in the UTC fields of a Date.
 */
export function latestShown(now: Date, timezone: string): Date {
  if (timezone === 'UTC') return now;
  const time = zoned(now, timezone);
  const first = time.toPlainDateTime().toZonedDateTime(timezone);
  if (first.epochMilliseconds === time.epochMilliseconds) return wallOf(time);
  // `first` is before the clocks were set back, and no zone sets them back twice within that time.
  return wallOf(first.getTimeZoneTransition('next')!.subtract({ milliseconds: 1 }));
}

/**
 * Whether `name` is a time zone name in the exact spelling of the IANA time zone database, as
 * EventBridge Scheduler requires. Offsets such as "+05:30" and abbreviations such as "CST" are not
 * accepted.
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
