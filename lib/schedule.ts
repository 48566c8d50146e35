import { Cron } from 'croner';

const MINUTE_MS = 60_000;
const RATE_UNITS = { minute: MINUTE_MS, hour: 60 * MINUTE_MS, day: 1440 * MINUTE_MS };

/** When a rule fires, in UTC as EventBridge has it. All answers are whole seconds. */
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
 * A rate has no times of its own: EventBridge counts from the moment when the rule was made, which nobody tells us,
 * and is up to a minute late. So a rate's slot is the run itself, and what was made in the half interval before it
 * covers it: a retry, minutes or hours later, finds its own, and two fires never share one.
 *
 * Source: Amazon EventBridge user guide, "Cron expressions reference" and "Rate expressions reference".
 *
 * @throws {RangeError} that says what is wrong, for an expression that EventBridge would refuse.
 */
export function parseSchedule(expression: string): Schedule {
  const cron = /^cron\((.*)\)$/.exec(expression)?.[1];
  if (cron !== undefined) return cronSchedule(cron);
  const rate = /^rate\((.*)\)$/.exec(expression)?.[1];
  if (rate !== undefined) return rateSchedule(rate);
  throw new RangeError('expected cron(...) or rate(...)');
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

interface Field {
  name: string;
  /** What is larger never comes round; 0 where the field takes no steps. */
  largestStep: number;
  values: RegExp;
}

const MONTHS = 'JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC';
const DAYS = 'SUN|MON|TUE|WED|THU|FRI|SAT';
const DAY = '[1-9]|[12]\\d|3[01]';

/** A list of values, ranges and steps; or just one of the field's `special` forms. */
function field(name: string, value: string, largestStep: number, special?: string): Field {
  const entry = `(?:\\*|(?:${value})(?:-(?:${value}))?)(?:/[1-9]\\d*)?`;
  const list = `(?:${entry})(?:,(?:${entry}))*`;
  return { name, largestStep, values: new RegExp(`^(?:${list}${special ? `|${special}` : ''})$`, 'i') };
}

const FIELDS: Field[] = [
  field('minutes', '[0-5]?\\d', 59),
  field('hours', '[01]?\\d|2[0-3]', 23),
  field('day-of-month', DAY, 31, `\\?|L|LW|(?:${DAY})W`),
  field('month', `[1-9]|1[0-2]|${MONTHS}`, 12),
  // The reference names no "/" for this field, and a "#" or an "L" only by itself.
  field('day-of-week', `[1-7]|${DAYS}`, 0, `\\?|L|(?:[1-7]|${DAYS})(?:L|#[1-5])`),
  field('year', '19[7-9]\\d|20\\d\\d|21\\d\\d', 229),
];

function cronSchedule(text: string): Schedule {
  const values = text.split(/\s+/);
  if (values.length !== 6) {
    throw new RangeError(
      `a cron expression has 6 fields (${FIELDS.map(({ name }) => name).join(', ')}), this has ${values.length}`,
    );
  }
  for (const [i, value] of values.entries()) {
    const { name, values: allowed, largestStep } = FIELDS[i]!;
    const steps = [...value.matchAll(/\/(\d+)/g)].map(([, step]) => Number(step));
    if (!allowed.test(value) || steps.some((step) => step > largestStep)) {
      throw new RangeError(`the ${name} field can't be "${value}"`);
    }
  }
  const [, , dayOfMonth, , dayOfWeek] = values as [string, string, string, string, string];
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw new RangeError('exactly one of day-of-month and day-of-week must be "?"');
  }
  // Alone, L in day-of-week is the last day of the week: Saturday.
  if (dayOfWeek.toUpperCase() === 'L') values[4] = '7';
  const cron = read(`0 ${values.join(' ')}`);
  // A millisecond on, because croner looks strictly before.
  const slot = (now: Date) => cron.previousRuns(1, new Date(now.getTime() + 1))[0];
  return {
    exact: true,
    slot,
    next: (now) => cron.nextRun(now) ?? undefined,
    covers: (made, now) => made.getTime() === slot(now)?.getTime(),
  };
}

function read(pattern: string): Cron {
  try {
    return new Cron(pattern, {
      mode: '7-part',
      alternativeWeekdays: true,
      sloppyRanges: true,
      timezone: 'UTC',
    });
  } catch (error) {
    throw new RangeError((error as Error).message);
  }
}
