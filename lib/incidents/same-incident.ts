import type { TrackedProblem } from './incident-log.ts';
import { causesOfProblem, isTransientError, type Problem } from './problem.ts';

/**
 * Whether a problem is unknown, because its account or region can't be read, or because nothing was
 * compared with the recorded coverage.
 */
export function hides(unreadable: Problem, problem: Problem): boolean {
  if (unreadable.kind === 'coverage') return problem.kind === 'dropped';
  if (problem.account !== unreadable.account || problem.kind === 'run' || problem.kind === 'missing')
    return false;
  const { region } = unreadable;
  return region === undefined || problem.region === undefined || problem.region === region;
}

/** Whether a problem is, or may be, a consequence of another. */
function follows(problem: Problem, from: Problem): boolean {
  if (problem.account !== from.account) return false;
  const sharesPolicy = problem.policies.some((policy) => from.policies.includes(policy));
  switch (from.kind) {
    case 'unreadable':
      if (from.region === undefined || problem.region === from.region) return true;
      // A run fails in part where a region can't be read.
      return problem.region === undefined && (problem.kind === 'policy' || problem.isTotal === false);
    // No server gets a snapshot, or none in the region.
    case 'run':
    case 'missing':
      return (
        problem.kind === 'server' &&
        sharesPolicy &&
        (from.isTotal === true || failedInRegion(from, problem.region)) &&
        from.job === 'snapshot' &&
        problem.job === 'snapshot'
      );
    // A selector that matches nothing has lost its servers.
    case 'dropped':
      return sharesPolicy && problem.kind === 'policy';
    case 'server':
    case 'policy':
    case 'coverage':
      return false;
  }
}

/** Whether a run failed in a region as a whole. */
function failedInRegion({ reasons }: Problem, region: string | undefined): boolean {
  return reasons.some(
    (reason) =>
      reason.code === 'RUN_FAILED' &&
      reason.failures.some((failure) => failure.region !== undefined && failure.region === region),
  );
}

/**
 * Whether a problem needs no mail of its own, because another explains it. A drop out of coverage
 * is no consequence, except of an account whose prefix matches no secret any more.
 */
export function joins(problem: Problem, other: Problem): boolean {
  return problem.kind === 'dropped' ? isOfLostPrefix(problem, other) : follows(problem, other);
}

/** Whether an account dropped out because no secret has the prefix of its policies any more. */
function isOfLostPrefix({ account, reasons: [dropped] }: Problem, other: Problem): boolean {
  const isLost = other.reasons.some(
    (reason) =>
      reason.code === 'POLICY_ACCOUNT_UNREADABLE' && reason.problem.code === 'SECRET_PREFIX_UNMATCHED',
  );
  return isLost && dropped?.code === 'DROPPED_ACCOUNT' && account.startsWith(other.account.replace('*', ''));
}

/**
 * Whether the problem may be what a cause that is over has left behind: it ends with the next good
 * run, or needs one.
 */
export function isLeftBehind({ kind, reasons }: Problem): boolean {
  if (kind !== 'server') return kind === 'run' || kind === 'missing';
  return reasons.every((reason) =>
    reason.code === 'SERVER_IN_TROUBLE'
      ? reason.problem.code === 'SERIES_LATE' && reason.problem.cause === undefined
      : reason.code === 'SERVER_FAILED' && reason.error !== undefined && isTransientError(reason.error),
  );
}

/** Whether the same server fails for the same cause, as in a further policy. */
export function isSameServer(problem: TrackedProblem, one: TrackedProblem): boolean {
  return (
    problem.server !== undefined &&
    one.goneAt === undefined &&
    problem.account === one.account &&
    problem.region === one.region &&
    problem.server === one.server &&
    causesOfProblem(problem).every((code) => one.known.includes(code))
  );
}

/**
 * Whether a problem is part of the open incident of another: an account can't be read for the same
 * cause, a server fails for the same cause of the cloud, or the other stands for the server, which
 * no record named.
 */
export function mayJoin(problem: TrackedProblem, one: TrackedProblem): boolean {
  if (one.goneAt !== undefined || problem.kind !== one.kind) return false;
  switch (problem.kind) {
    case 'unreadable':
      return problem.cause === one.cause;
    case 'server':
      return (
        (problem.sharedCause !== undefined && one.sharedCause === problem.sharedCause) ||
        (isOfUnnamed(one) && isSameJob(one, problem))
      );
    default:
      return false;
  }
}

/** Whether a problem stands for servers that the record of a failed run does not name. */
function isOfUnnamed({ reasons: [first] }: Problem): boolean {
  return first?.code === 'SERVERS_FAILED';
}

function isSameJob(a: Problem, b: Problem): boolean {
  const sharesPolicy = a.policies.some((policy) => b.policies.includes(policy));
  return a.account === b.account && a.job === b.job && sharesPolicy;
}

/** Whether two problems are of the same kind and cause, and began again alike. */
export function isSameCause(a: TrackedProblem, b: TrackedProblem): boolean {
  return a.kind === b.kind && a.cause === b.cause && a.recurs === b.recurs;
}
