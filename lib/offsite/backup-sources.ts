import type { VolumeSnapshot } from '../openstack/volume-snapshots.ts';
import { serverNameIn } from '../snapshots/marker.ts';
import type { Reader } from '../snapshots/ownership.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import { isSnapshot, type Snapshot } from '../snapshots/snapshot.ts';
import { isBackingUp } from '../snapshots/volume-snapshot-status.ts';
import { newVolumeSnapshot, type VolumeReader, volumePlaceIn } from '../volumes/marker.ts';
import { deviceOf } from '../volumes/plan.ts';

const GIGABYTE = 2 ** 30;
/** The metadata of a volume snapshot with the id of its backup, which a listing may lack. */
export const BACKUP_KEY = 'autosnap_backup';

/** A volume snapshot of a policy, and the marker of a backup of it. */
export interface BackupSource {
  /** The volume snapshot as a snapshot of its volume. */
  snapshot: Snapshot & { volume: string };
  /** The id of its backup, if the volume snapshot has it in its metadata. */
  backup?: string | undefined;
  /** The name, the description and the metadata of its backup. */
  marker: Pick<ReturnType<typeof newVolumeSnapshot>, 'name' | 'description' | 'metadata'>;
}

/**
 * The volume snapshots of a policy in one region: those that the policy has made of single volumes,
 * and those that Nova has made with the image of a server whose system disk is a volume, which have
 * the slot of the image.
 */
export function backupSources(
  { images, volumes, volumeSnapshots }: Pick<RegionInventory, 'images' | 'volumes' | 'volumeSnapshots'>,
  {
    owner,
    policy,
    read,
    readVolume,
  }: { owner: string; policy: string; read: Reader; readVolume: VolumeReader },
): BackupSource[] {
  const volumeOf = new Map(volumes.map((volume) => [volume.id, volume]));
  const dataOf = new Map(volumeSnapshots.map((one) => [one.id, one]));
  const sourceOf = (snapshot: Snapshot, data: VolumeSnapshot, volumeName: string): BackupSource => {
    const { server, slot } = snapshot;
    // Glance's protection of an image is no hold of ours, which a release could end.
    const hold = snapshot.hold === 'protected' ? undefined : snapshot.hold;
    const volume = volumeOf.get(data.volumeId);
    const marked = volumePlaceIn(data);
    const place = {
      device: marked.device ?? (volume && deviceOf(volume, server)),
      type: marked.type ?? volume?.type,
      ...(snapshot.alsoOf ? { alsoOf: snapshot.alsoOf } : {}),
    };
    const name = volume?.name || volumeName;
    return {
      snapshot: { ...snapshot, volume: data.volumeId },
      backup: data.metadata[BACKUP_KEY],
      marker: newVolumeSnapshot({ id: data.volumeId, name, ...place }, { owner, policy, server, slot, hold }),
    };
  };
  const single = volumeSnapshots.flatMap((one) => {
    const snapshot = readVolume(one);
    if (!isSnapshot(snapshot) || snapshot.policy !== policy) return [];
    return [sourceOf(snapshot, one, serverNameIn(snapshot))];
  });
  const ofImages = images.flatMap((image) => {
    const snapshot = read(image, volumeSnapshots);
    if (!isSnapshot(snapshot) || snapshot.policy !== policy) return [];
    return snapshot.volumeSnapshots.flatMap((id) => {
      const data = dataOf.get(id);
      if (!data?.volumeId) return [];
      const { status, createdAt, sizeGb } = data;
      // While one of its volumes is being backed up, the snapshot of the server is not good.
      const isWhole = snapshot.state === 'good' || isBackingUp(snapshot);
      const state = status === 'available' && isWhole ? 'good' : 'unknown';
      const sizeBytes = sizeGb === undefined ? undefined : sizeGb * GIGABYTE;
      const part: Snapshot = { ...snapshot, id, status, state, createdAt, sizeBytes, volumeSnapshots: [] };
      return [sourceOf(part, data, `${serverNameIn(snapshot)}-${data.volumeId}`)];
    });
  });
  return [...single, ...ofImages];
}
