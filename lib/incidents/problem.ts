import * as v from 'valibot';
import type { Dropped } from '../audit/model.ts';
import type { CloudErrorCode } from '../openstack/errors.ts';
import { KnownReason } from '../reporting/known-reason.ts';
import type { Reason } from '../reporting/reasons.ts';

/** One problem, as one audit sees it. */
export const Problem = v.object({
  /**
   * - unreadable: an account or a region can't be read, so its state is unknown.
   * - run: a job's last run failed as a whole.
   * - missing: a job had no run for too long.
   * - server: snapshots of a server are late, failed or stuck, or its drill failed.
   * - policy: a policy protects less than it claims.
   * - dropped: something dropped out of coverage.
   * - coverage: what policies cover can't be recorded, so audits do not notice what drops out.
   */
  kind: v.picklist(['unreadable', 'run', 'missing', 'server', 'policy', 'dropped', 'coverage']),
  /** Identifies the problem in every audit that sees it. */
  key: v.string(),
  /** Empty for one of the deployment. */
  account: v.string(),
  /** Whether texts name the account: there are several, and the reasons do not name it. */
  namesAccount: v.exactOptional(v.boolean()),
  /**
   * The id of the server; only of kind server. For all servers that the record of a failed run does
   * not name, a text that no other problem has.
   */
  server: v.exactOptional(v.string()),
  /** Absent for a problem that is not of one region. */
  region: v.exactOptional(v.string()),
  /** Empty for a problem of the whole account or region. */
  policies: v.array(v.string()),
  job: v.exactOptional(v.string()),
  /**
   * Of kind unreadable: the code of the error. Problems of one kind and cause that begin in the
   * same audit are one incident.
   */
  cause: v.exactOptional(v.string()),
  /**
   * Of kind server: the account, the region and the code, if something of the cloud made the server
   * fail. Servers with the same text are one incident, also if they begin to fail in different
   * audits.
   */
  sharedCause: v.exactOptional(v.string()),
  /** Whether such problems often resolve without action, within the hour. */
  isTransient: v.boolean(),
  /** Of a run: whether it did nothing for any server, because it crashed or is missing. */
  isTotal: v.exactOptional(v.boolean()),
  /** What is wrong; the first one is the title. */
  reasons: v.pipe(v.array(KnownReason), v.nonEmpty()),
});

/** Something that is wrong, and whom it affects: the unit that incidents are made of. */
export type Problem = v.InferOutput<typeof Problem>;

/** Stands beside the codes of a problem's reasons if the server has no good snapshot at all. */
const UNPROTECTED = 'UNPROTECTED';

/** The codes of a problem's reasons and of their causes. */
export function codesOfProblem(problem: Problem): string[] {
  const troubles = problem.reasons.flatMap((reason) =>
    reason.code === 'SERVER_IN_TROUBLE' ? [reason.problem.code] : [],
  );
  return [...troubles, ...(isUnprotected(problem) ? [UNPROTECTED] : []), ...causesOfProblem(problem)];
}

/** Whether the server has no good snapshot at all. */
export function isUnprotected({ reasons }: Problem): boolean {
  return reasons.some(
    (reason) =>
      reason.code === 'SERVER_IN_TROUBLE' &&
      reason.problem.code === 'SERIES_LATE' &&
      reason.problem.newestGood === undefined,
  );
}

/** The codes of what made something fail. Transient errors of the cloud count as one. */
export function causesOfProblem({ cause, isTransient, reasons }: Problem): string[] {
  const codes = reasons.flatMap((reason) => {
    if (reason.code === 'SERVER_IN_TROUBLE') return [];
    if (reason.code === 'RUN_FAILED')
      return reason.failures.map(({ code, region = '' }) => `${code} ${region}`);
    return reason.code === 'SERVER_FAILED' ? causeOfServer(reason) : reason.code;
  });
  if (cause === undefined) return codes;
  return isTransient ? ['TRANSIENT'] : [cause, ...codes];
}

/**
 * The cause of a server's failure, with what decides about the remedy: the code of the cloud's
 * error unless it is transient, or the status of the server.
 */
export function causeOfServer({ code, cause = code, error, state }: Reason<'SERVER_FAILED'>): string {
  if (cause === 'SERVER_IN_STATE' && state !== undefined) return `${cause} ${state}`;
  return error === undefined || isTransientError(error) ? cause : `${cause} ${error}`;
}

/** Errors of a cloud that is down or busy, which often resolve within the hour. */
const TRANSIENT: readonly string[] = [
  'UNAVAILABLE',
  'NO_ANSWER',
  'BAD_ANSWER',
  'RATE_LIMITED',
  'OUT_OF_TIME',
] satisfies CloudErrorCode[];

/** Whether the code is of an error that often resolves within the hour. */
export function isTransientError(code: string): boolean {
  return TRANSIENT.includes(code);
}

/** The item that dropped out of coverage, if the problem is one. */
export function droppedIn({ kind, reasons }: Problem): Dropped[] {
  return kind === 'dropped' ? (reasons as Dropped[]) : [];
}

/** The number of servers that a problem stands for; more than one only for SERVERS_FAILED. */
export function problemCount({ reasons: [first] }: Problem): number {
  return first?.code === 'SERVERS_FAILED' ? first.count : 1;
}

/**
 * What fails for a server in one job of a policy is one problem: failed runs and late snapshots.
 */
export function serverProblemKey(
  { account, region, server, policy }: Record<'account' | 'region' | 'server' | 'policy', string>,
  job: string,
): string {
  return `server/${account}/${region}/${server}/${policy}/${job}`;
}
