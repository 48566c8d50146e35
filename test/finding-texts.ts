import type { ReportedFinding } from '../lib/reporting/report.ts';

/** The sentences of the failures or warnings of a report. */
export function textsOf(findings: readonly ReportedFinding[] = []): string[] {
  return findings.map(({ text }) => text);
}
