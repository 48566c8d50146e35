const PREFIX = 'volume_snapshot:';

/**
 * The status of a snapshot that one of its volume snapshots spoils: `volume_snapshot:error`, or
 * `volume_snapshot:gone` for one that does not exist.
 */
export function volumeSnapshotStatus(status: string): string {
  return `${PREFIX}${status}`;
}

/** The status of the volume snapshot in a {@link volumeSnapshotStatus}; undefined for another. */
export function statusOfVolumeSnapshot(status: string): string | undefined {
  return status.startsWith(PREFIX) ? status.slice(PREFIX.length) : undefined;
}

/**
 * Whether the cloud is making a backup of a volume snapshot, or of one of the volume snapshots of
 * an image. Until then no volume can be made from it, and it can't be deleted.
 */
export function isBackingUp({ status }: { status: string }): boolean {
  return (statusOfVolumeSnapshot(status) ?? status) === 'backing-up';
}
