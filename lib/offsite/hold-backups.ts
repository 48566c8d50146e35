import { isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import {
  getVolumeBackup,
  listVolumeBackups,
  updateVolumeBackup,
  type VolumeBackup,
} from '../openstack/volume-backups.ts';
import { listSet } from '../volumes/list-set.ts';
import { descriptionWithHold } from '../volumes/marker.ts';
import type { setOf } from '../volumes/set.ts';
import type { BackupReader } from './backups.ts';

/** Whether a region can have volume backups. Rackspace's block storage has none. */
function hasBackups(session: Session, region: string): boolean {
  return session.provider !== 'rackspace' && !session.missingEndpoint('volume', region);
}

/** A volume backup of a region; undefined if it does not exist. */
export async function findBackup(
  session: Session,
  region: string,
  id: string,
): Promise<VolumeBackup | undefined> {
  return hasBackups(session, region) ? getVolumeBackup(session, region, id) : undefined;
}

/**
 * The backups of the volumes of a set in a region; none if the cloud has no backups. Lists twice,
 * because one listing may lack a backup.
 *
 * @param set any part of the set.
 * @throws {CloudError} when they can't be listed.
 */
export async function backupsOfSet(
  session: Session,
  region: string,
  set: Parameters<typeof setOf>[0],
  read: BackupReader,
): Promise<VolumeBackup[]> {
  if (!hasBackups(session, region)) return [];
  try {
    return await listSet(set, read, () => listVolumeBackups(session, region));
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return [];
    throw error;
  }
}

/**
 * Sets the hold of a backup, or removes it with `none`, in its metadata and in its description.
 *
 * @returns whether the cloud has kept the hold.
 */
export async function holdBackup(session: Session, backup: VolumeBackup, hold: string): Promise<boolean> {
  const metadata = { ...backup.metadata, autosnap_hold: hold };
  const description = descriptionWithHold(backup, hold) ?? backup.description;
  try {
    await updateVolumeBackup(session, backup, { metadata, description });
  } catch (error) {
    // Before volume API 3.9, no backup can be changed.
    if (isCloudError(error) && error.status === 406) return false;
    throw error;
  }
  const current = await getVolumeBackup(session, backup.region, backup.id);
  return (
    current?.metadata.autosnap_hold === hold || current?.description === descriptionWithHold(backup, hold)
  );
}
