import { Refusal } from '../config/validation-error.ts';
import type { Reason } from '../reporting/reasons.ts';
import { sentenceOf } from '../reporting/sentences.ts';

/** @throws {Refusal} of a restore, that names every reason. */
export function refuse(...reasons: Reason[]): never {
  throw refusal('The restore is refused', reasons);
}

/** The refusal of a restore, with the codes of its reasons. */
export function refusal(what: string, reasons: readonly Reason[]): Refusal {
  return new Refusal(
    what,
    reasons.map(sentenceOf),
    reasons.map(({ code }) => code),
  );
}
