import { HOUR_MS } from '../config/dates.ts';
import type { Drill } from '../config/policy.ts';
import type { DrillAttempt, DrillResult } from './attempt.ts';
import type { ThrowAway } from './throw-away.ts';

/**
 * The abandoned servers of a policy. A drill makes at most one server, so of several servers with
 * the same nonce only one is returned.
 */
export function abandonedOf(attempts: readonly DrillAttempt[], policy: string): ThrowAway[] {
  const servers = attempts.filter(({ step }) => step.state === 'abandoned').map(({ server }) => server);
  const own = servers.filter((server) => server.policy === policy);
  return [...new Map(own.map((server) => [server.nonce, server])).values()];
}

/**
 * Whether a server still exists an hour after the time limit of its drill, and its deletion failed
 * or was requested by an earlier run.
 */
export function isDrillOverdue({ server, step }: DrillAttempt, { hours }: Drill, now: Date): boolean {
  const isOverdue = now.getTime() - server.createdAt.getTime() > (hours + 1) * HOUR_MS;
  return isOverdue && (step.state === 'undeletable' || step.wasDeleting === true);
}

/** The result that the report shows for a server at the end of the run. */
export function finalResultOf(attempt: DrillAttempt, drill: Drill, now: Date): DrillResult {
  const { step } = attempt;
  if (isDrillOverdue(attempt, drill, now)) {
    return { outcome: 'failed', reasons: [...step.reasons, { code: 'DRILL_STUCK' }] };
  }
  if (step.state !== 'deleting') return step;
  const outcome = step.outcome === 'deleted' ? 'deferred' : step.outcome;
  return { outcome, reasons: [...step.reasons, { code: 'DRILL_STILL_BEING_DELETED' }] };
}
