import type { Policy } from '../config/policy.ts';
import { maySelect } from '../snapshots/selector.ts';
import type { CoveredServer } from './coverage.ts';
import type { AuditedSeries, LateCause } from './model.ts';

/** The series of a server of which no snapshot is known. */
export function bareSeries(
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
 * Finds servers that a policy covered and may still select, and that have no series: no snapshot
 * and no listing shows them.
 *
 * @param wanted the regions of the policy.
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
