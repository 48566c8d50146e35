import type { CoveredServer, CoveringPolicy } from './coverage.ts';
import type { Dropped } from './model.ts';

/** The recorded policies and servers that are no longer covered, for one common cause. */
export interface CoverageLoss {
  /** Creates the reason for the report. */
  reasonOf(loss: CoverageLoss): Dropped;
  policies: (CoveringPolicy & { account: string })[];
  servers: CoveredServer[];
}

export const accountDropped =
  (account: string) =>
  (loss: CoverageLoss): Dropped => ({
    code: 'DROPPED_ACCOUNT',
    account,
    policies: loss.policies.map(({ policy }) => policy),
    ...sizeOf(loss),
  });

export const projectDropped =
  (account: string, project: string) =>
  (loss: CoverageLoss): Dropped => ({
    code: 'DROPPED_PROJECT',
    account,
    project,
    policies: loss.policies.map(({ policy }) => policy),
    ...sizeOf(loss),
  });

export const regionDropped =
  (account: string, where: string) =>
  (loss: CoverageLoss): Dropped => ({
    code: 'DROPPED_REGION',
    account,
    where,
    policies: [...new Set(loss.servers.flatMap(({ policies }) => policies))],
    ...sizeOf(loss),
  });

export const policyDropped =
  (policy: string) =>
  (loss: CoverageLoss): Dropped => ({
    code: 'DROPPED_POLICY',
    policy,
    accounts: loss.policies.map(({ account }) => account),
    uncovered: loss.servers.length,
    servers: loss.policies.reduce((sum, { servers }) => sum + servers, 0),
    seen: lastSeen(loss.policies),
  });

export const serverDropped =
  (account: string) =>
  ({ servers: [server] }: CoverageLoss): Dropped => {
    const { region, ...facts } = server!;
    return { code: 'DROPPED_SERVER', account, where: region, ...facts };
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
