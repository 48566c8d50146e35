import type { Policy } from '../config/policy.ts';
import { maySelect } from '../snapshots/selector.ts';
import type { CoveredServer } from './coverage/record.ts';
import type { AuditedSeries, LateCause } from './model.ts';

/** The series of a server without a known snapshot. */
export function emptySeries(
  { server, name, region }: Pick<AuditedSeries, 'server' | 'name' | 'region'>,
  { policy, account }: Policy,
  cause: LateCause,
): AuditedSeries {
  return {
    account,
    region,
    server,
    name,
    policy,
    state: 'never',
    cause,
    good: 0,
    pending: 0,
    stuck: 0,
    failed: 0,
    unknown: 0,
    bytes: 0,
    snapshots: [],
  };
}

/**
 * Returns a filter for servers that a policy covered and may still select, and that have no series
 * in the audit: neither a listing nor a snapshot shows them.
 *
 * @param wanted the policy's regions.
 */
export function mayBeCovered(
  { policy, servers }: Policy,
  wanted: readonly string[],
  { series }: { series: readonly AuditedSeries[] },
): (server: CoveredServer) => boolean {
  return ({ server, name, region, policies }) =>
    policies.includes(policy) &&
    wanted.includes(region) &&
    maySelect(server, name, servers) &&
    !series.some((one) => one.server === server && one.policy === policy);
}
