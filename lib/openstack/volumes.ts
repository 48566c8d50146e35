import * as v from 'valibot';
import {
  cinderDate,
  deleteBlockStorage,
  listBlockStorage,
  nameFieldsOf,
  namingFields,
} from './block-storage.ts';
import { isCloudError } from './errors.ts';
import { unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';

/** A Cinder volume, and which servers it is attached to. */
export interface Volume {
  id: string;
  region: string;
  /** Empty if the volume has no name. */
  name: string;
  description: string;
  /** In lower case; empty if the cloud does not say, as Cinder v1 in listings. */
  status: string;
  sizeGb: number;
  /** The name of the volume type; undefined if the volume has none. */
  type: string | undefined;
  /** Whether the volume may be attached to several servers. */
  multiattach: boolean;
  metadata: Record<string, string>;
  /** The volume snapshot that the volume was created from. */
  snapshotId: string | undefined;
  /** Undefined if the cloud does not say. */
  createdAt: Date | undefined;
  attachments: { serverId: string; device: string | undefined; attachedAt: Date | undefined }[];
}

const CinderVolume = v.looseObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  ...namingFields,
  status: v.nullish(v.string()),
  size: v.fallback(v.number(), 0),
  metadata: v.fallback(v.record(v.string(), v.string()), {}),
  volume_type: v.nullish(v.string()),
  multiattach: v.fallback(v.boolean(), false),
  snapshot_id: v.nullish(v.string()),
  created_at: v.fallback(v.optional(cinderDate), undefined),
  // Without the attachments, a volume would seem to belong to no server, and get no snapshot.
  attachments: v.array(
    v.looseObject({
      server_id: v.string(),
      device: v.nullish(v.string()),
      attached_at: v.fallback(v.optional(cinderDate), undefined),
    }),
  ),
});

/**
 * All volumes of the project in a region.
 *
 * `GET /volumes/detail`:
 * https://docs.openstack.org/api-ref/block-storage/v3/#list-accessible-volumes-with-details and
 * https://docs.rackspace.com/docs/cloud-block-storage
 *
 * @throws {CloudError} if any page fails or any volume can't be read.
 */
export async function listVolumes(session: Session, region: string): Promise<Volume[]> {
  const listing = { region, path: '/volumes/detail', key: 'volumes', item: CinderVolume } as const;
  const volumes = await listBlockStorage(session, listing);
  return volumes.map((volume) => volumeFromCinder(volume, region));
}

/**
 * The current state of a volume; undefined if it does not exist.
 *
 * `GET /volumes/{id}`:
 * https://docs.openstack.org/api-ref/block-storage/v3/#show-a-volume-s-details
 *
 * @throws {CloudError} for every response but the volume and 404.
 */
export async function getVolume(session: Session, region: string, id: string): Promise<Volume | undefined> {
  const request = { service: 'volume', region, path: `/volumes/${encodeURIComponent(id)}` } as const;
  try {
    const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
    const answer = v.safeParse(v.object({ volume: CinderVolume }), body);
    if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'not a volume');
    return volumeFromCinder(answer.output.volume, region);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** A volume to create from a volume snapshot or a backup. */
export interface NewVolume {
  source: { snapshotId: string } | { backupId: string };
  name: string;
  description: string;
  /** At least the size of the source, which is the default. */
  sizeGb: number | undefined;
  /** Undefined for the default of the cloud. */
  type: string | undefined;
  metadata: Record<string, string>;
}

/**
 * Creates a volume from a volume snapshot or a backup. The cloud fills the volume asynchronously;
 * at Rackspace this can take hours.
 *
 * `POST /volumes`: https://docs.openstack.org/api-ref/block-storage/v3/#create-a-volume and
 * https://docs.rackspace.com/docs/cloud-block-storage. The type is sent to Rackspace and
 * with a backup, where the default is not the type of the original. Cinder takes it from a volume
 * snapshot, and refuses many others. Backups need volume API 3.47.
 *
 * @throws {CloudError} OVER_QUOTA for a quota, BAD_REQUEST for a source that is not available.
 *   After NO_ANSWER, UNAVAILABLE and BAD_ANSWER it is unknown whether the cloud creates the
 *   volume: look for the volume before a retry.
 */
export async function createVolume(
  session: Session,
  region: string,
  { source, name, description, sizeGb, type, metadata }: NewVolume,
): Promise<Volume> {
  const request = { service: 'volume', region, path: '/volumes' } as const;
  const sendsType = session.provider === 'rackspace' || 'backupId' in source;
  const { body } = await session.request({
    ...request,
    method: 'POST',
    ...('backupId' in source ? { microversion: '3.47' } : {}),
    json: {
      volume: {
        ...('backupId' in source ? { backup_id: source.backupId } : { snapshot_id: source.snapshotId }),
        metadata,
        ...(sizeGb === undefined ? {} : { size: sizeGb }),
        ...nameFieldsOf(session, { name, description }),
        ...(sendsType && type !== undefined ? { volume_type: type } : {}),
      },
    },
    expect: [200, 202],
  });
  const answer = v.safeParse(v.object({ volume: CinderVolume }), body);
  if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'not a volume');
  return volumeFromCinder(answer.output.volume, region);
}

/**
 * Gives a volume another name; its description stays.
 *
 * `PUT /volumes/{id}`: https://docs.openstack.org/api-ref/block-storage/v3/#update-a-volume and
 * https://docs.rackspace.com/docs/cloud-block-storage
 *
 * @throws {CloudError} NOT_FOUND if the volume does not exist.
 */
export async function renameVolume(
  session: Session,
  { region, id, description }: Pick<Volume, 'region' | 'id' | 'description'>,
  name: string,
): Promise<void> {
  await session.request({
    service: 'volume',
    region,
    method: 'PUT',
    path: `/volumes/${encodeURIComponent(id)}`,
    json: { volume: nameFieldsOf(session, { name, description }) },
    expect: [200],
  });
}

/**
 * Deletes a volume, but never its snapshots. Cinder deletes the volume asynchronously. A missing
 * volume, or one that is being deleted, counts as deleted.
 *
 * `DELETE /volumes/{id}`, without `cascade`:
 * https://docs.openstack.org/api-ref/block-storage/v3/#delete-a-volume and
 * https://docs.rackspace.com/docs/cloud-block-storage
 *
 * @throws {CloudError} BAD_REQUEST if the volume is attached or has snapshots, FORBIDDEN if the
 *   user lacks the role.
 */
export async function deleteVolume(
  session: Session,
  { region, id }: Pick<Volume, 'region' | 'id'>,
): Promise<void> {
  const path = `/volumes/${encodeURIComponent(id)}`;
  await deleteBlockStorage(session, { region, path }, () => getVolume(session, region, id));
}

function volumeFromCinder(volume: v.InferOutput<typeof CinderVolume>, region: string): Volume {
  const { id, name, display_name: oldName, status, size, metadata, snapshot_id, attachments } = volume;
  const { description, display_description: oldDescription, volume_type: type } = volume;
  return {
    id,
    region,
    name: name ?? oldName ?? '',
    description: description ?? oldDescription ?? '',
    // Rackspace shows the text "None" for old volumes without a type.
    type: type && type !== 'None' ? type : undefined,
    status: status?.toLowerCase() ?? '',
    sizeGb: size,
    multiattach: volume.multiattach,
    metadata,
    snapshotId: snapshot_id || undefined,
    createdAt: volume.created_at,
    attachments: attachments.map(({ server_id, device, attached_at: attachedAt }) => ({
      serverId: server_id,
      device: device ?? undefined,
      attachedAt,
    })),
  };
}
