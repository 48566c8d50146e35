import { Cron } from 'croner';

interface CronField {
  name: string;
  /** The largest useful step; 0 if the field allows no steps. */
  largestStep: number;
  values: RegExp;
}

const MONTHS = 'JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC';
const DAYS = 'SUN|MON|TUE|WED|THU|FRI|SAT';
const DAY = '[1-9]|[12]\\d|3[01]';

/** A list of values, ranges and steps; or one of the field's `special` forms alone. */
function cronField(name: string, value: string, largestStep: number, special?: string): CronField {
  const entry = `(?:\\*|(?:${value})(?:-(?:${value}))?)(?:/[1-9]\\d*)?`;
  const list = `(?:${entry})(?:,(?:${entry}))*`;
  return { name, largestStep, values: new RegExp(`^(?:${list}${special ? `|${special}` : ''})$`, 'i') };
}

const FIELDS: CronField[] = [
  cronField('minutes', '[0-5]?\\d', 59),
  cronField('hours', '[01]?\\d|2[0-3]', 23),
  cronField('day-of-month', DAY, 31, `\\?|L|LW|(?:${DAY})W`),
  cronField('month', `[1-9]|1[0-2]|${MONTHS}`, 12),
  // The reference names no "/" for this field, and allows "#" and "L" only alone.
  cronField('day-of-week', `[1-7]|${DAYS}`, 0, `\\?|L|(?:[1-7]|${DAYS})(?:L|#[1-5])`),
  cronField('year', '19[7-9]\\d|20\\d\\d|21\\d\\d', 229),
];

/**
 * Cron fields as a regular expression without flags, for a JSON schema. The expression accepts some
 * fields that {@link parseCron} refuses.
 */
export const CRON_PATTERN = FIELDS.map(({ values }) =>
  values.source.slice(1, -1).replace(/[A-Z]/g, (letter) => `[${letter}${letter.toLowerCase()}]`),
).join('\\s+');

/**
 * Parses the six fields of an EventBridge cron expression: minutes hours day-of-month month
 * day-of-week year. EventBridge Scheduler has the same syntax.
 *
 * The result computes in UTC, or with wall-clock times in the UTC fields of a Date (wall-clock.ts).
 * It has no time zone, because croner differs from EventBridge Scheduler at daylight saving
 * changes: croner runs a skipped single time after the gap, and runs the repeated times of an
 * expression with several times twice.
 *
 * Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
 *
 * @throws {RangeError} with the problem, for fields that EventBridge would refuse.
 */
export function parseCron(text: string): Cron {
  const values = text.split(/\s+/);
  if (values.length !== 6) {
    throw new RangeError(
      `a cron expression has 6 fields (${FIELDS.map(({ name }) => name).join(', ')}), this has ${values.length}. Midnight of each day is cron(0 0 * * ? *)`,
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
  // A lone L in day-of-week means the last day of the week: Saturday.
  if (dayOfWeek.toUpperCase() === 'L') values[4] = '7';
  try {
    return new Cron(`0 ${values.join(' ')}`, {
      mode: '7-part',
      alternativeWeekdays: true,
      sloppyRanges: true,
      utcOffset: 0,
    });
  } catch (error) {
    throw new RangeError((error as Error).message);
  }
}
