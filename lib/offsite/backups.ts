import { isoSeconds } from '../config/dates.ts';
import type { Offsite } from '../config/policy.ts';
import type { Session } from '../openstack/session.ts';
import type { VolumeBackup } from '../openstack/volume-backups.ts';
import { EARLY_MS, suspect } from '../snapshots/marker.ts';
import { isSnapshot, type Snapshot, type SnapshotState } from '../snapshots/snapshot.ts';
import type { VolumeReader } from '../volumes/marker.ts';

/**
 * Whether a policy makes backups of volumes in this cloud. Rackspace's block storage has none, and
 * needs none: its volume snapshots are in Cloud Files.
 */
export function makesBackups(
  { provider }: Pick<Session, 'provider'>,
  { volumes }: Pick<Offsite, 'volumes'>,
): boolean {
  return volumes === 'backup' && provider !== 'rackspace';
}

/**
 * A backup of which it is proven that this deployment has made it. `copy` is the backup as a
 * snapshot of its volume, with the slot of the volume snapshot that it was made from.
 */
export interface OwnBackup {
  backup: VolumeBackup;
  copy: Snapshot;
}

/** Classifies a volume backup; undefined for a backup without the marker of this deployment. */
export type BackupReader = (backup: VolumeBackup) => ReturnType<VolumeReader>;

/**
 * Creates a {@link BackupReader}. A backup has the same marker as a volume snapshot, in its
 * metadata and in its description, and inherits nothing. So a backup is one of this deployment if
 *
 * - its marker proves a volume snapshot of the same volume; see volumes/marker.ts. The time of the
 *   backup's data counts as the creation of that volume snapshot, which it is;
 * - it was made from a volume snapshot, and after the slot.
 */
export function backupReaderOf(readVolume: VolumeReader): BackupReader {
  return (backup) => {
    const { region, id, name, description, status, createdAt, dataAt, volumeId, sizeGb, metadata } = backup;
    const named = { id, region, name, description, status, volumeId, sizeGb, metadata };
    const read = readVolume({ ...named, createdAt: dataAt ?? createdAt });
    if (!isSnapshot(read)) return read;
    if (backup.snapshotId === undefined) return suspect(backup, { code: 'BACKUP_WITHOUT_SNAPSHOT' });
    if (createdAt.getTime() < read.slot.getTime() - EARLY_MS) {
      const [created, slot] = [isoSeconds(createdAt), isoSeconds(read.slot)];
      return suspect(backup, { code: 'CREATED_OUTSIDE_SLOT', created, slot });
    }
    return { ...read, createdAt, state: stateOf(backup) };
  };
}

/**
 * The state of a backup. One that is being restored or deleted, or that could not be deleted, is
 * unknown: it never counts and is never deleted.
 */
function stateOf({ status }: VolumeBackup): SnapshotState {
  if (status === 'available') return 'good';
  if (status === 'creating') return 'pending';
  return status === 'error' ? 'failed' : 'unknown';
}
