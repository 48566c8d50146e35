import type { CloudVolume, Region } from './state.ts';

/** What a new server is given for a disk, and what the image of a volume-backed server says about its disks. */
export interface BlockDevice {
  source_type: string;
  destination_type?: string;
  boot_index?: number | string | null;
  uuid: string;
  snapshot_id?: string | null;
  volume_size?: number;
}

/**
 * Makes the volumes of a new server: those that the request asks for, or those that its image maps. A server whose image
 * maps volumes shows that image, although its root is a volume.
 *
 * @returns the volumes, if the root is one of them.
 */
export function rootVolumeFor(
  region: Region,
  imageRef: string | undefined,
  requested: BlockDevice[] | undefined,
): { id: string; volumeIds: string[] } | undefined {
  const image = region.image(imageRef ?? '');
  const mapped = JSON.parse(image?.properties.block_device_mapping ?? '[]') as BlockDevice[];
  const devices = (requested ?? mapped).filter(({ destination_type }) => destination_type !== 'local');
  const volumes = devices.map((device) => ({ device, volume: volumeOf(region, device) }));
  const root = volumes.find(({ device }) => Number(device.boot_index ?? -1) === 0)?.volume;
  return root && { id: root.id, volumeIds: volumes.map(({ volume }) => volume.id) };
}

function volumeOf(region: Region, { source_type, uuid, snapshot_id, volume_size }: BlockDevice): CloudVolume {
  if (source_type === 'volume') return region.volume(uuid) ?? region.addVolume({ id: uuid });
  const snapshotId = snapshot_id ?? uuid;
  const snapshot = region.volumeSnapshots.find(({ id }) => id === snapshotId);
  return region.addVolume({
    snapshotId,
    size: volume_size ?? snapshot?.size ?? 1,
    imageMetadata: { ...snapshot?.imageMetadata },
  });
}
