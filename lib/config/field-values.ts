import * as v from 'valibot';
import { DAY_MS, HOUR_MS, MINUTE_MS } from './dates.ts';
import { parseSchedule } from './schedule.ts';
import { quotable, recordOf, UUID } from './schema.ts';
import { isTimezone } from './wall-clock.ts';

// The forms of the single values in policies and events: texts, counts, durations, sizes, ids.

const DURATION_UNITS: Record<string, number> = { h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS };

/** A longer duration could end in a year of more than four digits, which markers do not allow. */
const MAX_DURATION_MS = 99_999 * DURATION_UNITS.w!;

/** The id in remedies. */
export const EXAMPLE_ID = '59818cee-bc8c-44eb-8073-673ee65105f7';

/** A non-empty text, not a placeholder such as `<network id>`; `what` describes it in messages. */
export const text = (what: string) =>
  v.pipe(
    quotable(`must be ${what}`),
    v.trim(),
    v.nonEmpty(`must be ${what}`),
    v.regex(/^(?!<.*>$)/, `must be ${what}, in place of the text in <…>`),
  );

/** A whole number of 1 or more. */
export const count = v.pipe(
  v.number('must be a whole number of 1 or more, or be left out'),
  v.safeInteger('must be a whole number of 1 or more, or be left out'),
  v.minValue(1, 'must be a whole number of 1 or more, or be left out'),
);

/** Adds a suggestion with a unit to the remedy if the input is a number without a unit. */
const withUnit =
  (remedy: string, unit: string) =>
  ({ input }: { input: unknown }): string =>
    /^[1-9]\d{0,5}$/.test(String(input)) ? `${remedy}: say ${input}${unit} if you mean that` : remedy;

const durationRemedy = withUnit(
  'must be a whole number of hours, days or weeks with its unit, such as 12h, 30d or 4w',
  'd',
);

/** "12h", "30d" or "4w" -> milliseconds. */
export const duration = v.pipe(
  v.string(durationRemedy),
  v.regex(/^[1-9]\d*[hdw]$/, durationRemedy),
  v.transform((text) => Number.parseInt(text, 10) * (DURATION_UNITS[text.at(-1)!] ?? Number.NaN)),
  v.maxValue(MAX_DURATION_MS, 'must be at most 99999w'),
);

const shortRemedy = withUnit(
  'must be a whole number of minutes, hours or days with its unit, such as 15m, 30h or 2d',
  'h',
);

/** "15m", "30h" or "2d" -> milliseconds. */
export const shortDuration = v.pipe(
  v.string(shortRemedy),
  v.regex(/^[1-9]\d{0,6}[mhd]$/, shortRemedy),
  v.transform(
    (text) => Number.parseInt(text, 10) * ({ m: MINUTE_MS, ...DURATION_UNITS }[text.at(-1)!] ?? Number.NaN),
  ),
);

/** A schedule in EventBridge syntax; see schedule.ts. */
export const schedule = v.pipe(
  v.string('must be an EventBridge expression, such as "cron(0 0 * * ? *)" or "rate(1 day)"'),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      parseSchedule(dataset.value);
    } catch (error) {
      addIssue({ message: `is not a valid EventBridge schedule: ${(error as Error).message}` });
    }
  }),
);

const timezoneRemedy =
  'must be the name of a time zone, spelled as in the IANA time zone database, such as "America/Chicago"';

/** The name of an IANA time zone. */
export const timezone = v.pipe(v.string(timezoneRemedy), v.check(isTimezone, timezoneRemedy));

/** An id. Clouds write UUIDs in lower case. */
export const id = (what: string) =>
  v.pipe(
    text(what),
    v.transform((given) => (UUID.test(given) ? given.toLowerCase() : given)),
  );

/** An optional list that is not empty; `what` and `example` describe an item in messages. */
export const list = (
  what: string,
  example: string,
  description: string,
  item: ReturnType<typeof text | typeof id> = text(what),
) =>
  v.optional(
    v.pipe(
      v.array(item, `must be a list, such as [${example}]`),
      v.nonEmpty('must not be empty: leave it out'),
      v.description(description),
    ),
  );

/** An optional map of metadata keys to values that is not empty. */
export const tagged = (description: string) =>
  v.optional(
    v.pipe(
      recordOf(text('a text, such as "daily"'), 'must name a metadata key and value: {"autosnap": "daily"}'),
      v.check(
        (tags) => Object.keys(tags).length > 0,
        'must name a metadata key and value: {"autosnap": "daily"}',
      ),
      v.metadata({ minProperties: 1 }),
      v.description(description),
    ),
  );

const BYTE_UNITS: Record<string, number> = { MB: 1e6, GB: 1e9, TB: 1e12 };

const bytesRemedy = withUnit('must be a number with its unit, MB, GB or TB, such as 500GB or 1.5TB', 'GB');

/**
 * "500GB" or "1.5TB" -> bytes. The unit is required, because a bare 500 would hardly mean bytes.
 */
export const bytes = v.pipe(
  v.string(bytesRemedy),
  v.regex(/^\d{1,7}(\.\d{1,3})? ?(MB|GB|TB)$/, bytesRemedy),
  v.transform((text) => Math.round(Number.parseFloat(text) * BYTE_UNITS[text.slice(-2)]!)),
  v.minValue(1, bytesRemedy),
  v.maxValue(Number.MAX_SAFE_INTEGER, bytesRemedy),
);

/** A whole number from `min` to `max`. */
export const wholeNumber = (min: number, max: number) => {
  const remedy = `must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(remedy), v.safeInteger(remedy), v.minValue(min, remedy), v.maxValue(max, remedy));
};
