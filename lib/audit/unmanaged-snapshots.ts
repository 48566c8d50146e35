import { ADHOC } from '../config/adhoc-event.ts';
import type { Session } from '../openstack/session.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { readerOf } from '../snapshots/ownership.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import { isSnapshot } from '../snapshots/snapshot.ts';
import { volumeReaderOf } from '../volumes/marker.ts';

/** The snapshots of a policy in a region that no cleanup manages any more. */
export interface UnmanagedSnapshots {
  region: string;
  policy: string;
  count: number;
  bytes: number;
}

/**
 * Finds the snapshots of this deployment in a region that are in no audited series: their policy is
 * no longer deployed, or no longer includes this account or region; or they are ad-hoc snapshots,
 * and no policy includes this region.
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
  const readVolume = volumeReaderOf({ owner, policies: policies ?? [] });
  const { images, volumeSnapshots } = inventory;
  const snapshots = [
    ...images.map((image) => read(image, volumeSnapshots)),
    ...volumeSnapshots.map(readVolume),
  ]
    .filter(isSnapshot)
    .filter(({ id }) => !counted.has(id));
  return [...Map.groupBy(snapshots, ({ policy }) => policy)].map(([policy, its]) => ({
    region: inventory.region,
    policy,
    count: its.length,
    bytes: its.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
  }));
}

/**
 * The warning about unmanaged snapshots.
 *
 * @param ofAccount the policies of the account.
 * @param run its `policies` are those of the whole deployment.
 */
export function unmanagedWarning(
  { region, policy, count, bytes }: UnmanagedSnapshots,
  ofAccount: readonly { policy: string }[],
  { policies = [] }: Pick<Run, 'policies'>,
): Finding {
  if (policy === ADHOC) return { code: 'REGION_WITHOUT_POLICY', count, bytes, region };
  const isIn = (some: readonly { policy: string }[]) => some.some((one) => one.policy === policy);
  const here = isIn(ofAccount) ? 'REGION_NOT_IN_POLICY' : 'ACCOUNT_NOT_IN_POLICY';
  return { code: isIn(policies) ? here : 'POLICY_NOT_DEPLOYED', policy, count, bytes, region };
}
