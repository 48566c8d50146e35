import { codesIn, type FieldProblem, type Reason, type ReasonCode } from '../reporting/reasons.ts';
import { sentenceOf } from '../reporting/sentences.ts';
import { problemText } from './schema.ts';

/**
 * Invalid input: an event, a secret or a schedule. The error is thrown before anything is created
 * or deleted. Each problem names its field and the remedy.
 */
export class ValidationError extends Error {
  override readonly name = 'ValidationError';
  readonly reason: Reason;
  /** The code of the reason, and the codes of the reasons in its facts. */
  readonly codes: readonly ReasonCode[];

  constructor(reason: Reason) {
    super(sentenceOf(reason));
    this.reason = reason;
    this.codes = codesIn(reason);
  }

  /** The problems as a list; only the message if the reason has no list of problems. */
  get problems(): readonly string[] {
    const { reason } = this;
    if (reason.code === 'EVENT_INVALID') return reason.problems.map(problemText);
    return 'problems' in reason ? reason.problems : [this.message];
  }
}

/** The error for an event with these problems. */
export function invalidEvent(...problems: FieldProblem[]): ValidationError {
  return new ValidationError({ code: 'EVENT_INVALID', problems });
}
