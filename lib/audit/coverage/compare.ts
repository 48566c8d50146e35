import type { Finding } from '../../reporting/reasons.ts';
import type { Audit, AuditedAccount, Dropped } from '../model.ts';
import { type Acceptance, isAccepted, unmatchedNames } from './acceptance.ts';
import { stillDropped } from './carried-items.ts';
import {
  accountDropped,
  type CoverageLoss,
  fromPolicyDropped,
  policyDropped,
  projectDropped,
  regionDropped,
  serverDropped,
} from './loss.ts';
import { type AccountCoverage, type CoveredServer, type CoveringPolicy, coveredServers } from './record.ts';

/** The result of comparing an audit with the recorded coverage. */
export interface CoverageChange {
  /** The items that dropped out of coverage, and are not accepted. */
  dropped: Dropped[];
  /** The items that dropped out of coverage, and are accepted with this audit. */
  accepted: Dropped[];
  warnings: Finding[];
  /** The new record, with which the next audit compares. */
  coverage: AccountCoverage[];
  /** What the new record carries of a lost one; see carried-items.ts. */
  carried: Dropped[];
}

type Compared = Pick<Audit, 'at' | 'policies' | 'accounts' | 'series' | 'uncovered'>;

/**
 * Compares an audit with the coverage that earlier audits have recorded. An item that is no longer
 * covered stays recorded, and is reported by each audit, until it is covered again or accepted. An
 * account, region or server that could not be read stays recorded and is not reported. A server for
 * which every region answers 404 is gone: it is removed from the record and not reported.
 *
 * @param carried what dropped out of coverage by an earlier record, which is lost.
 */
export function compareCoverage(
  before: readonly AccountCoverage[],
  audit: Compared,
  acceptance: Acceptance | undefined,
  carried: readonly Dropped[] = [],
): CoverageChange {
  const losses = new Map<string, CoverageLoss>();
  const lossOf: LossOf = (key, reasonOf) => {
    const loss = losses.get(key) ?? { reasonOf, policies: [], servers: [] };
    losses.set(key, loss);
    return loss;
  };
  const sorted = before.map((one) => sortedOut(one, audit, lossOf));
  const actual = [...losses.values()].filter(({ policies, servers }) => policies.length + servers.length > 0);
  const reasons = new Map(actual.map((loss) => [loss, loss.reasonOf(loss)]));
  const isSettled = (loss: CoverageLoss) => isAccepted(reasons.get(loss)!, acceptance);
  const still = stillDropped(carried, audit, [...reasons.values()]);
  const dropped = [...reasons.values(), ...still];
  const kept = sorted.map(({ account, project, policies, servers }) => ({
    account,
    project,
    policies: policies.flatMap(({ policy, loss }) => (loss && isSettled(loss) ? [] : policy)),
    servers: servers.flatMap(({ server, because }) => (because?.every(isSettled) ? [] : server)),
  }));
  return {
    dropped: dropped.filter((one) => !isAccepted(one, acceptance)),
    accepted: dropped.filter((one) => isAccepted(one, acceptance)),
    warnings:
      acceptance === true && dropped.length === 0
        ? [{ code: 'NOTHING_TO_ACCEPT' }]
        : unmatchedNames(acceptance, dropped).map((name) => ({ code: 'NOTHING_TO_ACCEPT', name })),
    coverage: renewed(kept, audit, before),
    carried: still.filter((one) => !isAccepted(one, acceptance)),
  };
}

type LossOf = (key: string, reasonOf: CoverageLoss['reasonOf']) => CoverageLoss;

interface SortedOut extends Pick<AccountCoverage, 'account' | 'project'> {
  policies: { policy: CoveringPolicy; loss: CoverageLoss | undefined }[];
  /**
   * `because` are the losses because of which the server is no longer covered, or no longer
   * by one of its policies. Empty if the server is covered or gone, undefined if that is unknown.
   */
  servers: { server: CoveredServer; because: CoverageLoss[] | undefined }[];
}

