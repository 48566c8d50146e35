import type { Dropped } from '../model.ts';
import type { CoveredServer, CoveringPolicy } from './record.ts';

/** The recorded policies and servers that are no longer covered, for one common cause. */
export interface CoverageLoss {
  /** Creates the reason for the report. */
  reasonOf(loss: CoverageLoss): Dropped;
  policies: (CoveringPolicy & { account: string })[];
  servers: CoveredServer[];
}

/** The item for an account that no policy includes any more. */
export const accountDropped =
  (account: string) =>
  (loss: CoverageLoss): Dropped => ({
    code: 'DROPPED_ACCOUNT',
    account,
    policies: loss.policies.map(({ policy }) => policy),
    ...sizeOf(loss),
  });

/** The item for a project that an account no longer logs in to. */
export const projectDropped =
  (account: string, project: string) =>
  (loss: CoverageLoss): Dropped => ({
    code: 'DROPPED_PROJECT',
    account,
    project,
    policies: loss.policies.map(({ policy }) => policy),
    ...sizeOf(loss),
  });

/** The item for a region that no policy covers any more. */
export const regionDropped =
  (account: string, where: string) =>
  (loss: CoverageLoss): Dropped => ({
    code: 'DROPPED_REGION',
    account,
    where,
    policies: [...new Set(loss.servers.flatMap(({ policies }) => policies))],
    ...sizeOf(loss),
  });

/** The item for a policy that is no longer deployed, or no longer includes its accounts. */
export const policyDropped =
  (policy: string, isElsewhere: boolean) =>
  (loss: CoverageLoss): Dropped => ({
    code: 'DROPPED_POLICY',
    policy,
    accounts: loss.policies.map(({ account }) => account),
    isElsewhere,
    uncovered: loss.servers.length,
    // The policy may have selected more servers since an audit could last list all of them.
    servers: Math.max(
      loss.policies.reduce((sum, { servers }) => sum + servers, 0),
      loss.servers.length,
    ),
    seen: lastSeen(loss.policies),
  });

/**
 * @param name the current name: the record has the name that the server had when it was covered.
 */
export const serverDropped =
  (account: string, name: string) =>
  ({ servers: [server] }: CoverageLoss): Dropped => {
    const { region: where, server: id, policies, seen } = server!;
    return { code: 'DROPPED_SERVER', account, where, server: id, name, policies, seen };
  };

/** @param covered the server as this audit sees it, with the policies that still cover it. */
export const fromPolicyDropped =
  (account: string, policy: string, covered: CoveredServer, seen: string) => (): Dropped => {
    const { region: where, server, name, policies: others } = covered;
    return { code: 'DROPPED_FROM_POLICY', account, where, server, name, policies: [policy], others, seen };
  };

function sizeOf({ policies, servers }: CoverageLoss): { servers: number; seen: string } {
  return { servers: servers.length, seen: lastSeen([...policies, ...servers]) };
}

function lastSeen(all: readonly { seen: string }[]): string {
  return all
    .map(({ seen }) => seen)
    .sort()
    .at(-1)!;
}
