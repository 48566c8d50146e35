import { isFirstDisk } from '../openstack/attachments.ts';
import type { Image } from '../openstack/images.ts';
import type { Run } from '../runtime/run.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import { isSnapshot, type Snapshot } from '../snapshots/snapshot.ts';
import { type VolumePlace, volumePlaceIn, volumeReaderOf } from './marker.ts';
import { deviceOf } from './plan.ts';

/** What a volume is made again from: a volume snapshot of this deployment, or its backup. */
export interface SavedVolume extends Snapshot {
  volume: string;
  /** The size that a new volume needs; undefined if the cloud does not say. */
  sizeGb: number | undefined;
  /** Where the volume was, as far as it is known. */
  place: VolumePlace;
  /** Whether this is a backup. */
  isBackup?: true;
  /** The volume snapshot that a backup was made from, which may be gone. */
  backupOf?: string;
}

/** A saved volume, once for each of the servers that the volume is attached to. */
export function forEachServer(saved: SavedVolume): SavedVolume[] {
  const others = (saved.alsoOf ?? []).map(({ server, device }) => ({
    ...{ ...saved, server },
    place: { ...saved.place, device },
  }));
  return [saved, ...others];
}

/**
 * The volume snapshots of this deployment. A volume that still exists shows where it is. The
 * snapshot of a volume of several servers is in the result once for each of them.
 */
export function savedVolumesIn(
  regions: readonly Pick<RegionInventory, 'volumes' | 'volumeSnapshots'>[],
  { owner, policies = [] }: Pick<Run, 'owner' | 'policies'>,
): SavedVolume[] {
  const read = volumeReaderOf({ owner, policies });
  return regions.flatMap(({ volumes, volumeSnapshots }) => {
    const volumeOf = new Map(volumes.map((volume) => [volume.id, volume]));
    return volumeSnapshots.flatMap((one): SavedVolume[] => {
      const snapshot = read(one);
      if (!isSnapshot(snapshot) || snapshot.volume === undefined) return [];
      const { volume, server } = snapshot;
      const existing = volumeOf.get(volume);
      const recorded = volumePlaceIn(one);
      const place = {
        device: recorded.device ?? (existing && deviceOf(existing, server)),
        type: recorded.type ?? existing?.type,
      };
      return forEachServer({ ...snapshot, volume, sizeGb: one.sizeGb, place });
    });
  });
}

/** Whether a volume snapshot is of the root disk of a server. */
export function isOfRootVolume({ place: { device } }: SavedVolume): boolean {
  return device !== undefined && isFirstDisk({ device });
}

/** The snapshot of a root volume, with the fields of an image. */
export function rootDisk(root: SavedVolume, owner: string): Image {
  const { id, name, region, state, status, createdAt } = root;
  return {
    ...{ id, name, region, owner, createdAt, sizeBytes: undefined, properties: {}, volumeSnapshotIds: [] },
    ...{ status: state === 'good' ? 'active' : status, visibility: 'private', hidden: false },
    protected: false,
  };
}
