import type { NewVolumeSnapshot, VolumeSnapshot } from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isSnapshot } from '../snapshots/snapshot.ts';
import type { VolumeReader } from './marker.ts';
import { hasMarker } from './marker-fields.ts';

/**
 * Why it can't be proven that this deployment made a volume snapshot; undefined if it can, or if
 * another deployment made it.
 */
export function unprovenReason(one: VolumeSnapshot, read: VolumeReader): Reason | undefined {
  const found = read(one);
  if (isSnapshot(found)) return undefined;
  const { id: image } = one;
  if (found) return { code: 'IMAGE_REJECTED', image, isVolumeSnapshot: true, problem: found.problem };
  return hasMarker(one) ? undefined : { code: 'MARKER_LOST', image, isVolumeSnapshot: true };
}

/**
 * Why the snapshot that an earlier request made can't be proven to be that of this deployment;
 * undefined without such a snapshot. The name has the policy and the slot. A further request would
 * only make another one.
 */
export function unprovenBefore(
  existing: readonly VolumeSnapshot[],
  { volumeId, name }: Pick<NewVolumeSnapshot, 'volumeId' | 'name'>,
  read: VolumeReader,
): Reason | undefined {
  return existing
    .filter((one) => one.volumeId === volumeId && one.name === name)
    .map((one) => unprovenReason(one, read))
    .find((reason) => reason !== undefined);
}
