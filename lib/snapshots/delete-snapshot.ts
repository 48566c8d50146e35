import { type CloudErrorCode, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { deleteImage, getImage } from '../openstack/images.ts';
import { pause } from '../openstack/pause.ts';
import type { Session } from '../openstack/session.ts';
import {
  deleteVolumeSnapshot,
  getVolumeSnapshot,
  getVolumeSnapshots,
} from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { SnapshotLine } from '../reporting/report.ts';
import type { Snapshot } from './snapshot.ts';

// Cinder deletes asynchronously, mostly within a second.
const VOLUME_CHECKS = 4;

const VOLUME_CHECK_MS = 500;

/**
 * The errors of a deletion that concern a single image, volume snapshot or backup: it is in use,
 * locked or protected, or the cloud fails to delete it. Others stop the deletions of the region.
 */
export const REFUSALS: readonly CloudErrorCode[] = [
  'CONFLICT',
  'FORBIDDEN',
  'BAD_REQUEST',
  'UNAVAILABLE',
  'NO_ANSWER',
  'BAD_ANSWER',
];

/** The result of the deletion of one snapshot. */
export interface DeletionResult extends Pick<SnapshotLine, 'outcome'> {
  reasons: Reason[];
  /** Why the cloud refused to delete this image. */
  refused?: CloudErrorCode;
  /** Whether the image had data, and some of its volume snapshots are deleted. */
  broken?: boolean;
}

/**
 * Deletes a snapshot: first its volume snapshots, last the image that names them, so that a later
 * run can find and finish an interrupted deletion.
 */
export async function remove(session: Session, snapshot: Snapshot): Promise<DeletionResult> {
  const { region, id, state, partial } = snapshot;
  const isImage = snapshot.volume === undefined;
  const volumeSnapshots = isImage ? snapshot.volumeSnapshots : [id];
  let broken = false;
  try {
    const before = await getVolumeSnapshots(session, region, volumeSnapshots);
    if (before.length > 0 && before.every(({ status }) => status === 'deleting')) {
      return { outcome: 'deferred', reasons: [{ code: 'VOLUME_SNAPSHOTS_GOING' }], refused: 'CONFLICT' };
    }
    for (const volumeSnapshot of volumeSnapshots) {
      await deleteVolumeSnapshot(session, region, volumeSnapshot);
      broken ||= isImage && (state === 'good' || partial === true);
    }
    let left = await getVolumeSnapshots(session, region, volumeSnapshots);
    for (let check = 0; left.length > 0 && check < VOLUME_CHECKS; check++) {
      await pause(VOLUME_CHECK_MS);
      left = await getVolumeSnapshots(session, region, volumeSnapshots);
    }
    const untouched = left.find(({ status }) => status !== 'deleting');
    if (untouched) {
      const { id: volumeSnapshot, status } = untouched;
      const reason: Reason = { code: 'VOLUME_SNAPSHOT_STILL_THERE', id: volumeSnapshot, status };
      return { outcome: 'failed', reasons: [reason], refused: 'UNAVAILABLE', broken };
    }
    if (left.length > 0) {
      return { outcome: 'deferred', reasons: [{ code: 'VOLUME_SNAPSHOTS_GOING_NOW' }] };
    }
    if (isImage) await deleteImage(session, region, id);
    return { outcome: 'deleted', reasons: [] };
  } catch (error) {
    // A refused token stops all deletions in the region, like a failed read. Other errors concern
    // this image only.
    if (!isCloudError(error) || error.code === 'UNAUTHORIZED' || error.code === 'OUT_OF_TIME') throw error;
    return {
      outcome: 'failed',
      reasons: [{ code: 'CLOUD', ...errorFactsOf(error), isLeft: true }],
      ...(REFUSALS.includes(error.code) ? { refused: error.code, broken } : {}),
    };
  }
}

/** Whether an image or a volume snapshot exists. */
export async function exists(session: Session, { region, id, volume }: Snapshot): Promise<boolean> {
  const found = volume === undefined ? getImage(session, region, id) : getVolumeSnapshot(session, region, id);
  return (await found) !== undefined;
}
