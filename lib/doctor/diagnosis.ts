import { RunFailed } from '../reporting/failure.ts';
import { logText } from '../reporting/log-text.ts';
import type { Reason, ReasonCode } from '../reporting/reasons.ts';
import { remedyOf, sentenceOf } from '../reporting/sentences.ts';

/**
 * What was looked at: of the deployment, of an account, then of a policy, by the name of its field.
 */
type Subject =
  | 'alerts'
  | 'secret'
  | 'login'
  | 'rights'
  | 'clock'
  | 'owner'
  | 'region'
  | 'volumes'
  | 'regions'
  | 'servers'
  | 'data'
  | 'quota'
  | 'schedule'
  | 'cleanup'
  | 'offsite'
  | 'drill';

/** What a check has found. */
export interface CheckResult {
  check: Subject;
  /**
   * fail: a run would fail, or would protect less than the policy says. warn: it can't be told, or
   * a person should look at it.
   */
  verdict: 'pass' | 'warn' | 'fail';
  reason: Reason;
}

/** Findings of each verdict: `pass('clock', { code: 'CLOCKS_AGREE' })`. */
export const pass = finding('pass');
export const warn = finding('warn');
export const fail = finding('fail');

function finding(verdict: CheckResult['verdict']) {
  return (check: Subject, reason: Reason): CheckResult => ({ check, verdict, reason });
}

/**
 * A finding as the diagnosis has it: the code to filter by, and what was found and what to do in
 * words.
 */
export interface CheckName extends Pick<CheckResult, 'check' | 'verdict'> {
  /** Absent where it is about the deployment. */
  account?: string;
  /** Absent where it is about the account as a whole. */
  policy?: string;
  code: ReasonCode;
  detail: string;
  remedy?: string;
}

/** A finding of an account, or of one of its policies. */
export function checkOf(
  { check, verdict, reason }: CheckResult,
  of: Pick<CheckName, 'account' | 'policy'>,
): CheckName {
  const remedy = remedyOf(reason);
  return {
    ...of,
    check,
    verdict,
    code: reason.code,
    detail: sentenceOf(reason),
    ...(remedy === undefined ? {} : { remedy }),
  };
}

/** What `doctor` has found, for people and for programs: returned, and logged as JSON. */
export interface Diagnosis {
  job: 'doctor';
  owner: string;
  checks: CheckName[];
}

const SIGNS = { pass: '✓', warn: '!', fail: '✗' };
const INDENT = 13;

/**
 * A diagnosis for people to read: a paragraph for each account and each policy, a line a check, the
 * remedy below it. If that is too long for `serverless invoke --log`, only what is not good is
 * listed, what has failed first.
 */
export function diagnosisText({ checks }: Diagnosis, isLocal: boolean): string {
  const paragraphsOf = (some: readonly CheckName[]) =>
    [...Map.groupBy(some, subjectOf)].map(([subject, its]) =>
      [
        subject,
        ...its.map((c) => `  ${SIGNS[c.verdict]} ${c.check}`.padEnd(INDENT) + indented(adviceOf(c), INDENT)),
      ].join('\n'),
    );
  const having = (verdict: CheckName['verdict']) => paragraphsOf(checks.filter((c) => c.verdict === verdict));
  const count = (verdict: CheckName['verdict']) => checks.filter((c) => c.verdict === verdict).length;
  const sum = `${checks.length} checks: ${count('pass')} good, ${count('warn')} to look at, ${count('fail')} failed.`;
  return logText(paragraphsOf(checks), [...having('fail'), ...having('warn')], { sum, isLocal });
}

/**
 * The error that makes the invocation fail, with each problem and its remedy; undefined when
 * nothing has failed.
 */
export function doctorFailure({ checks }: Diagnosis): RunFailed | undefined {
  const failed = checks.filter(({ verdict }) => verdict === 'fail');
  if (failed.length === 0) return undefined;
  const lines = failed.map((c) => `- ${subjectOf(c)}, ${c.check}: ${indented(adviceOf(c), 2)}`);
  return new RunFailed(
    `doctor: ${failed.length} of ${checks.length} checks failed.\n${lines.join('\n')}`,
    failed.map(({ code }) => code),
  );
}

function subjectOf({ account, policy }: CheckName): string {
  if (account === undefined) return 'deployment';
  return policy ? `policy ${policy}` : `account ${account}`;
}

function adviceOf({ detail, remedy }: CheckName): string {
  return remedy ? `${detail}\n→ ${remedy}` : detail;
}

function indented(text: string, by: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(by)}`);
}
