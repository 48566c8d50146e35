import { backupReaderOf } from '../offsite/backups.ts';
import { isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumeBackups, type VolumeBackup } from '../openstack/volume-backups.ts';
import type { Run } from '../runtime/run.ts';
import { isSnapshot } from '../snapshots/marker.ts';
import { volumePlaceIn, volumeReaderOf } from '../volumes/marker.ts';
import type { SavedVolume } from '../volumes/saved-volumes.ts';
import type { RestoreInventory } from './inventory.ts';

/**
 * The backups of volumes that this deployment has made, as saved volumes like volume snapshots.
 * None at Rackspace, which has no backups, and of regions where they can't be listed.
 */
export async function backupsOfVolumes(
  session: Session,
  { regions }: Pick<RestoreInventory, 'regions'>,
  { owner, policies = [] }: Pick<Run, 'owner' | 'policies'>,
): Promise<SavedVolume[]> {
  if (session.provider === 'rackspace') return [];
  const read = backupReaderOf(volumeReaderOf({ owner, policies }));
  const listed = await Promise.all(regions.map((region) => listIfPossible(session, region)));
  const backups = new Map(listed.flat().map((backup) => [backup.id, backup]));
  return [...backups.values()].flatMap((backup): SavedVolume[] => {
    const saved = read(backup);
    if (!isSnapshot(saved)) return [];
    const { volumeId: volume, sizeGb } = backup;
    return [{ ...saved, volume, sizeGb, place: volumePlaceIn(backup), isBackup: true }];
  });
}

async function listIfPossible(session: Session, region: string): Promise<VolumeBackup[]> {
  try {
    return await listVolumeBackups(session, region);
  } catch (error) {
    if (!isCloudError(error) || error.code === 'OUT_OF_TIME') throw error;
    return [];
  }
}
