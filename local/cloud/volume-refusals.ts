import type { CloudVolumeBackup, CloudVolumeSnapshot, Region } from './state.ts';

/** The body of a request for a new volume. */
export interface WantedVolume {
  name?: string;
  description?: string;
  volume_type?: string;
  size?: number;
  metadata?: Record<string, string>;
  imageRef?: string;
  snapshot_id?: string;
  backup_id?: string;
}

/** From microversion 3.47 on, a volume can be made from a backup. */
const FROM_BACKUP = 47;

/** Why Cinder refuses the backup of a new volume; undefined if it does not. */
export function refuseBackup(
  { backup_id: id }: WantedVolume,
  backup: CloudVolumeBackup | undefined,
  minor: number,
): { status: 400 | 404; key: string; message: string } | undefined {
  if (id === undefined) return undefined;
  if (minor < FROM_BACKUP) {
    const message =
      "Invalid input for field/attribute volume. Additional properties are not allowed ('backup_id' was unexpected)";
    return { status: 400, key: 'badRequest', message };
  }
  if (!backup) return { status: 404, key: 'itemNotFound', message: `Backup ${id} could not be found.` };
  return backup.status === 'available'
    ? undefined
    : { status: 400, key: 'badRequest', message: 'Invalid backup: Backup status must be available' };
}

/** Why Cinder refuses to create a volume; undefined if it does not. */
export function refuseVolume(
  { size, name, description, metadata = {} }: WantedVolume,
  snapshot: Pick<CloudVolumeSnapshot, 'status' | 'size'> | undefined,
  isV1: boolean,
): string | undefined {
  const long = [name ?? '', description ?? '', ...Object.values(metadata)].find((text) => text.length > 255);
  if (long) return `Invalid input for field/attribute volume. '${long}' is too long`;
  // Cinder v1 requires the size; later versions take that of the snapshot.
  if (size === undefined && (isV1 || !snapshot)) {
    return "Invalid input for field/attribute size. Value: None. Invalid input received: Volume size 'None' must be an integer and greater than 0";
  }
  if (!snapshot) return undefined;
  if (snapshot.status !== 'available') {
    return `Invalid snapshot: Originating snapshot status must be one of 'available' values`;
  }
  const { size: least = 1 } = snapshot;
  return size !== undefined && size < least
    ? `Invalid input received: Volume size '${size}'GB cannot be smaller than the snapshot size ${least}GB. They must be >= original snapshot size.`
    : undefined;
}

/** Why a quota refuses another volume; undefined if it does not. */
export function volumeQuota(region: Region, size: number): string | undefined {
  const { volumes, volumeSnapshots, maxVolumes, maxVolumeGigabytes } = region;
  if (volumes.length >= maxVolumes) {
    return `VolumeLimitExceeded: Maximum number of volumes allowed (${maxVolumes}) exceeded for quota 'volumes'.`;
  }
  const used = [...volumes, ...volumeSnapshots].reduce((sum, { size: its = 1 }) => sum + its, 0);
  return used + size > maxVolumeGigabytes
    ? `VolumeSizeExceedsAvailableQuota: Requested volume or snapshot exceeds allowed gigabytes quota. Requested ${size}G, quota is ${maxVolumeGigabytes}G and ${used}G has been consumed.`
    : undefined;
}
