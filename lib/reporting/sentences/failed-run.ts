import type { Report } from '../report.ts';
import type { Sentence } from './sentence.ts';

const MOST_LINES = 10;

/** What each outcome is of; a copy is named by its snapshot. */
const ITEM_OF_JOB: Record<Report['job'], string> = {
  snapshot: 'server',
  drill: 'server',
  cleanup: 'snapshot',
  hold: 'snapshot',
  offsite: 'snapshot',
};

/** The failures of a run, with the region and the reason of each, for its error. */
export function failedRunText({
  job,
  policy,
  account,
  accounts,
  failures,
  omittedFailures = 0,
  entries,
  totals,
  omitted,
}: Report): Sentence {
  const lines = [...failures.map(({ text }) => text), ...entries.flatMap(linesOf)];
  const most = MOST_LINES - Math.min(omitted, 1);
  const failed = totals.failed ?? 0;
  const first = lines.slice(0, most);
  const more = failures.length + omittedFailures + failed - first.length;
  const shown = [...first, ...(more > 0 ? [`… and ${more} more`] : [])];
  const run = `${job} ${policy}${accounts ? ` of ${account}` : ''}`;
  const list = `.\n- ${shown.join('\n- ')}`;
  if (failed === 0) return `${run} failed${shown.length === 1 ? `: ${shown[0]}` : list}`;
  const all = Object.values(totals).reduce((sum, n) => sum + n, 0);
  return `${run}: ${failed} of ${all} ${ITEM_OF_JOB[job]}${all === 1 ? '' : 's'} failed${list}`;
}

function linesOf({ name, region, outcome, reason, snapshots }: Report['entries'][number]): string[] {
  if (outcome !== 'failed') return [];
  const failed = snapshots?.filter((snapshot) => snapshot.outcome === 'failed');
  const reasons = failed?.map(({ image, reasons }) => `${image}: ${reasons.join('; ')}`) ?? [
    reason ?? 'failed',
  ];
  return reasons.map((why) => `${name || 'a server'} in ${region}: ${why}`);
}

/** What failed of an audit, for its error. */
export function failedAuditText(failures: readonly Sentence[]): Sentence {
  return `audit: ${failures.join('; ')}`;
}
