import type { Report } from './report.ts';

/** How many failed servers a record names. */
const MOST_SERVERS = 200;

/** A job of a policy in an account. */
export interface AccountJob {
  job: string;
  policy: string;
  account: string;
}

/**
 * The last failed run of a job of a policy in an account, as the report bucket records it, in
 * words.
 */
export interface FailedRun extends AccountJob {
  /** When another run resumes its work, if one does. ISO, in UTC. */
  resumesAt?: string;
  /** The run failed before it had a report. */
  crashed: boolean;
  /** What failed beyond single servers. */
  failures: string[];
  /** The servers of which something failed. */
  servers: { region: string; server: string; name: string; text: string }[];
}

/**
 * Whether a run was for a policy in an account. A run that failed for all its accounts at once is
 * recorded under their common name, which none of `accounts` has.
 */
export function isRunOf(
  run: Pick<AccountJob, 'policy' | 'account'>,
  { policy, account }: Pick<AccountJob, 'policy' | 'account'>,
  accounts: ReadonlySet<string>,
): boolean {
  return run.policy === policy && (run.account === account || !accounts.has(run.account));
}

/** The record of a failed run that has a report. */
export function failedRunOf(
  job: AccountJob,
  { failures, entries, resumesAt }: Pick<Report, 'failures' | 'entries' | 'resumesAt'>,
): FailedRun {
  return {
    ...job,
    crashed: false,
    ...(resumesAt ? { resumesAt } : {}),
    failures: failures.map(({ text }) => text),
    servers: entries
      .filter(({ outcome }) => outcome === 'failed')
      .slice(0, MOST_SERVERS)
      .map(({ region, server, name, reason, snapshots = [] }) => {
        const failed = snapshots.find(({ outcome }) => outcome === 'failed');
        const why = reason ?? failed?.reasons.join('; ') ?? 'failed';
        return { region, server, name, text: `${name || server} in ${region}, ${job.policy}: ${why}` };
      }),
  };
}

/** The record of a run that failed before it had a report. */
export function crashedRunOf(job: AccountJob, error: unknown): FailedRun {
  return {
    ...job,
    crashed: true,
    failures: [error instanceof Error ? error.message : String(error)],
    servers: [],
  };
}

/** A failed run and when it was recorded. */
export type RecordedFailure = FailedRun & { at: Date };
