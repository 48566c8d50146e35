import { backupReaderOf } from '../offsite/backups.ts';
import { newestGood } from '../offsite/plan.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumeBackups, type VolumeBackup } from '../openstack/volume-backups.ts';
import type { VolumeSnapshot } from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isSnapshot, type Snapshot } from '../snapshots/snapshot.ts';
import type { VolumeReader } from '../volumes/marker.ts';

/** The slots of good backups of a policy in one region. */
export interface BackedUp {
  /** The slots with a good backup of a volume. */
  ofVolume(volume: string): { slot: Date }[];
  /**
   * The slots with a good backup of each volume of a server whose system disk is a volume;
   * undefined for a server whose newest good snapshot has its own data. Its volumes are those of
   * that snapshot.
   */
  ofServer(snapshots: readonly Snapshot[], now: Date): { slot: Date }[] | undefined;
}

/** The backups of one region; or the reason why they can't be listed. */
export type ListedBackups = { backups: readonly VolumeBackup[] } | { problem: Reason };

/** Lists the volume backups of a region; none if the catalogue has no volume service there. */
export async function listBackups(session: Session, region: string): Promise<ListedBackups> {
  if (session.missingEndpoint('volume', region)) return { backups: [] };
  try {
    return { backups: await listVolumeBackups(session, region) };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return { problem: { code: 'POLICY_COPIES_UNREADABLE', ...errorFactsOf(error) } };
  }
}

/** The slots of the good backups that a policy has made. */
export function backedUpBy(
  policy: string,
  backups: readonly VolumeBackup[],
  { readVolume, volumeSnapshots }: { readVolume: VolumeReader; volumeSnapshots: readonly VolumeSnapshot[] },
): BackedUp {
  const read = backupReaderOf(readVolume);
  const good = backups
    .map(read)
    .filter((one): one is Snapshot => isSnapshot(one) && one.policy === policy && one.state === 'good');
  const goodOf = Map.groupBy(good, ({ volume }) => volume);
  const volumeOf = new Map(volumeSnapshots.map(({ id, volumeId }) => [id, volumeId]));
  const ofVolume: BackedUp['ofVolume'] = (volume) => goodOf.get(volume) ?? [];
  return {
    ofVolume,
    ofServer(snapshots, now) {
      const newest = newestGood(snapshots, now);
      if (!newest || newest.volumeSnapshots.length === 0) return undefined;
      const [first = [], ...others] = newest.volumeSnapshots.map((id) => ofVolume(volumeOf.get(id) ?? ''));
      const has = (its: { slot: Date }[], slot: Date) =>
        its.some((one) => one.slot.getTime() === slot.getTime());
      return first.filter(({ slot }) => others.every((its) => has(its, slot)));
    },
  };
}
