import { backupReaderOf } from '../offsite/backups.ts';
import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumeBackups, type VolumeBackup } from '../openstack/volume-backups.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { isSnapshot } from '../snapshots/snapshot.ts';
import { volumePlaceIn, volumeReaderOf } from '../volumes/marker.ts';
import { forEachServer, type SavedVolume } from '../volumes/saved-volumes.ts';
import { isTemporaryError } from './cloud-request.ts';
import type { RestoreInventory } from './inventory.ts';

/**
 * Adds the backups of volumes that this deployment has made to the volume snapshots, of some
 * regions. None at Rackspace, which has no backups. Where they can't be listed, `backupsUnread` has
 * the error.
 */
export async function withBackups(
  session: Session,
  inventory: RestoreInventory,
  regions: readonly string[],
  { owner, policies = [] }: Pick<Run, 'owner' | 'policies'>,
): Promise<RestoreInventory> {
  if (session.provider === 'rackspace') return inventory;
  const read = backupReaderOf(volumeReaderOf({ owner, policies }));
  const backupsUnread = new Map<string, CloudError>();
  const listed = await Promise.all(
    regions
      .filter((region) => !session.missingEndpoint('volume', region))
      .map(async (region): Promise<VolumeBackup[]> => {
        try {
          return await listVolumeBackups(session, region);
        } catch (error) {
          if (!isCloudError(error) || error.code === 'OUT_OF_TIME') throw error;
          if (error.code !== 'NOT_FOUND') backupsUnread.set(region, error);
          return [];
        }
      }),
  );
  const backups = new Map(listed.flat().map((backup) => [backup.id, backup]));
  const saved = [...backups.values()].flatMap((backup): SavedVolume[] => {
    const found = read(backup);
    if (!isSnapshot(found)) return [];
    const { volumeId: volume, sizeGb, snapshotId, dataAt = backup.createdAt } = backup;
    return forEachServer({
      ...{ ...found, createdAt: dataAt, volume, sizeGb, place: volumePlaceIn(backup), isBackup: true },
      ...(snapshotId === undefined ? {} : { backupOf: snapshotId }),
    });
  });
  return { ...inventory, backupsUnread, volumeSnapshots: [...inventory.volumeSnapshots, ...saved] };
}

/**
 * The reason that the backups of a region could not be listed, for a restore that lacks a volume
 * which may have one.
 *
 * @throws {CloudError} when a later call may succeed in listing them.
 */
export function checkBackupsRead(
  { backupsUnread }: Pick<RestoreInventory, 'backupsUnread'>,
  region: string,
): Reason[] {
  const error = backupsUnread?.get(region);
  if (!error) return [];
  if (isTemporaryError(error)) throw error;
  const problem: Reason = { code: 'CLOUD', ...errorFactsOf(error) };
  return [{ code: 'RESTORE_BACKUPS_UNREAD', where: region, problem }];
}
