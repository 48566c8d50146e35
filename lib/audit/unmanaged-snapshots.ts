import { ADHOC } from '../config/policy.ts';
import type { Session } from '../openstack/session.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { isSnapshot } from '../snapshots/marker.ts';
import { readerOf } from '../snapshots/ownership.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';

/** The snapshots of a policy in a region that no cleanup looks at any more. */
export interface LeftBehind {
  region: string;
  policy: string;
  count: number;
  bytes: number;
}

/**
 * The snapshots of ours in a region that are in no audited series: their policy is not deployed any
 * more, or is no longer for this region; or they are ad hoc, and no policy is for this region.
 *
 * @param counted the images of the audited series.
 */
export function leftBehindIn(
  surveyed: RegionInventory,
  counted: ReadonlySet<string>,
  { projectId }: Pick<Session, 'projectId'>,
  { owner, policies }: Pick<Run, 'owner' | 'policies'>,
): LeftBehind[] {
  const everyServer = { policy: '', servers: { all: true as const }, adopt: undefined };
  const read = readerOf(surveyed, everyServer, { owner, projectId, policies });
  const snapshots = surveyed.images
    .filter(({ id }) => !counted.has(id))
    .map((image) => read(image, surveyed.volumeSnapshots))
    .filter(isSnapshot);
  return [...Map.groupBy(snapshots, ({ policy }) => policy)].map(([policy, its]) => ({
    region: surveyed.region,
    policy,
    count: its.length,
    bytes: its.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
  }));
}

/** The warning about snapshots that are left behind. */
export function warningOf(
  { region, policy, count, bytes }: LeftBehind,
  { policies = [] }: Pick<Run, 'policies'>,
): Finding {
  if (policy === ADHOC) return { code: 'REGION_WITHOUT_POLICY', count, bytes, region };
  const isDeployed = policies.some((one) => one.policy === policy);
  return { code: isDeployed ? 'REGION_NOT_IN_POLICY' : 'POLICY_NOT_DEPLOYED', policy, count, bytes, region };
}
