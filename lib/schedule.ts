import { Cron } from 'croner';

const MINUTE_MS = 60_000;
const RATE_UNITS: Record<string, number> = { minute: MINUTE_MS, hour: 60 * MINUTE_MS, day: 1440 * MINUTE_MS };

/** When a rule fires, in UTC as EventBridge has it. All answers are whole seconds. */
export interface Schedule {
  /** The latest fire time at or before `now`; undefined before the first. */
  slot(now: Date): Date | undefined;
  /** The first fire time after `now`; undefined when there is none any more. */
  next(now: Date): Date | undefined;
}

/**
 * Reads an EventBridge schedule expression: `cron(minutes hours day-of-month month day-of-week year)` or
 * `rate(value unit)`.
 *
 * A rate has no fixed times of its own: EventBridge counts from the moment when the rule was made, which nobody
 * tells us. Its slots are therefore the multiples of its interval since 1970-01-01T00:00Z; each holds one fire.
 *
 * Source: Amazon EventBridge user guide, "Setting a schedule pattern for scheduled rules (legacy)".
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
  const [, value, unit, plural] = /^([1-9]\d*) (minute|hour|day)(s?)$/.exec(rate) ?? [];
  const unitMs = unit && RATE_UNITS[unit];
  if (!value || !unitMs)
    throw new RangeError('expected rate(<number> minutes|hours|days), such as rate(6 hours)');
  if ((value === '1') !== (plural === '')) {
    throw new RangeError(
      `EventBridge wants the singular for 1 and the plural for more: rate(${value} ${unit}${value === '1' ? '' : 's'})`,
    );
  }
  const stepMs = Number(value) * unitMs;
  const slotMs = (now: Date) => Math.floor(now.getTime() / stepMs) * stepMs;
  return { slot: (now) => new Date(slotMs(now)), next: (now) => new Date(slotMs(now) + stepMs) };
}

interface Field {
  name: string;
  values: RegExp;
}

const MONTHS = 'JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC';
const DAYS = 'SUN|MON|TUE|WED|THU|FRI|SAT';

/** A list of values, ranges and steps, or of one of the field's own `special` forms. */
function field(name: string, value: string, special = ''): Field {
  const range = `(?:${value})(?:-(?:${value}))?`;
  const entry = `(?:\\*|${range})(?:/[1-9]\\d*)?${special && `|${special}`}`;
  return { name, values: new RegExp(`^(?:${entry})(?:,(?:${entry}))*$`, 'i') };
}

const DAY = '[1-9]|[12]\\d|3[01]';
const FIELDS: Field[] = [
  field('minutes', '[0-5]?\\d'),
  field('hours', '[01]?\\d|2[0-3]'),
  field('day-of-month', DAY, `\\?|L|LW|(?:${DAY})W`),
  field('month', `[1-9]|1[0-2]|${MONTHS}`),
  field('day-of-week', `[1-7]|${DAYS}`, `\\?|L|(?:[1-7]|${DAYS})(?:L|#[1-5])`),
  field('year', '19[7-9]\\d|20\\d\\d|21\\d\\d'),
];

function cronSchedule(text: string): Schedule {
  const values = text.trim().split(/\s+/);
  if (values.length !== 6) {
    throw new RangeError(
      `a cron expression has 6 fields (${FIELDS.map(({ name }) => name).join(', ')}), this has ${values.length}`,
    );
  }
  const wrong = FIELDS.find(({ values: allowed }, i) => !allowed.test(values[i] ?? ''));
  if (wrong) throw new RangeError(`the ${wrong.name} field can't be "${values[FIELDS.indexOf(wrong)]}"`);
  const [, , dayOfMonth, , dayOfWeek] = values;
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw new RangeError('exactly one of day-of-month and day-of-week must be "?"');
  }
  // Alone, L in day-of-week is the last day of the week: Saturday.
  if (dayOfWeek?.toUpperCase() === 'L') values[4] = '7';
  const cron = read(`0 ${values.join(' ')}`);
  return {
    // A millisecond on, because croner looks strictly before.
    slot: (now) => cron.previousRuns(1, new Date(now.getTime() + 1))[0],
    next: (now) => cron.nextRun(now) ?? undefined,
  };
}

function read(pattern: string): Cron {
  try {
    return new Cron(pattern, {
      mode: '7-part',
      alternativeWeekdays: true,
      sloppyRanges: true,
      timezone: 'UTC',
      paused: true,
    });
  } catch (error) {
    throw new RangeError((error as Error).message.replace(/^CronPattern: /, ''));
  }
}
