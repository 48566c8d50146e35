import { ValidationError } from '../config/validation-error.ts';
import { isBucketError } from '../offsite/bucket-error.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { codesIn, type Reason, type ReasonCode } from './reasons.ts';
import type { Report } from './report.ts';
import { failedRunText } from './sentences/failed-run.ts';
import type { Sentence } from './sentences/sentence.ts';
import { sentenceOf } from './sentences.ts';

/** The error that makes an invocation fail although it has a result. */
export class RunFailed extends Error {
  override readonly name = 'RunFailed';
  /** The codes of all failures, each once. */
  readonly codes: readonly ReasonCode[];

  constructor(message: Sentence, codes: readonly ReasonCode[]) {
    super(message);
    this.codes = [...new Set(codes)];
  }
}

/** The error of a run that failed for one reason. */
export function failureFor(reason: Reason): RunFailed {
  return new RunFailed(sentenceOf(reason), codesIn(reason));
}

/**
 * The error that makes the invocation itself fail, so that Lambda tries again (which is safe) and
 * alarms see it; undefined for a good run.
 */
export function failureOf(report: Report): RunFailed | undefined {
  const { failures, failureCodes, totals } = report;
  if (!totals.failed && failures.length === 0) return undefined;
  return new RunFailed(failedRunText(report), Object.keys(failureCodes) as ReasonCode[]);
}

/** The reason of an error that ended a run before it had a result. */
export function reasonFor(error: unknown): Reason {
  if (error instanceof ValidationError) return error.reason;
  if (isCloudError(error)) return { code: 'CLOUD', ...errorFactsOf(error) };
  const { name, message } = error as Error;
  return isBucketError(error)
    ? { code: 'BUCKET', error: error.code, message }
    : { code: 'UNEXPECTED', error: name, message };
}

/** The codes of an error of a run. */
export function codesOf(error: unknown): readonly ReasonCode[] {
  return error instanceof RunFailed ? error.codes : codesIn(reasonFor(error));
}
