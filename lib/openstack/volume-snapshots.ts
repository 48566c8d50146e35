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

/** A Cinder volume snapshot. It has the data of one volume. */
export interface VolumeSnapshot {
  id: string;
  region: string;
  /** Nova names the snapshots of an image `snapshot for <image name>`. */
  name: string;
  description: string;
  /** In lower case. */
  status: string;
  createdAt: Date;
  /** The volume of the snapshot. */
  volumeId: string;
  /** The size of the volume, which a new volume from this snapshot needs. */
  sizeGb: number | undefined;
  /** Empty if the cloud does not say; Cinder v1 may lose metadata. */
  metadata: Record<string, string>;
}

/** A volume snapshot with defaults for the fields that not every cloud fills. */
export function bareVolumeSnapshot(
  known: Omit<VolumeSnapshot, 'description' | 'sizeGb' | 'metadata'>,
): VolumeSnapshot {
  return { ...known, description: '', sizeGb: undefined, metadata: {} };
}

const CinderSnapshot = v.looseObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  ...namingFields,
  status: v.string(),
  created_at: cinderDate,
  volume_id: v.string(),
  size: v.fallback(v.optional(v.number()), undefined),
  metadata: v.fallback(v.record(v.string(), v.string()), {}),
});

/**
 * All volume snapshots of the project in a region.
 *
 * `GET /snapshots/detail`, because Cinder v1 lists metadata only there:
 * https://docs.openstack.org/api-ref/block-storage/v3/#list-snapshots-and-details and
 * https://docs.rackspace.com/docs/cloud-block-storage
 *
 * @throws {CloudError} if any page fails or any snapshot can't be read.
 */
export async function listVolumeSnapshots(session: Session, region: string): Promise<VolumeSnapshot[]> {
  const listing = { region, path: '/snapshots/detail', key: 'snapshots', item: CinderSnapshot } as const;
  const snapshots = await listBlockStorage(session, listing);
  return snapshots.map((snapshot) => fromCinder(snapshot, region));
}

/**
 * The current state of a volume snapshot; undefined if it does not exist.
 *
 * `GET /snapshots/{id}`:
 * https://docs.openstack.org/api-ref/block-storage/v3/#show-a-snapshot-s-details
 *
 * @throws {CloudError} for every response but the snapshot and 404.
 */
