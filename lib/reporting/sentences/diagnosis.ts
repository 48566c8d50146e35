import type { Sentence } from './sentence.ts';

/** The parts of a diagnosis as text, besides the results of its checks. */
export const DIAGNOSIS = {
  sum: ({ all, pass, warn, fail }: Record<'all' | 'pass' | 'warn' | 'fail', number>) =>
    `${all} checks: ${pass} good, ${warn} to look at, ${fail} failed.`,
  failure: (failed: number, of: number) => `doctor: ${failed} of ${of} checks failed.`,
  /** What a check is of. */
  subject({ account, policy }: { account?: string; policy?: string }): string {
    if (account === undefined) return 'deployment';
    return policy ? `policy ${policy}` : `account ${account}`;
  },
  /** The result of a check, and on a second line what to do about it. */
  advice: ({ detail, remedy }: { detail: Sentence; remedy?: Sentence }) =>
    remedy ? `${detail}\n→ ${remedy}` : detail,
};