function sortedOut(
  { account, project, policies, servers }: AccountCoverage,
  audit: Compared,
  lossOf: LossOf,
): SortedOut {
  const its = audit.policies.filter((one) => one.account === account);
  const isDeployed = (policy: string) => its.some((one) => one.policy === policy);
  const isDeployedElsewhere = (policy: string) => audit.policies.some((one) => one.policy === policy);
  const now = audit.accounts.find((one) => one.account === account);
  const otherProject =
    now && now.project !== project
      ? lossOf(`project ${account} ${project}`, projectDropped(account, project))
      : undefined;

  const policyLosses = new Map<string, CoverageLoss>();
  for (const one of policies) {
    const { policy } = one;
    const loss =
      otherProject ??
      (isDeployed(policy)
        ? undefined
        : its.length === 0 && isDeployedElsewhere(policy)
          ? lossOf(`account ${account}`, accountDropped(account))
          : isDeployedElsewhere(policy)
            ? lossOf(`policy ${policy} ${account}`, policyDropped(policy, true))
            : lossOf(`policy ${policy}`, policyDropped(policy, false)));
    if (!loss) continue;
    loss.policies.push({ ...one, account });
    policyLosses.set(policy, loss);
  }

  const covered = coveredServers(audit, account);
  const uncovered = new Map(
    audit.uncovered.flatMap((one) => (one.account === account ? [[one.server, one.name]] : [])),
  );
  const selectionIn = (some: readonly { policy: string; selection?: string }[], policy: string) =>
    some.find((one) => one.policy === policy)?.selection;
  /** Whether somebody has changed what a policy selects, so that it loses servers on purpose. */
  const isChanged = (policy: string) => {
    const [was, is] = [selectionIn(policies, policy), selectionIn(its, policy)];
    return was !== undefined && was !== is;
  };
  /**
   * The policies that have lost a covered server. A change of the policy, or a further policy that
   * covers the server instead, excuses a new loss only: one that is recorded has been reported, and
   * stays until the policy covers the server again or somebody accepts the loss.
   */
  const lostOf = (server: CoveredServer): Record<string, string> => {
    const by = covered.get(server.server)?.policies ?? [];
    const earlier = new Set([...server.policies, ...Object.keys(server.lost ?? {})]);
    const isMoved = by.some((policy) => !earlier.has(policy));
    const isNew = (policy: string) => !isMoved && isDeployed(policy) && !isChanged(policy);
    const lost = {
      ...Object.fromEntries(server.policies.filter(isNew).map((policy) => [policy, server.seen])),
      ...server.lost,
    };
    return Object.fromEntries(Object.entries(lost).filter(([policy]) => !by.includes(policy)));
  };
  /** Whether policies still include the region, or may include it: the account can't be read. */
  const mayInclude = (region: string) =>
    !otherProject &&
    its.length > 0 &&
    (!now || [...now.regions, ...(now.withoutCompute ?? [])].includes(region));
  const ownLossOf = ({ server: id, name }: CoveredServer) =>
    lossOf(`server ${account} ${id}`, serverDropped(account, uncovered.get(id) ?? name));
  const lossesFrom = (lost: CoveredServer['lost'], current: CoveredServer) =>
    Object.entries(lost ?? {}).map(([policy, seen]) =>
      lossOf(
        `server ${account} ${current.server} ${policy}`,
        fromPolicyDropped(account, policy, current, seen),
      ),
    );
  const lossesOf = (server: CoveredServer): CoverageLoss[] | undefined => {
    const { server: id, region, lost } = server;
    const current = otherProject ? undefined : covered.get(id);
    if (current) return lossesFrom(lostOf(server), current);
    if (!otherProject && isKnownGone(server, now)) return [];
    // The later removal of its policy, region or account does not end an earlier report.
    if (server.uncovered) return uncovered.has(id) || !mayInclude(region) ? [ownLossOf(server)] : undefined;
    if (otherProject) return [otherProject];
    if (!server.policies.some(isDeployed)) {
      const removed = new Set(server.policies.flatMap((policy) => policyLosses.get(policy) ?? []));
      return [...removed, ...lossesFrom(lost, { ...server, policies: [] })];
    }
    if (uncovered.has(id)) return [ownLossOf(server)];
    if (mayInclude(region)) return undefined;
    return [lossOf(`region ${account} ${region}`, regionDropped(account, region))];
  };
  const recordOf = (server: CoveredServer): CoveredServer => {
    if (otherProject) return server;
    if (covered.has(server.server)) return { ...server, lost: lostOf(server) };
    const isUncovered = uncovered.has(server.server) && server.policies.some(isDeployed);
    return isUncovered ? { ...server, uncovered: true } : server;
  };
  return {
    account,
    project,
    policies: policies.map((policy) => ({ policy, loss: policyLosses.get(policy.policy) })),
    servers: servers.map((server) => {
      const because = lossesOf(server);
      for (const loss of because ?? []) loss.servers.push(server);
      return { server: recordOf(server), because };
    }),
  };
}

