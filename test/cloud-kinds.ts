/** Whether this is a suite that runs all cases: test:volumes, test:recovery, test:thorough. */
const isThorough = process.env.CASES === 'all';

/**
 * The clouds whose volumes differ: Rackspace with Cinder v1, and an OpenStack with Cinder v3, by
 * the kinds of their secrets. `npm test` takes the first one for tests that do the same in both.
 */
export const KINDS = (['rackspace', 'password'] as const).slice(0, isThorough ? 2 : 1);
export type Kind = (typeof KINDS)[number];

/** All cases of an exhaustive test, or every `nth` of them in `npm test`. */
export function everyNth<T>(nth: number, cases: readonly T[]): T[] {
  return cases.filter((_, i) => isThorough || i % nth === 0);
}
