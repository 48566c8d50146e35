import type { Session } from '../openstack/session.ts';
import {
  getVolumeSnapshot,
  listVolumeSnapshots,
  setVolumeSnapshotDescription,
  setVolumeSnapshotMetadata,
  type VolumeSnapshot,
} from '../openstack/volume-snapshots.ts';
import { listSet } from './list-set.ts';
import { descriptionWithHold, type VolumeReader } from './marker.ts';
import type { setOf } from './set.ts';

/**
 * The volume snapshots of a set in a region; none if the catalogue has no volume service there.
 * Lists twice, because one listing may lack a snapshot.
 *
 * @param set any part of the set.
 * @throws {CloudError} when they can't be listed.
 */
export async function volumeSnapshotsOfSet(
  session: Session,
  region: string,
  set: Parameters<typeof setOf>[0],
  read: VolumeReader,
): Promise<VolumeSnapshot[]> {
  if (session.missingEndpoint('volume', region)) return [];
  return listSet(set, read, () => listVolumeSnapshots(session, region));
}

/**
 * Sets the hold of a volume snapshot, or removes it with `none`. If the cloud does not keep
 * metadata, as Cinder v1 may, the description gets the hold.
 *
 * @returns whether the cloud has kept the hold.
 */
export async function holdVolumeSnapshot(
  session: Session,
  one: VolumeSnapshot,
  hold: string,
): Promise<boolean> {
  const metadata = { autosnap_hold: hold };
  await setVolumeSnapshotMetadata(session, one, metadata);
  const description = descriptionWithHold(one, hold);
  if (description !== undefined) await setVolumeSnapshotDescription(session, one, description);
  const current = await getVolumeSnapshot(session, one.region, one.id);
  return current?.metadata.autosnap_hold === hold || current?.description === description;
}
