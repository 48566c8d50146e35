import type { Reason } from '../reporting/reasons.ts';
import type { Outcome } from '../reporting/report.ts';

/** What has become of a copy, and why. */
export interface CopyResult {
  outcome: Outcome;
  reasons: Reason[];
}
