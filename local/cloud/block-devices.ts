import { imageMetadataOf } from './inheritance.ts';
import type { CloudServer, CloudVolume, Region } from './state.ts';
import { volumeStatus } from './volume-status.ts';

/**
 * A disk in the request for a new server, or in the block device mapping of a volume-backed
 * server's image.
 */
export interface BlockDevice {
  source_type?: string;
  destination_type?: string;
  boot_index?: number | string | null;
  uuid?: string | null;
  snapshot_id?: string | null;
  volume_size?: number | string;
  delete_on_termination?: boolean;
}

/**
 * Creates the volumes of a new server: those that the request names, or else those of its image's
 * block device mapping. A server from such an image shows the image, although its root disk is a
 * volume. A server with a local root disk may also have volumes.
 */
export function volumesFor(
  region: Region,
  imageRef: string | undefined,
  requested: BlockDevice[] | undefined,
): Pick<CloudServer, 'volumeIds' | 'rootVolume' | 'endingVolumes'> {
  const image = region.image(imageRef ?? '');
  const mapped = JSON.parse(image?.properties.block_device_mapping ?? '[]') as BlockDevice[];
  const devices = (requested ?? mapped).filter(({ destination_type }) => destination_type !== 'local');
  const volumes = devices.map((device) => ({ device, volume: volumeOf(region, device) }));
  const root = volumes.find(({ device }) => indexOf(device) === 0)?.volume;
  return {
    volumeIds: volumes.map(({ volume }) => volume.id),
    ...(root ? { rootVolume: root.id } : {}),
    endingVolumes: volumes
      .filter(({ device }) => device.delete_on_termination)
      .map(({ volume }) => volume.id),
  };
}

/**
 * The message with which Nova refuses to create a server with these disks; undefined if it does
 * not.
 */
export function refuseDevices(
  devices: readonly BlockDevice[],
  imageRef: string | undefined,
  region: Region,
): string | undefined {
  const order = devices.map(indexOf).filter((index) => index >= 0);
  const isInOrder = order.length > 0 && order.toSorted((a, b) => a - b).every((index, i) => index === i);
  // If the request names an image, its devices have to include the root disk.
  const isRootThere = !imageRef || devices.some((device) => indexOf(device) === 0);
  if (!isInOrder || !isRootThere) {
    return 'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.';
  }
  for (const { source_type: kind, uuid } of devices) {
    const isThere =
      kind === 'volume'
        ? region.volume(uuid ?? '')
        : kind === 'snapshot'
          ? region.volumeSnapshots.some(({ id }) => id === uuid)
          : kind === 'image'
            ? region.image(uuid ?? '')
            : true;
    const volume = kind === 'volume' ? region.volume(uuid ?? '') : undefined;
    const status = volume ? volumeStatus(volume, region) : 'available';
    if (status !== 'available') {
      return `Block Device Mapping is Invalid: failed to get volume ${uuid}: its status is ${status}.`;
    }
    if (!isThere) return `Block Device Mapping is Invalid: failed to get ${kind} ${uuid}.`;
  }
  return undefined;
}

function indexOf({ boot_index }: BlockDevice): number {
  return Number(boot_index ?? -1);
}

function volumeOf(region: Region, { source_type, uuid, snapshot_id, volume_size }: BlockDevice): CloudVolume {
  if (source_type === 'volume' && uuid) return region.volume(uuid) ?? region.addVolume({ id: uuid });
  const image = source_type === 'image' ? region.image(uuid ?? '') : undefined;
  const snapshotId = source_type === 'snapshot' ? (snapshot_id ?? uuid ?? null) : null;
  const snapshot = region.volumeSnapshots.find(({ id }) => id === snapshotId);
  return region.addVolume({
    snapshotId,
    size: Number(volume_size ?? snapshot?.size ?? 1),
    imageMetadata: image ? imageMetadataOf(image) : { ...snapshot?.imageMetadata },
  });
}
