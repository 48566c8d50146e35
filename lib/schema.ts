import * as v from 'valibot';

/**
 * An object with these keys and no others. Unlike valibot's own strictObject it names every key that is too many,
 * not only the first.
 */
export function strict<const T extends v.ObjectEntries>(entries: T): v.StrictObjectSchema<T, undefined> {
  const closed = v.objectWithRest(entries, v.never('is not a known key: check its spelling, or remove it'));
  return closed as unknown as v.StrictObjectSchema<T, undefined>;
}

/**
 * What is wrong, a line each: `keep.last: must be …`. Only our own words are used: valibot's quote the value, which
 * may be a secret. `whole` stands for the path of the outermost object.
 */
export function problemsOf(issues: readonly v.BaseIssue<unknown>[], whole: string): string[] {
  return issues.map((issue) => {
    const path = v.getDotPath(issue) ?? whole;
    if (issue.type !== 'object_with_rest') return `${path}: ${issue.message}`;
    return issue.received === 'undefined' ? `${path}: is missing` : `${path}: must be an object`;
  });
}
