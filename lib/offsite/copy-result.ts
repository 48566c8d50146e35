import type { Reason } from '../reporting/reasons.ts';
import type { Outcome } from '../reporting/report.ts';

/** The outcome for a copy, and the reasons for the outcome. */
export interface CopyResult {
  outcome: Outcome;
  reasons: Reason[];
}
