import type { ReasonCode } from '../reporting/reasons.ts';

/**
 * Bad input: an event, a secret or a schedule that cannot be acted on. Nothing has been created or deleted when it
 * is thrown. Each problem names its field and what to do.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly problems: string[];
  /** The codes of the problems that have some; see reasons.ts. */
  readonly codes: readonly ReasonCode[];

  constructor(what: string, problems: string[], codes: readonly ReasonCode[] = []) {
    const [only, ...more] = problems;
    super(more.length === 0 ? `${what}: ${only}` : `${what}:\n${problems.map((p) => `- ${p}`).join('\n')}`);
    this.problems = problems;
    this.codes = codes;
  }
}
