import { RunFailed } from '../reporting/failure.ts';
import { logText, type Paragraph, paragraphText } from '../reporting/log-text.ts';
import type { Reason, ReasonCode } from '../reporting/reasons.ts';
import { DIAGNOSIS } from '../reporting/sentences/diagnosis.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { remedyOf, sentenceOf } from '../reporting/sentences.ts';

/**
 * The subject of a check, by the name of its setting or field. In this order: a subject of the
 * deployment, subjects of an account, and subjects of a policy.
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
  | 'adopt'
  | 'quota'
  | 'schedule'
  | 'cleanup'
  | 'offsite'
  | 'drill'
  | 'objectives';

/** The result of a check. */
export interface CheckResult {
  check: Subject;
  /**
   * - fail: a run would fail, or would protect less than the policy says.
   * - warn: a person should look at the result, or the check could not decide.
   */
  verdict: 'pass' | 'warn' | 'fail';
  reason: Reason;
}

/** Build a {@link CheckResult} with each verdict: `pass('clock', { code: 'CLOCKS_AGREE' })`. */
export const pass = finding('pass');
/** See {@link pass}. */
export const warn = finding('warn');
/** See {@link pass}. */
export const fail = finding('fail');

function finding(verdict: CheckResult['verdict']) {
  return (check: Subject, reason: Reason): CheckResult => ({ check, verdict, reason });
}

/**
 * The result of a check in the diagnosis: the code to filter by, the result as a sentence, and the
 * remedy as a sentence.
 */
export interface ReportedCheck extends Pick<CheckResult, 'check' | 'verdict'> {
  /** Absent in a check of the deployment. */
  account?: string;
  /** Absent in a check of the deployment or of a whole account. */
  policy?: string;
  code: ReasonCode;
  detail: Sentence;
  remedy?: Sentence;
}

/** Adds the sentences to the result of a check of an account or a policy. */
export function reportedCheck(
  { check, verdict, reason }: CheckResult,
  of: Pick<ReportedCheck, 'account' | 'policy'>,
): ReportedCheck {
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

/**
 * The results of `doctor`, for people and for programs. The handler returns them, and logs them as
 * JSON.
 */
export interface Diagnosis {
  job: 'doctor';
  owner: string;
  checks: ReportedCheck[];
}

const SYMBOLS = { pass: '✓', warn: '!', fail: '✗' };
const INDENT = 13;

/**
 * A diagnosis as text: a paragraph for each account and each policy, a line for each check, and the
 * remedy below its check. If the text is too long for `serverless invoke --log`, it contains only
 * the failed checks and the warnings, the failed checks first.
 */
export function diagnosisText({ checks }: Diagnosis, isLocal: boolean): string {
  const paragraphsOf = (some: readonly ReportedCheck[]): Paragraph[] =>
    [...Map.groupBy(some, ({ account, policy }) => JSON.stringify([account, policy]))].map(([, its]) => ({
      heading: DIAGNOSIS.subject(its[0]!),
      lines: its.map(
        (c) =>
          `  ${SYMBOLS[c.verdict]} ${c.check}`.padEnd(INDENT - 1) +
          ' ' +
          indented(DIAGNOSIS.advice(c), INDENT),
      ),
    }));
  const paragraphsWith = (verdict: ReportedCheck['verdict']) =>
    paragraphsOf(checks.filter((c) => c.verdict === verdict));
  const count = (verdict: ReportedCheck['verdict']) => checks.filter((c) => c.verdict === verdict).length;
  const sum = DIAGNOSIS.sum({
    all: checks.length,
    pass: count('pass'),
    warn: count('warn'),
    fail: count('fail'),
  });
  return logText(
    paragraphsOf(checks).map(paragraphText),
    [...paragraphsWith('fail'), ...paragraphsWith('warn')],
    {
      sum,
      isLocal,
    },
  );
}

/**
 * The error that makes the invocation fail, with each failed check and its remedy; undefined when
 * no check has failed.
 */
export function doctorFailure({ checks }: Diagnosis): RunFailed | undefined {
  const failed = checks.filter(({ verdict }) => verdict === 'fail');
  if (failed.length === 0) return undefined;
  const lines = failed.map(
    (c) => `- ${DIAGNOSIS.subject(c)}, ${c.check}: ${indented(DIAGNOSIS.advice(c), 2)}`,
  );
  return new RunFailed(
    [DIAGNOSIS.failure(failed.length, checks.length), ...lines].join('\n'),
    failed.map(({ code }) => code),
  );
}

function indented(text: string, by: number): string {
  return text.replaceAll('\n', `\n${' '.repeat(by)}`);
}
