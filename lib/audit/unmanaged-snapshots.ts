import { ADHOC } from '../config/policy.ts';
import type { Session } from '../openstack/session.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { isSnapshot } from '../snapshots/marker.ts';
import { readerOf } from '../snapshots/ownership.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';

/** The snapshots of a policy in a region that no cleanup manages any more. */
export interface UnmanagedSnapshots {
  region: string;
  policy: string;
  count: number;
  bytes: number;
}

/**
 * Finds the snapshots of this deployment in a region that are in no audited series: their policy is
 * no longer deployed, or no longer includes this region; or they are ad-hoc snapshots, and no
 * policy includes this region.
 *
 * @param counted the ids of the images in the audited series.
 */
export function unmanagedSnapshotsIn(
  inventory: RegionInventory,
  counted: ReadonlySet<string>,
  { projectId }: Pick<Session, 'projectId'>,
  { owner, policies }: Pick<Run, 'owner' | 'policies'>,
): UnmanagedSnapshots[] {
  const everyServer = { policy: '', servers: { all: true as const }, adopt: undefined };
  const read = readerOf(inventory, everyServer, { owner, projectId, policies });
  const snapshots = inventory.images
    .filter(({ id }) => !counted.has(id))
    .map((image) => read(image, inventory.volumeSnapshots))
    .filter(isSnapshot);
  return [...Map.groupBy(snapshots, ({ policy }) => policy)].map(([policy, its]) => ({
    region: inventory.region,
    policy,
    count: its.length,
    bytes: its.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
  }));
}

/** The warning about unmanaged snapshots. */
export function unmanagedWarning(
  { region, policy, count, bytes }: UnmanagedSnapshots,
  { policies = [] }: Pick<Run, 'policies'>,
): Finding {
  if (policy === ADHOC) return { code: 'REGION_WITHOUT_POLICY', count, bytes, region };
  const isDeployed = policies.some((one) => one.policy === policy);
  return { code: isDeployed ? 'REGION_NOT_IN_POLICY' : 'POLICY_NOT_DEPLOYED', policy, count, bytes, region };
}
