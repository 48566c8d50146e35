import { getImage, type Image, setProperty } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import {
  getVolumeSnapshot,
  setVolumeSnapshotMetadata,
  type VolumeSnapshot,
} from '../openstack/volume-snapshots.ts';

/**
 * What a drill boots: an image, or the snapshot of a root volume with the fields of an image.
 * Rackspace makes no image of a server that boots from a volume.
 */
export interface Source extends Image {
  /** Undefined for an image. */
  volumeSnapshot?: VolumeSnapshot;
}

/** A volume snapshot with the fields of an image. Its metadata are the properties. */
export function sourceOfVolumeSnapshot(volumeSnapshot: VolumeSnapshot, owner: string): Source {
  const { id, name, region, status, createdAt, metadata: properties } = volumeSnapshot;
  return {
    ...{ id, name, region, owner, createdAt, sizeBytes: undefined, properties, volumeSnapshotIds: [] },
    ...{ status: status === 'available' ? 'active' : status, visibility: 'private', hidden: false },
    ...{ protected: false, volumeSnapshot },
  };
}

/**
 * The current state of a source; undefined if it does not exist.
 *
 * @throws {CloudError} when it can't be read.
 */
export async function getSource(session: Session, region: string, id: string): Promise<Source | undefined> {
  const image = await getImage(session, region, id);
  if (image || session.provider !== 'rackspace' || session.missingEndpoint('volume', region)) return image;
  const found = await getVolumeSnapshot(session, region, id);
  return found && sourceOfVolumeSnapshot(found, session.projectId);
}

/**
 * Sets a property of an image, or metadata of a volume snapshot.
 *
 * @throws {CloudError} when the cloud refuses it.
 */
export async function setSourceProperty(
  session: Session,
  source: Source,
  key: string,
  value: string,
): Promise<void> {
  if (!source.volumeSnapshot) return setProperty(session, source, key, value);
  await setVolumeSnapshotMetadata(session, source, { [key]: value });
}

/** The ids of the volume snapshots that a source has its data in; none for other images. */
export function volumeSnapshotsOf({
  id,
  volumeSnapshot,
  volumeSnapshotIds,
}: Pick<Source, 'id' | 'volumeSnapshot' | 'volumeSnapshotIds'>): readonly string[] {
  return volumeSnapshot ? [id] : volumeSnapshotIds;
}
