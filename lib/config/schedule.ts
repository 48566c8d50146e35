import { parseCron } from './cron.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from './dates.ts';
import { memoize } from './memoize.ts';
import { latestShown, momentOf } from './wall-clock.ts';

const RATE_UNITS = { minute: MINUTE_MS, hour: HOUR_MS, day: DAY_MS };

/** A rate expression, for a JSON schema. */
export const RATE_PATTERN =
  'rate\\((?:1 (?:minute|hour|day)|(?:[2-9]|[1-9]\\d{1,5}) (?:minute|hour|day)s)\\)';

/** A parsed EventBridge schedule. All times are whole seconds. */
export interface Schedule {
  /** The expression, and of cron its time zone. */
  readonly expression: string;
  /** Whether the fire times are known to the minute: true for cron, false for rate. */
  readonly exact: boolean;
  /**
   * The slot of a run at `now`: the latest fire time at or before `now`; undefined before the first
   * fire time.
   */
  slot(now: Date): Date | undefined;
  /**
   * The first fire time after `now`, an estimate for a rate; undefined after the last fire time.
   */
  next(now: Date): Date | undefined;
  /** Whether a snapshot of `slot` covers a run at `now`, so that the run needs no new snapshot. */
  covers(slot: Date, now: Date): boolean;
}

/**
 * Parses an EventBridge schedule expression:
 * `cron(minutes hours day-of-month month day-of-week year)` or `rate(value unit)`.
 *
 * Cron times are wall-clock times in `timezone`. At daylight saving changes the schedule follows
 * EventBridge Scheduler: a skipped time is no fire time, and a repeated time fires once, the first
 * time. The documentation says this for an expression with one time a day, but not for one with
 * several, such as `cron(30 * * * ? *)`. Here every time of the expression follows the rule, so
 * there is no slot at the second 01:30 of a day. If EventBridge fires then anyway, the run finds a
 * snapshot of its slot and does nothing. The opposite choice would report a missing snapshot for a
 * run that was never started.
 *
 * A rate has no fixed fire times and no zone: EventBridge counts from the creation of the rule,
 * which is unknown here, and fires up to a minute late. So the slot of a rate is the time of the
 * run, and a snapshot of the half interval before covers the run. A retry minutes or hours later
 * finds its own snapshot, and two fires never share a snapshot.
 *
 * Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 * and
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
 *
 * @param timezone a name of the IANA time zone database.
 * @throws {RangeError} with the problem, for an expression that EventBridge would refuse.
 */
export function parseSchedule(expression: string, timezone = 'UTC'): Schedule {
  return parseMemoized(expression, timezone);
}

// Each invocation parses the policies again, and asks for the same times.
const parseMemoized = memoize(parseExpression, (expression, timezone) => `${timezone} ${expression}`);

function parseExpression(expression: string, timezone: string): Schedule {
  const cron = /^cron\((.*)\)$/.exec(expression)?.[1];
  if (cron !== undefined) return cronSchedule(cron, timezone);
  const rate = /^rate\((.*)\)$/.exec(expression)?.[1];
  if (rate !== undefined) return rateSchedule(rate);
  throw new RangeError('expected cron(...) or rate(...), such as cron(0 0 * * ? *) or rate(6 hours)');
}

/**
 * The time between the fire times before and after `now`, in milliseconds: the current interval of
 * a policy's snapshots. Undefined if either fire time is missing.
 */
export function intervalMs(schedule: Schedule, now: Date): number | undefined {
  const slot = schedule.slot(now);
  const next = schedule.next(now);
  return slot && next && next.getTime() - slot.getTime();
}

function rateSchedule(rate: string): Schedule {
  const match = /^([1-9]\d{0,5}) (minute|hour|day)(s?)$/.exec(rate);
  if (!match)
    throw new RangeError(
      'expected rate(<number> minutes|hours|days), such as rate(6 hours), of six digits at most',
    );
  const [, value, unit, plural] = match as unknown as [string, string, keyof typeof RATE_UNITS, string];
  if ((value === '1') !== (plural === '')) {
    throw new RangeError(
      `EventBridge requires the singular for 1 and the plural for other numbers: rate(${value} ${unit}${value === '1' ? '' : 's'})`,
    );
  }
  const everyMs = Number(value) * RATE_UNITS[unit];
  return {
    expression: `rate(${rate})`,
    exact: false,
    slot: (now) => new Date(Math.floor(now.getTime() / 1000) * 1000),
    next: (now) => new Date(Math.floor(now.getTime() / 1000) * 1000 + everyMs),
    covers(slot, now) {
      const agoMs = now.getTime() - slot.getTime();
      return agoMs >= 0 && agoMs < everyMs / 2;
    },
  };
}

function cronSchedule(fields: string, timezone: string): Schedule {
  const cron = parseCron(fields);
  /**
   * The nearest fire time after or before a wall-clock time, in the direction of `step`, that
   * exists in the zone.
   */
  const momentFrom = (wall: Date, step: (wall: Date) => Date | null | undefined): Date | undefined => {
    for (let at = step(wall); at; at = step(at)) {
      const moment = momentOf(at, timezone);
      if (moment) return moment;
    }
    return undefined;
  };
  // Thousands of images ask for the ends of the same few slots.
  const atTime = (compute: (now: Date) => Date | undefined) => memoize(compute, (now) => now.getTime());
  const slot = atTime((now) =>
    // One millisecond later, because croner searches strictly before the given time.
    momentFrom(new Date(latestShown(now, timezone).getTime() + 1), (wall) => cron.previousRuns(1, wall)[0]),
  );
  return {
    expression: `cron(${fields}) ${timezone}`,
    exact: true,
    slot,
    next: atTime((now) => momentFrom(latestShown(now, timezone), (wall) => cron.nextRun(wall))),
    covers: (made, now) => made.getTime() === slot(now)?.getTime(),
  };
}
