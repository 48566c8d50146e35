import { ValidationError } from '../config/validation-error.ts';
import type { Reason } from '../reporting/reasons.ts';

/** Refuses a restore. @throws {ValidationError} that names every reason. */
export function refuse(...reasons: Reason[]): never {
  throw new ValidationError({ code: 'JOB_REFUSED', job: 'restore', reasons });
}
