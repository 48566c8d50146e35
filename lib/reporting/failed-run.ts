import { codesOf } from './failure.ts';
import type { BusyServer, ReasonCode } from './reasons.ts';
import type { Report, ReportedFinding } from './report.ts';
import type { Sentence } from './sentences/sentence.ts';

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
  /** Whether this was the last try, although another run resumes work that was deferred. */
  isLastTry?: true;
  /** The run failed before it had a report. */
  crashed: boolean;
  /** What failed beyond single servers. */
  failures: ReportedFinding[];
  /** The servers of which something failed. */
  servers: {
    region: string;
    server: string;
    name: string;
    cause?: ReasonCode;
    /** The code of the cloud's error, with the cause CLOUD. */
    error?: string;
    /** With the cause SERVER_IN_STATE: the status of the server. */
    state?: string;
    /** With the cause BUSY_TOO_LONG. */
    busy?: BusyServer;
    /** Why it failed. */
    message: Sentence;
  }[];
  /** How many servers failed that `servers` does not name. */
  more: number;
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
  { failures, entries, omittedFailed = 0, resumesAt }: Report,
  isLastTry: boolean,
): FailedRun {
  const failed = entries.filter(({ outcome }) => outcome === 'failed');
  const named = failed.slice(0, MOST_SERVERS);
  return {
    ...job,
    crashed: false,
    ...(resumesAt ? { resumesAt } : {}),
    ...(isLastTry ? { isLastTry } : {}),
    failures,
    servers: named.map(
      ({
        region,
        server,
        name,
        code,
        cause: ofVolume,
        error: ownError,
        state,
        busy,
        reason,
        snapshots = [],
      }) => {
        const snapshot = snapshots.find(({ outcome }) => outcome === 'failed');
        const cause = ofVolume ?? code ?? snapshot?.codes[0];
        const error = code === undefined ? snapshot?.error : ownError;
        const message = reason ?? snapshot?.reasons.join('; ') ?? 'failed';
        return {
          ...{ region, server, name, message },
          ...(cause ? { cause } : {}),
          ...(error ? { error } : {}),
          ...(state ? { state } : {}),
          ...(busy ? { busy } : {}),
        };
      },
    ),
    more: failed.length - named.length + omittedFailed,
  };
}

/** The record of a run that failed before it had a report. */
export function crashedRunOf(job: AccountJob, error: unknown): FailedRun {
  return {
    ...job,
    crashed: true,
    failures: [
      {
        code: codesOf(error)[0] ?? 'UNEXPECTED',
        text: error instanceof Error ? error.message : String(error),
      },
    ],
    servers: [],
    more: 0,
  };
}

/** A failed run and when it was recorded. */
export type RecordedFailure = FailedRun & { at: Date };
