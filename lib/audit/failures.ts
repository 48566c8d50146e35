import { ADHOC } from '../config/policy.ts';
import { failureOf } from '../reporting/failure.ts';
import type { ReasonCode } from '../reporting/reasons.ts';
import type { Entry, Outcome, Report } from '../reporting/report.ts';
import { minuteText } from './format.ts';

/** The outcomes and codes of an entry whose server has nothing left to do. */
const DONE: readonly Outcome[] = ['taken', 'copied', 'proven', 'deleted', 'kept'];
const NOTHING_TO_DO: readonly (ReasonCode | undefined)[] = ['ALREADY_TAKEN', 'SERVER_GONE_BY_NOW'];

/** What failed in the runs of a day. */
export interface Failures {
  /** A line for each failure that no later run has repaired; equal lines once. */
  lines: string[];
  /** Those of the lines that are of a server in a snapshot run, with why it failed. */
  ofServers: (Pick<Entry, 'server' | 'region'> & {
    policy: string;
    account: string;
    line: string;
    text: string;
  })[];
  /** The number of failures that a later run has repaired. */
  repaired: number;
}

/** A failure of a whole run, or of the server of one entry. */
interface Failure {
  line: string;
  /** The entry, and why it failed. */
  entry?: Entry;
  text?: string;
}

/**
 * Finds the failures of a day, and those that a later run of the same job, such as a retry, has
 * repaired. A snapshot run for the next slot repairs nothing, because the snapshot of the earlier
 * slot is still missing.
 *
 * @param runs the oldest first.
 */
export function failuresIn(runs: readonly Report[]): Failures {
  const open = new Set<string>();
  const repaired = new Set<string>();
  const ofServers: Failures['ofServers'] = [];
  for (const [i, run] of runs.entries()) {
    const later = runs.slice(i + 1).filter((one) => isSameWork(run, one));
    for (const failure of failuresOf(run)) {
      const isRepaired = later.some((one) => repairs(one, failure));
      (isRepaired ? repaired : open).add(failure.line);
      const { line, entry, text } = failure;
      if (!isRepaired && run.job === 'snapshot' && entry && text !== undefined) {
        const { server, region, policy = run.policy, account = run.account } = entry;
        ofServers.push({ server, region, policy, account, line, text });
      }
    }
  }
  return { lines: [...open], ofServers, repaired: repaired.difference(open).size };
}

/**
 * The failures of a run. The lines do not contain a time, so that the same failure of a retry has
 * the same line.
 */
function failuresOf({ job, policy, account, accounts, failures, entries }: Report): Failure[] {
  const run = accounts ? `${job} ${policy} of ${account}` : `${job} ${policy}`;
  const failed = entries.filter(({ outcome }) => outcome === 'failed');
  return [
    ...failures.map(({ text }) => ({ line: `${run}: ${text}` })),
    ...failed.flatMap((entry) =>
      textsOf(entry).map((text) => ({
        line: `${run}: ${entry.name || entry.server} in ${entry.region}: ${text}`,
        entry,
        text,
      })),
    ),
  ];
}

function textsOf({ reason, snapshots = [] }: Entry): string[] {
  const failed = snapshots.filter(({ outcome }) => outcome === 'failed');
  return failed.length === 0
    ? [reason ?? 'failed']
    : failed.map(({ slot, reasons }) => `snapshot of ${minuteText(slot)}: ${reasons.join('; ')}`);
}

/** Whether a later run had to do the same work. */
function isSameWork(run: Report, later: Report): boolean {
  if (run.job !== later.job || run.policy !== later.policy || run.account !== later.account) return false;
  if (run.job !== 'snapshot' || run.slot === later.slot) return true;
  // The slot of a rate is the time of the run.
  return run.policy !== ADHOC && run.nextRun !== undefined && (later.slot ?? '') < run.nextRun;
}

function repairs(later: Report, { entry }: Failure): boolean {
  if (!entry) return isCompleteRun(later) && later.failures.length === 0;
  const its = later.entries.filter(
    (one) => one.server === entry.server && one.region === entry.region && one.policy === entry.policy,
  );
  return its.length > 0
    ? its.every(({ outcome, code }) => DONE.includes(outcome) || NOTHING_TO_DO.includes(code))
    : isCompleteRun(later) && failureOf(later) === undefined;
}

/** Whether a run was for the whole policy, and completed its work. */
function isCompleteRun({ isPart, left, resumesAt, codes }: Report): boolean {
  return !isPart && !left && !resumesAt && !codes.RUN_CRASHED;
}
