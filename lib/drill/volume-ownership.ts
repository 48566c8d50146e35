import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { CLOCKS_MAY_DIFFER_MS, LONGEST_REQUEST_MS } from './ownership.ts';
import { readDrillVolumeMark } from './volume-mark.ts';
import type { RecordedVolume, VolumeRecord } from './volume-record.ts';

/**
 * Decides whether a drill of `owner` provably made a volume, and nothing else uses it. All of these
 * conditions have to hold now:
 *
 * - the record in the bucket names the volume by its id, or, until the drill knows the id, by the
 *   volume snapshot;
 * - the volume has the mark of that drill;
 * - the cloud says that the volume was made from that volume snapshot;
 * - it was created after the record, and, if the record lacks its id, right after it;
 * - it is attached to no server but the drill's own.
 *
 * Only such a volume is ever deleted. The mark alone proves nothing, because anybody who may write
 * metadata of volumes can copy it.
 *
 * @returns why nothing proves that the drill made the volume; undefined if it provably did.
 */
export function volumeProblem(
  volume: Volume,
  part: RecordedVolume,
  record: Pick<VolumeRecord, 'nonce' | 'policy' | 'image' | 'at' | 'server'>,
  owner: string,
): Reason | undefined {
  const mark = readDrillVolumeMark(volume);
  const isMarked =
    mark?.owner === owner &&
    mark.policy === record.policy &&
    mark.image === record.image &&
    mark.nonce === record.nonce &&
    mark.snapshot === part.snapshot;
  if (!isMarked) return { code: 'DRILL_VOLUME_METADATA_CHANGED' };
  if (part.id !== undefined && part.id !== volume.id) return { code: 'DRILL_VOLUME_NOT_RECORDED' };
  if (volume.snapshotId !== part.snapshot) {
    return { code: 'DRILL_VOLUME_FROM_OTHER_SNAPSHOT', snapshot: part.snapshot };
  }
  const createdAt = volume.createdAt?.getTime() ?? Number.NaN;
  const isAfter = createdAt >= record.at.getTime() - CLOCKS_MAY_DIFFER_MS;
  const isInTime = part.id !== undefined || createdAt <= record.at.getTime() + LONGEST_REQUEST_MS;
  if (!isAfter || !isInTime) return { code: 'DRILL_VOLUME_CREATED_AT_OTHER_TIME' };
  const servers = volume.attachments.map(({ serverId }) => serverId).filter((id) => id !== record.server);
  return servers.length > 0 ? { code: 'DRILL_VOLUME_ELSEWHERE', servers } : undefined;
}
