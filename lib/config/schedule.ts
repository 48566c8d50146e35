import { parseCron } from './cron.ts';
import { latestShown, momentOf } from './wall-clock.ts';

const MINUTE_MS = 60_000;
const RATE_UNITS = { minute: MINUTE_MS, hour: 60 * MINUTE_MS, day: 1440 * MINUTE_MS };

/** A rate expression, for a JSON schema. */
export const RATE_PATTERN =
  'rate\\((?:1 (?:minute|hour|day)|(?:[2-9]|[1-9]\\d{1,5}) (?:minute|hour|day)s)\\)';

/** When EventBridge starts a job. All answers are whole seconds. */
export interface Schedule {
  /** Whether its fire times are known to the minute: a cron's are, a rate's are not. */
  readonly exact: boolean;
  /** The fire time that a run at `now` is for: the latest at or before it; undefined before the first. */
  slot(now: Date): Date | undefined;
  /** The first fire time after `now`, for a rate about when; undefined when there is none any more. */
  next(now: Date): Date | undefined;
  /** Whether what was made for `slot` is what a run at `now` is for: then there is nothing left to make. */
  covers(slot: Date, now: Date): boolean;
}

/**
 * Reads an EventBridge schedule expression: `cron(minutes hours day-of-month month day-of-week year)` or
 * `rate(value unit)`.
 *
 * A cron's times are those of the clocks in `timezone`. Where these change, the answers are what EventBridge Scheduler
 * does: a time that the clocks skip is no fire time; a time that they show twice is one, the first. Its documentation
 * says so of an expression with one time a day, and nothing of one with several, such as `cron(30 * * * ? *)`. Here each
 * of its times is taken by itself, so that there is no slot at the second 01:30 of a day. Should EventBridge fire then
 * all the same, the run finds its slot taken and does nothing. The other way round, a snapshot would be reported as
 * missing that nothing was started for.
 *
 * A rate has no times of its own, and so no zone: EventBridge counts from the moment when the rule was made, which nobody
 * tells us, and is up to a minute late. So a rate's slot is the run itself, and what was made in the half interval
 * before it covers it: a retry, minutes or hours later, finds its own, and two fires never share one.
 *
 * Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html and
 * https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
 *
 * @param timezone a name of the IANA time zone database.
 * @throws {RangeError} that says what is wrong, for an expression that EventBridge would refuse.
 */
export function parseSchedule(expression: string, timezone = 'UTC'): Schedule {
  const cron = /^cron\((.*)\)$/.exec(expression)?.[1];
  if (cron !== undefined) return cronSchedule(cron, timezone);
  const rate = /^rate\((.*)\)$/.exec(expression)?.[1];
  if (rate !== undefined) return rateSchedule(rate);
  throw new RangeError('expected cron(...) or rate(...), such as cron(0 0 * * ? *) or rate(6 hours)');
}

/**
 * The time between the two fires around `now`, in milliseconds: how far apart the snapshots of a policy are meant
 * to be just now. Undefined when either is missing.
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
      `EventBridge wants the singular for 1 and the plural for more: rate(${value} ${unit}${value === '1' ? '' : 's'})`,
    );
  }
  const everyMs = Number(value) * RATE_UNITS[unit];
  return {
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
  /** The first fire time after or before a wall-clock time, whichever way `step` goes, that the clocks do show. */
  const momentFrom = (wall: Date, step: (wall: Date) => Date | null | undefined): Date | undefined => {
    for (let at = step(wall); at; at = step(at)) {
      const moment = momentOf(at, timezone);
      if (moment) return moment;
    }
    return undefined;
  };
  const slot = (now: Date) =>
    // A millisecond on, because croner looks strictly before.
    momentFrom(new Date(latestShown(now, timezone).getTime() + 1), (wall) => cron.previousRuns(1, wall)[0]);
  return {
    exact: true,
    slot,
    next: (now) => momentFrom(latestShown(now, timezone), (wall) => cron.nextRun(wall)),
    covers: (made, now) => made.getTime() === slot(now)?.getTime(),
  };
}
