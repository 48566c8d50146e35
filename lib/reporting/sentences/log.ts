import type { Report } from '../report.ts';
import type { Sentence } from './sentence.ts';

/** A line of a log for people. Without `level` it has that of the whole run. */
interface LogLine {
  level?: 'warn' | 'error';
  text: Sentence;
}

/**
 * The lines of a run: how it ended, and what failed or is odd. Other results have a text of their
 * own.
 */
export function resultLines(result: unknown): LogLine[] {
  if (!isReport(result)) return [];
  const { job, policy, account, dryRun, totals, failures, warnings, resumesAt } = result;
  const counts = Object.entries(totals).map(([outcome, count]) => `${count} ${outcome}`);
  const head = `${job} of ${policy} (${account})${dryRun ? ', dry run' : ''}: ${counts.join(', ') || 'nothing to do'}`;
  return [
    { text: `${head}${resumesAt === undefined ? '' : `; the rest goes on at ${resumesAt}`}` },
    ...failures.map(({ text }): LogLine => ({ level: 'error', text })),
    ...warnings.map(({ text }): LogLine => ({ level: 'warn', text })),
  ];
}

function isReport(result: unknown): result is Report {
  return typeof result === 'object' && result !== null && 'totals' in result;
}
