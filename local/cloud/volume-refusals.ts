import type { CloudVolumeBackup, CloudVolumeSnapshot, Region } from './state.ts';

/** The body of a request for a new volume. Clients send null for what they do not ask for. */
export interface WantedVolume {
  name?: string | null;
  description?: string | null;
  volume_type?: string | null;
  size?: number | null;
  metadata?: Record<string, string> | null;
  imageRef?: string | null;
  snapshot_id?: string | null;
  backup_id?: string | null;
}

/**
 * Why Cinder refuses the backup of a new volume; undefined if it does not. Cinder 21 accepts
 * `backup_id` with every microversion, although the documentation says from 3.47 on.
 */
export function refuseBackup(
  { backup_id: id }: WantedVolume,
  backup: CloudVolumeBackup | undefined,
): { status: 400 | 404; key: string; message: string } | undefined {
  if (!id) return undefined;
  if (!backup) return { status: 404, key: 'itemNotFound', message: `Backup ${id} could not be found.` };
  return backup.status === 'available'
    ? undefined
    : { status: 400, key: 'badRequest', message: 'Invalid backup: Backup status must be available' };
}

/** Why Cinder refuses to create a volume; undefined if it does not. */
export function refuseVolume(
  { size, name, description, metadata }: WantedVolume,
  snapshot: Pick<CloudVolumeSnapshot, 'status' | 'size'> | undefined,
  isV1: boolean,
): string | undefined {
  const long = [name ?? '', description ?? '', ...Object.values(metadata ?? {})].find(
    (text) => text.length > 255,
  );
  if (long) return `Invalid input for field/attribute volume. '${long}' is too long`;
  // Cinder v1 requires the size; later versions take that of the snapshot.
  if (!size && (isV1 || !snapshot)) {
    return "Invalid input for field/attribute size. Value: None. Invalid input received: Volume size 'None' must be an integer and greater than 0";
  }
  if (!snapshot) return undefined;
  if (snapshot.status !== 'available') {
    return `Invalid snapshot: Originating snapshot status must be one of 'available' values`;
  }
  const { size: least = 1 } = snapshot;
  return size && size < least
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