function isKnownGone({ server, region }: CoveredServer, now: AuditedAccount | undefined): boolean {
  return Boolean(now?.gone.has(server) && now.regions.includes(region));
}

/** The record, updated with the coverage that the audit has found, and without empty accounts. */
function renewed(
  kept: readonly AccountCoverage[],
  audit: Compared,
  before: readonly AccountCoverage[],
): AccountCoverage[] {
  const sinceOf = new Map(
    before.flatMap((one) => one.servers.map(({ server, since }) => [`${placeOf(one)} ${server}`, since])),
  );
  const known = new Set(kept.map(placeOf));
  const added = audit.accounts
    .filter((one) => !known.has(placeOf(one)))
    .map(({ account, project }) => ({ account, project, policies: [], servers: [] }));
  const read = new Set(audit.accounts.map(placeOf));
  const renewedOne = (one: AccountCoverage) => {
    if (!read.has(placeOf(one))) return one;
    const covered = coveredServers(audit, one.account, !known.has(placeOf(one)));
    return renewedAccount(one, { ...audit, covered }, sinceOf);
  };
  return [...kept, ...added]
    .map(renewedOne)
    .filter(({ policies, servers }) => policies.length + servers.length > 0);
}

function renewedAccount(
  kept: AccountCoverage,
  { covered, ...audit }: Pick<Compared, 'at' | 'policies'> & { covered: ReturnType<typeof coveredServers> },
  sinceOf: ReadonlyMap<string, CoveredServer['since']>,
): AccountCoverage {
  const { account } = kept;
  const its = audit.policies.filter((one) => one.account === account);
  const policies = its.map(({ policy, readable, selection, cleanups, schedules }): CoveringPolicy => {
    const earlier = kept.policies.find((one) => one.policy === policy);
    const seen = { ...(cleanups ? { cleanups } : {}), ...(schedules ? { schedules } : {}) };
    if (earlier && !readable) return { ...earlier, ...seen };
    const servers = covered.values().filter((server) => server.policies.includes(policy));
    return {
      policy,
      servers: [...servers].length,
      seen: audit.at,
      ...(selection === undefined ? {} : { selection }),
      ...seen,
    };
  });
  const renewedServers = covered.values().map((one): [string, CoveredServer] => {
    const before = Object.entries(sinceOf.get(`${placeOf(kept)} ${one.server}`) ?? {});
    const stillCovering = before.filter(([policy]) => one.policies.includes(policy));
    const lost = kept.servers.find(({ server }) => server === one.server)?.lost;
    const since = { ...one.since, ...Object.fromEntries(stillCovering) };
    return [one.server, { ...one, since, ...(lost ? { lost } : {}) }];
  });
  // In the order of the record, so that audits report the same items in the same order.
  const recorded = kept.servers.map((one): [string, CoveredServer] => [one.server, one]);
  return {
    ...kept,
    policies: [
      ...policies,
      ...kept.policies.filter(({ policy }) => !its.some((one) => one.policy === policy)),
    ],
    servers: [...new Map([...recorded, ...renewedServers]).values()],
  };
}

function placeOf({ account, project }: Pick<AccountCoverage, 'account' | 'project'>): string {
  return `${account} ${project}`;
}
