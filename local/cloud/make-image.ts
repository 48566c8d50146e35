import { passedOn } from './inheritance.ts';
import type { CloudImage, CloudServer, Making, Region } from './state.ts';

interface Wanted extends Pick<Making, 'tokenExpiresAt' | 'by' | 'whenActive'> {
  name: string;
  /** Given with the request: it overwrites what is inherited, and even what Nova says. */
  metadata?: Record<string, string>;
}

export function isVolumeBacked({ image, rootVolume }: CloudServer): boolean {
  return image === '' || rootVolume !== undefined;
}

/**
 * Makes an image of a server, whoever asks for it: createImage, createBackup, shelve, Rackspace's
 * scheduler. It inherits all that the server remembers of its own image; of a volume-backed server,
 * Nova adds neither `instance_uuid` nor `image_type` (nova/compute/utils.py `create_image`,
 * nova/compute/api.py `snapshot_volume_backed`).
 */
export function makeImage(region: Region, server: CloudServer, wanted: Wanted): CloudImage {
  const { name, metadata = {}, tokenExpiresAt, by, whenActive } = wanted;
  const common = {
    name,
    owner: region.account.projectId,
    ...(server.snapshotNeeds ?? {}),
  };
  if (isVolumeBacked(server)) {
    // The data lie in volume snapshots: the image is there at once, and empty.
    const properties = { ...passedOn(server), ...metadata, ...mappedVolumes(region, server, name) };
    return region.addImage({ ...common, size: 0, diskFormat: 'qcow2', containerFormat: 'bare', properties });
  }
  return region.addImage({
    ...common,
    status: 'queued',
    size: null,
    properties: {
      ...passedOn(server),
      instance_uuid: server.id,
      user_id: region.account.userId,
      image_type: by === 'createBackup' ? 'backup' : 'snapshot',
      ...metadata,
    },
    making: {
      server: server.id,
      fate: server.fate,
      tokenExpiresAt,
      ...(by ? { by } : {}),
      ...(whenActive ? { whenActive } : {}),
    },
  });
}

/** Makes one volume snapshot of each volume; the image only says where they are. */
function mappedVolumes(region: Region, server: CloudServer, image: string): Record<string, string> {
  const root = server.rootVolume ?? server.volumeIds[0];
  const mapping = server.volumeIds.map((volumeId) => {
    const volume = region.volume(volumeId);
    const { id } = region.addVolumeSnapshot({
      volumeId,
      name: `snapshot for ${image}`,
      status: 'creating',
      availableAt: region.volumeReadyAt,
    });
    return {
      source_type: 'snapshot',
      destination_type: 'volume',
      snapshot_id: id,
      volume_id: null,
      image_id: null,
      volume_size: volume?.size ?? 1,
      boot_index: volumeId === root ? 0 : null,
      device_name: region.deviceOf(server, volumeId),
      delete_on_termination: false,
    };
  });
  return {
    root_device_name: root ? region.deviceOf(server, root) : '/dev/vda',
    ...(mapping.length > 0 ? { bdm_v2: 'True', block_device_mapping: JSON.stringify(mapping) } : {}),
  };
}
