import { closest, distance } from 'fastest-levenshtein';
import * as v from 'valibot';
import type { FieldProblem } from '../reporting/reasons.ts';

/** The maximum edit distance of a key that is suggested as the correct spelling. */
const MAX_TYPOS = 2;

/** How many of the fields of an object a message names. */
const MOST_KEYS = 8;

/**
 * An object with these keys and no others. Unlike valibot's strictObject, the schema reports every
 * unknown key, not only the first, with the similar known key or the nested object that has the
 * key.
 */
export function strict<const T extends v.ObjectEntries>(entries: T): v.StrictObjectSchema<T, undefined> {
  const inner = Object.entries(entries).flatMap(([key, schema]) =>
    Object.keys(schemaEntries(schema)).map((one) => `${key}.${one}`),
  );
  // valibot copies `requirement` to the issue; see remedyOf.
  const rest = { ...v.never('is not a known key'), requirement: [...Object.keys(entries), ...inner] };
  const fields = Object.keys(entries).slice(0, MOST_KEYS).join(', ');
  const message = ({ received }: { received: string }): string => {
    if (received === 'undefined') return 'is missing';
    return received === 'null'
      ? `is empty: add its fields, such as ${fields}`
      : `must be an object with fields such as ${fields}`;
  };
  const schema = v.objectWithRest(entries, rest, message);
  return { ...schema, '~run': refusingLists(schema) } as unknown as v.StrictObjectSchema<T, undefined>;
}

/** A schema's `~run` that refuses a list, which valibot accepts as an object. */
function refusingLists<S extends v.GenericSchema>(schema: S): S['~run'] {
  return (dataset, config) => schema['~run'](Array.isArray(dataset.value) ? { value: '' } : dataset, config);
}

/** The id of a server or an image. */
export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** An ISO 8601 timestamp. */
export const isoDate = v.pipe(
  v.string(),
  v.isoTimestamp(),
  v.transform((text) => new Date(text)),
);

/** The entries of an object schema, which may be wrapped as optional. */
function schemaEntries(schema: object): object {
  const { wrapped = schema } = schema as { wrapped?: object };
  return (wrapped as { entries?: object }).entries ?? {};
}

/** An object with any keys. Unlike valibot's record, the schema refuses an array. */
export function recordOf<const V extends v.GenericSchema, const M extends string>(values: V, message: M) {
  const schema = v.record(v.string(), values, message);
  return { ...schema, '~run': refusingLists(schema) };
}

/**
 * An object that has at least one of these keys, also in the JSON schema that is generated from it.
 */
export function anyOf<const S extends v.GenericSchema<object>>(
  schema: S,
  keys: readonly (keyof v.InferOutput<S>)[],
  message: string,
) {
  return v.pipe(
    schema,
    v.check((object) => keys.some((key) => object[key as keyof typeof object] !== undefined), message),
    v.metadata({ anyOf: keys.map((key) => ({ required: [key] })) }),
  );
}

/** A field with the description that docs/fields.md and an editor show. */
export function field<const S extends v.GenericSchema>(description: string, schema: S) {
  return v.pipe(schema, v.description(description));
}

/**
 * Converts validation issues to problems of fields. valibot's default messages are not used,
 * because they quote the value, which may be a secret.
 *
 * @param whole the path of the outermost object.
 * @param namesKey decides which unknown keys may be named, if an unknown key may be a secret.
 */
export function problemsOf(
  issues: readonly v.BaseIssue<unknown>[],
  whole: string,
  namesKey = (_key: string) => true,
): FieldProblem[] {
  const problems = issues.map((issue) => {
    const isHidden = Array.isArray(issue.requirement) && !namesKey(String(issue.path?.at(-1)?.key));
    const field = isHidden ? hiddenPath(issue) : (v.getDotPath(issue) ?? whole);
    return { field, text: `${issue.message}${correctionFor(issue)}` };
  });
  // A value such as 0.5 fails several checks, which have the same message.
  return [...new Map(problems.map((one) => [problemText(one), one])).values()];
}

/** A problem with its path: `keep.last: must be …`. */
export function problemText({ field, text }: FieldProblem): string {
  return field === undefined ? text : `${field}: ${text}`;
}

/** The path of an unknown key without the key itself: `a key of servers`. */
function hiddenPath({ path }: v.BaseIssue<unknown>): string {
  const parent = (path ?? []).slice(0, -1).map(({ key }) => String(key));
  return parent.length > 0 ? `a key of ${parent.join('.')}` : 'a key';
}

/** Whether a key is a plain word, which is no secret that somebody has put in place of a key. */
export function isPlainWord(key: string): boolean {
  return /^[a-z]{1,20}$/i.test(key);
}

/** The known key that `key` probably misspells; undefined if no known key is similar. */
export function nearMiss(key: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const sameStem = known.find((one) => stemOf(one) === stemOf(key));
  const nearest = sameStem ?? closest(key, known);
  const isNear = sameStem || distance(key, nearest) <= Math.min(MAX_TYPOS, key.length - 1);
  return isNear ? nearest : undefined;
}

/**
 * The stem of a key, for the comparison of spellings: `copiesBucket` and `copy_buckets` have the
 * same stem.
 */
export function stemOf(key: string): string {
  const words = key.replaceAll(/([a-z])([A-Z])/g, '$1 $2').split(/[^A-Za-z0-9]+/);
  return words.map((word) => word.toLowerCase().replace(/ies$/, 'y').replace(/s$/, '')).join('');
}

/**
 * A text that YAML reads as a number, a boolean or a date without quotes, such as an account named
 * 7. The message then asks for quotes.
 */
export function quotable(message: string) {
  return v.string(({ input }) =>
    ['boolean', 'number'].includes(typeof input) || input instanceof Date
      ? `${message}: put it in quotes`
      : message,
  );
}

/** An additional remedy for an issue, such as the correct spelling of a key. */
function correctionFor({ kind, expected, input, path, requirement }: v.BaseIssue<unknown>): string {
  if (Array.isArray(requirement)) {
    const key = String(path?.at(-1)?.key);
    const known = requirement.map(String);
    const nearest =
      nearMiss(
        key,
        known.filter((one) => !one.includes('.')),
      ) ?? known.find((one) => one.endsWith(`.${key}`));
    if (nearest) return `: did you mean "${nearest}"?`;
    const own = known.filter((one) => !one.includes('.'));
    return own.length > MOST_KEYS
      ? ': check its spelling, or remove it'
      : `: the known ones are ${own.join(', ')}: correct it, or remove it`;
  }
  if (kind !== 'schema' || typeof input !== 'string') return '';
  if (expected === 'number') return /^\d+$/.test(input) ? ': remove the quotes' : '';
  if (expected !== 'true' && expected !== 'boolean') return '';
  if (input === 'true' || (expected === 'boolean' && input === 'false')) return ': remove the quotes';
  // YAML 1.2 reads yes, on and y as texts.
  if (/^(yes|on|y)$/i.test(input)) return ': write true';
  return expected === 'boolean' && /^(no|off|n)$/i.test(input) ? ': write false' : '';
}
