import { ValidationError } from '../config/validation-error.ts';
import type { Reason } from '../reporting/reasons.ts';
import { sentenceOf } from '../reporting/sentences.ts';

/** Refuses a restore. @throws {ValidationError} that names every reason. */
export function refuse(...reasons: Reason[]): never {
  throw refusal('The restore is refused', reasons);
}

/** The error of a refused restore, with its reasons as sentences and as codes. */
export function refusal(what: string, reasons: readonly Reason[]): ValidationError {
  return new ValidationError(
    what,
    reasons.map(sentenceOf),
    reasons.map(({ code }) => code),
  );
}
