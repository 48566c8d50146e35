import type { ReasonCode } from '../reporting/reasons.ts';

/**
 * Invalid input: an event, a secret or a schedule. The error is thrown before anything is created
 * or deleted. Each problem names its field and the remedy.
 */
export class ValidationError extends Error {
  override readonly name = 'ValidationError';
  readonly problems: string[];
  /** The reason codes of the problems, if any; see reasons.ts. */
  readonly codes: readonly ReasonCode[];

  constructor(what: string, problems: string[], codes: readonly ReasonCode[] = []) {
    const [only, ...more] = problems;
    super(more.length === 0 ? `${what}: ${only}` : `${what}:\n${problems.map((p) => `- ${p}`).join('\n')}`);
    this.problems = problems;
    this.codes = codes;
  }
}
