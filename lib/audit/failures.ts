import { ADHOC } from '../config/adhoc-event.ts';
import { failureOf } from '../reporting/failure.ts';
import type { ReasonCode } from '../reporting/reasons.ts';
import type { Entry, Outcome, Report } from '../reporting/report.ts';
import { failedRunLine, failedServerLine, failedSnapshotText } from '../reporting/sentences/digest.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';

/** The outcomes and codes of an entry whose server has nothing left to do. */
const DONE: readonly Outcome[] = ['taken', 'copied', 'proven', 'deleted', 'kept'];
const NOTHING_TO_DO: readonly (ReasonCode | undefined)[] = ['ALREADY_TAKEN', 'SERVER_GONE_BY_NOW'];

/** What failed in the runs of a day. */
export interface Failures {
  /** The failures that no later run has repaired; the same one of several tries or slots once. */
  open: (Failure & {
    /** How often it was seen, each try counted. */
    times: number;
  })[];
  /** The number of failures that a later run has repaired. */
  repaired: number;
}

/** A failure of a whole run, or of a server in it. */
export interface Failure {
  /**
   * Identifies the failure, so that the same one in another try, or of another snapshot, has the
   * same key: the job, the policy, the server and the codes.
   */
  key: string;
  /** The slot of the snapshot, the latest one of several; absent if it is not of one slot. */
  slot?: string | undefined;
  /** The run, what failed in it, and why. */
  line: Sentence;
  /** The server, in a snapshot run only, and why its snapshot failed. */
  ofServer?: Pick<Entry, 'server' | 'region'> & { policy: string; account: string; text: Sentence };
}

/** A failure with its entry, if it is of one. */
type FailureOfRun = Failure & { entry?: Entry };

/**
 * Finds the failures of a day, and those that a later run of the same job, such as a retry, has
 * repaired. A snapshot run for the next slot repairs nothing, because the snapshot of the earlier
 * slot is still missing. Of a failure of several tries, the last one is named.
 *
 * @param runs the oldest first.
 */
export function failuresIn(runs: readonly Report[]): Failures {
  const open = new Map<string, Failures['open'][number]>();
  const repaired = new Set<string>();
  for (const [i, run] of runs.entries()) {
    const later = runs.slice(i + 1).filter((one) => isSameWork(run, one));
    for (const { entry, ...failure } of failuresOf(run)) {
      if (later.some((one) => repairs(one, entry))) repaired.add(failure.key);
      else open.set(failure.key, again(open.get(failure.key), failure));
    }
  }
  return { open: [...open.values()], repaired: repaired.difference(open).size };
}

/** A failure that was seen before, or not. */
function again(before: Failures['open'][number] | undefined, failure: Failure): Failures['open'][number] {
  const { slot: earlier = '', times = 0 } = before ?? {};
  const { slot = '' } = failure;
  return { ...failure, slot: (slot > earlier ? slot : earlier) || undefined, times: times + 1 };
}

function failuresOf(report: Report): FailureOfRun[] {
  const { job, policy, account, slot, failures, entries } = report;
  const keyOf = (...facts: unknown[]) => JSON.stringify([job, policy, account, ...facts]);
  const failed = entries.filter(({ outcome }) => outcome === 'failed');
  return [
    ...failures.map(({ text, ...finding }) => ({
      key: keyOf(finding.account, finding.region, finding.code, finding.facts),
      line: failedRunLine(report, text),
      slot,
    })),
    ...failed.flatMap((entry) => {
      const { server, region } = entry;
      const own = { policy, account, ...entry };
      return partsOf(entry).map(({ facts, text, ...part }) => ({
        key: keyOf(own.account, region, server, own.policy, ...facts),
        line: failedServerLine(report, entry, text),
        slot: part.slot ?? slot,
        entry,
        ...(job === 'snapshot'
          ? { ofServer: { server, region, policy: own.policy, account: own.account, text } }
          : {}),
      }));
    }),
  ];
}

/** What failed of a server: the failed snapshots, or the server as a whole. */
function partsOf({ code, cause, error, reason, snapshots = [] }: Entry): {
  facts: unknown[];
  text: Sentence;
  slot?: string;
}[] {
  const failed = snapshots.filter(({ outcome }) => outcome === 'failed');
  return failed.length === 0
    ? [{ facts: [code, cause, error], text: reason ?? 'failed' }]
    : failed.map((one) => ({
        facts: [one.codes, one.error],
        text: failedSnapshotText(one),
        slot: one.slot,
      }));
}

/** Whether a later run had to do the same work. */
function isSameWork(run: Report, later: Report): boolean {
  if (run.job !== later.job || run.policy !== later.policy || run.account !== later.account) return false;
  if (run.job !== 'snapshot' || run.slot === later.slot) return true;
  // The slot of a rate is the time of the run.
  return run.policy !== ADHOC && run.nextRun !== undefined && (later.slot ?? '') < run.nextRun;
}

function repairs(later: Report, entry: Entry | undefined): boolean {
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
