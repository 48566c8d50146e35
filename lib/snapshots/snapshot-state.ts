import { DAY_MS, HOUR_MS } from '../config/dates.ts';
import type { Image } from '../openstack/images.ts';
import type { Snapshot, SnapshotState } from './snapshot.ts';

/**
 * An image that is still pending after this time, although its server is idle, will never be
 * finished.
 */
const STUCK_AFTER_MS = HOUR_MS;

/**
 * The limit for an image with volume snapshots: its server is idle while the cloud makes the volume
 * snapshots.
 */
const VOLUMES_STUCK_AFTER_MS = DAY_MS;

/**
 * Whether a pending snapshot will never be finished: its server is idle, so the cloud has given up
 * without changing the image's status, for example because the token expired or the host restarted.
 * A stuck snapshot must not prevent the next snapshot. A young snapshot is not stuck, because the
 * server is idle for a moment between the request and the start of the upload.
 */
export function isStuck(
  { state, createdAt, volumeSnapshots }: Snapshot,
  taskState: string | null,
  now: Date,
): boolean {
  const afterMs = volumeSnapshots.length > 0 ? VOLUMES_STUCK_AFTER_MS : STUCK_AFTER_MS;
  return state === 'pending' && taskState === null && now.getTime() - createdAt.getTime() > afterMs;
}

/** The state of an image, as far as the image alone shows it. */
export function stateOf({ status, sizeBytes, properties, volumeSnapshotIds }: Image): SnapshotState {
  switch (status) {
    case 'active':
      if (volumeSnapshotIds.length > 0) return 'good';
      // A block device mapping without a volume snapshot has an unknown form: where the data are is
      // not known.
      return (sizeBytes ?? 0) > 0 && (properties.block_device_mapping ?? '[]') === '[]' ? 'good' : 'unknown';
    case 'queued':
    case 'saving':
    case 'uploading':
    case 'importing':
      return 'pending';
    case 'killed':
    case 'error':
      return 'failed';
    default:
      return 'unknown';
  }
}

/**
 * Whether an image is finished and has no data, so that no server can ever be restored from it. An
 * image with volume snapshots is not empty, because volume snapshots that can't be read may be
 * complete.
 */
export function isEmpty({ state, status, volumeSnapshots }: Snapshot): boolean {
  return state === 'unknown' && status === 'active' && volumeSnapshots.length === 0;
}