export async function getVolumeSnapshot(
  session: Session,
  region: string,
  id: string,
): Promise<VolumeSnapshot | undefined> {
  const request = { service: 'volume', region, path: `/snapshots/${encodeURIComponent(id)}` } as const;
  try {
    const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
    return fromAnswer(request, body);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * The existing volume snapshots among `ids`, each requested by its id:
 * https://docs.openstack.org/api-ref/block-storage/v3/#show-a-snapshot-s-details
 */
export async function getVolumeSnapshots(
  session: Session,
  region: string,
  ids: readonly string[],
): Promise<VolumeSnapshot[]> {
  const found = await Promise.all(ids.map((id) => getVolumeSnapshot(session, region, id)));
  return found.filter((one) => one !== undefined);
}

/** The volume, the name, the description and the initial metadata of a new volume snapshot. */
export interface NewVolumeSnapshot {
  volumeId: string;
  name: string;
  description: string;
  metadata: Record<string, string>;
}

/**
 * Creates a snapshot of a volume, which may be attached to a running server. The cloud creates the
 * snapshot asynchronously; at Rackspace this can take hours.
 *
 * `POST /snapshots`: https://docs.openstack.org/api-ref/block-storage/v3/#create-a-snapshot. The
 * request has `force`, because volume API 3.0 and Cinder v1 otherwise refuse a volume in use. With
 * `force`, Cinder v1 accepts a volume in any status, so the caller has to check the status first.
 * Cinder v1 may lose the metadata.
 *
 * @throws {CloudError} OVER_QUOTA for a quota, BAD_REQUEST for a status or a type of volume that
 *   can't be snapshotted, CONFLICT while another snapshot of the volume is in progress. After
 *   NO_ANSWER, UNAVAILABLE and BAD_ANSWER it is unknown whether the cloud creates the snapshot:
 *   look for the snapshot before a retry.
 */
export async function createVolumeSnapshot(
  session: Session,
  region: string,
  { volumeId, name, description, metadata }: NewVolumeSnapshot,
): Promise<VolumeSnapshot> {
  const request = { service: 'volume', region, path: '/snapshots' } as const;
  const names = nameFieldsOf(session, { name, description });
  const { body } = await session.request({
    ...request,
    method: 'POST',
    json: { snapshot: { volume_id: volumeId, ...names, metadata, force: true } },
    expect: [200, 201, 202],
  });
  return fromAnswer(request, body);
}

/**
 * Sets metadata of a volume snapshot, and leaves its other metadata as they are.
 *
 * `POST /snapshots/{id}/metadata`:
 * https://docs.openstack.org/api-ref/block-storage/v3/#create-a-snapshot-s-metadata
 *
 * @throws {CloudError} NOT_FOUND if the snapshot does not exist.
 */
export async function setVolumeSnapshotMetadata(
  session: Session,
  { region, id }: Pick<VolumeSnapshot, 'region' | 'id'>,
  metadata: Record<string, string>,
): Promise<void> {
  await session.request({
    service: 'volume',
    region,
    method: 'POST',
    path: `/snapshots/${encodeURIComponent(id)}/metadata`,
    json: { metadata },
    expect: [200],
  });
}

/**
 * Replaces the description of a volume snapshot.
 *
 * `PUT /snapshots/{id}`: https://docs.openstack.org/api-ref/block-storage/v3/#update-a-snapshot
 *
 * @throws {CloudError} NOT_FOUND if the snapshot does not exist.
 */
export async function setVolumeSnapshotDescription(
  session: Session,
  { region, id, name }: Pick<VolumeSnapshot, 'region' | 'id' | 'name'>,
  description: string,
): Promise<void> {
  await session.request({
    service: 'volume',
    region,
    method: 'PUT',
    path: `/snapshots/${encodeURIComponent(id)}`,
    json: { snapshot: nameFieldsOf(session, { name, description }) },
    expect: [200],
  });
}

/**
 * Deletes a volume snapshot. Cinder deletes it asynchronously. A missing snapshot, or one that is
 * being deleted, counts as deleted.
 *
 * `DELETE /snapshots/{id}`: https://docs.openstack.org/api-ref/block-storage/v3/#delete-a-snapshot
 *
 * @throws {CloudError} BAD_REQUEST or CONFLICT while the snapshot is in use, or, at Rackspace,
 *   while another snapshot of its volume is being created or deleted.
 */
export async function deleteVolumeSnapshot(session: Session, region: string, id: string): Promise<void> {
  const path = `/snapshots/${encodeURIComponent(id)}`;
  await deleteBlockStorage(session, { region, path }, () => getVolumeSnapshot(session, region, id));
}

function fromAnswer(request: Parameters<typeof unreadableAnswer>[0], body: unknown): VolumeSnapshot {
  const answer = v.safeParse(v.object({ snapshot: CinderSnapshot }), body);
  if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'not a snapshot');
  return fromCinder(answer.output.snapshot, request.region);
}

function fromCinder(snapshot: v.InferOutput<typeof CinderSnapshot>, region: string): VolumeSnapshot {
  const { id, name, display_name: oldName, description, display_description: oldDescription } = snapshot;
  return {
    id,
    region,
    name: name ?? oldName ?? '',
    description: description ?? oldDescription ?? '',
    status: snapshot.status.toLowerCase(),
    createdAt: snapshot.created_at,
    volumeId: snapshot.volume_id,
    sizeGb: snapshot.size,
    metadata: snapshot.metadata,
  };
}
