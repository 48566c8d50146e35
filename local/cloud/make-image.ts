import { inheritedProperties } from './inheritance.ts';
import type { CloudImage, CloudServer, Region, SnapshotInProgress } from './state.ts';

interface ImageSettings extends Pick<SnapshotInProgress, 'tokenExpiresAt' | 'by' | 'whenActive'> {
  name: string;
  /**
   * The metadata of the request. It overrides inherited properties, and even those that Nova sets.
   */
  metadata?: Record<string, string>;
}

export function isVolumeBacked({ image, rootVolume }: CloudServer): boolean {
  return image === '' || rootVolume !== undefined;
}

/**
 * Creates an image of a server, for createImage, createBackup, shelve and Rackspace's scheduler.
 * The image inherits all properties that are recorded on the server. Nova adds `instance_uuid` and
 * `image_type`, but not for a volume-backed server (nova/compute/utils.py `create_image`,
 * nova/compute/api.py `snapshot_volume_backed`).
 */
export function makeImage(region: Region, server: CloudServer, wanted: ImageSettings): CloudImage {
  const { name, metadata = {}, tokenExpiresAt, by, whenActive } = wanted;
  const common = {
    name,
    owner: region.account.projectId,
    ...(server.snapshotNeeds ?? {}),
  };
  if (isVolumeBacked(server)) {
    // The data are in volume snapshots, so the image is active at once, with size 0.
    const properties = {
      ...inheritedProperties(server),
      ...metadata,
      ...mappedVolumes(region, server, name),
    };
    return region.addImage({ ...common, size: 0, diskFormat: 'qcow2', containerFormat: 'bare', properties });
  }
  return region.addImage({
    ...common,
    status: 'queued',
    size: null,
    properties: {
      ...inheritedProperties(server),
      instance_uuid: server.id,
      user_id: region.account.userId,
      image_type: by === 'createBackup' ? 'backup' : 'snapshot',
      ...metadata,
    },
    inProgress: {
      server: server.id,
      outcome: server.snapshotOutcome,
      tokenExpiresAt,
      ...(by ? { by } : {}),
      ...(whenActive ? { whenActive } : {}),
    },
  });
}

/** Creates a snapshot of each volume, and returns the image properties that name them. */
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
