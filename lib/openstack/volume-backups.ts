import * as v from 'valibot';
import { cinderDate, deleteBlockStorage } from './block-storage.ts';
import { isCloudError } from './errors.ts';
import { listAll, unreadableAnswer } from './pages.ts';
import type { CloudRequest, Session } from './session.ts';

/** A Cinder backup: the data of one volume in another store than that of the volume. */
export interface VolumeBackup {
  id: string;
  region: string;
  name: string;
  description: string;
  /** In lower case: `creating`, `available`, `deleting`, `error`, `restoring`, `error_deleting`. */
  status: string;
  createdAt: Date;
  /**
   * The time of the data: when the volume snapshot was created that the backup was made from.
   * Undefined if the cloud does not say.
   */
  dataAt: Date | undefined;
  /** The volume, which may be gone. */
  volumeId: string;
  /** The volume snapshot that the backup was made from, which may be gone. */
  snapshotId: string | undefined;
  /** The size of the volume, which counts towards the quota. */
  sizeGb: number | undefined;
  /** Empty below volume API 3.43. */
  metadata: Record<string, string>;
  /** Whether the backup has only the changes since the backup before it. */
  isIncremental: boolean;
  /** Whether incremental backups need this one. Cinder refuses to delete it then. */
  hasDependents: boolean;
  /** Why the backup has failed. */
  failReason: string | undefined;
}

const CinderBackup = v.looseObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  name: v.nullish(v.string()),
  description: v.nullish(v.string()),
  status: v.string(),
  created_at: cinderDate,
  data_timestamp: v.fallback(v.optional(cinderDate), undefined),
  volume_id: v.string(),
  snapshot_id: v.nullish(v.string()),
  size: v.fallback(v.optional(v.number()), undefined),
  metadata: v.fallback(v.record(v.string(), v.string()), {}),
  is_incremental: v.fallback(v.boolean(), false),
  // Without this field, a backup that others need would seem to be deletable.
  has_dependent_backups: v.fallback(v.boolean(), true),
  fail_reason: v.nullish(v.string()),
});

/** The volume API microversion from which backups have metadata. */
const WITH_METADATA = '3.43';
/** The volume API microversion from which backups can be changed. */
const WITH_UPDATE = '3.9';

/**
 * All volume backups of the project in a region.
 *
 * `GET /backups/detail`:
 * https://docs.openstack.org/api-ref/block-storage/v3/#list-backups-with-detail
 *
 * @throws {CloudError} NOT_FOUND if the cloud has no backups; any other error if a page fails or a
 *   backup can't be read.
 */
export async function listVolumeBackups(session: Session, region: string): Promise<VolumeBackup[]> {
  const request = { service: 'volume', region, path: '/backups/detail' } as const;
  const listing = { request, key: 'backups', item: CinderBackup };
  const backups = await withMetadata(
    (microversion) => listAll(session, { ...listing, request: { ...request, microversion } }),
    () => listAll(session, listing),
  );
  return backups.map((backup) => fromCinder(backup, region));
}

/**
 * The current state of a volume backup; undefined if it does not exist.
 *
 * `GET /backups/{id}`: https://docs.openstack.org/api-ref/block-storage/v3/#show-backup-detail
 *
 * @throws {CloudError} for every response but the backup and 404.
 */
export async function getVolumeBackup(
  session: Session,
  region: string,
  id: string,
): Promise<VolumeBackup | undefined> {
  const request = { service: 'volume', region, path: `/backups/${encodeURIComponent(id)}` } as const;
  const get: CloudRequest = { ...request, method: 'GET', expect: [200, 203] };
  try {
    const { body } = await withMetadata(
      (microversion) => session.request({ ...get, microversion }),
      () => session.request(get),
    );
    const answer = v.safeParse(v.object({ backup: CinderBackup }), body);
    if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'not a backup');
    return fromCinder(answer.output.backup, region);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** A volume backup to create. */
export interface NewVolumeBackup {
  volumeId: string;
  /** The volume snapshot with the data, of this volume and available. */
  snapshotId: string;
  name: string;
  description: string;
  metadata: Record<string, string>;
  /** Whether to store only the changes since the latest earlier backup of the volume. */
  incremental: boolean;
}

/**
 * Creates a backup of a volume from a volume snapshot. The cloud creates the backup asynchronously,
 * which can take hours; the volume snapshot has the status `backing-up` until then.
 *
 * `POST /backups`: https://docs.openstack.org/api-ref/block-storage/v3/#create-a-backup. Clouds
 * before volume API 3.43 take no metadata.
 *
 * @returns the id of the backup.
 * @throws {CloudError} OVER_QUOTA for a quota, BAD_REQUEST if the volume snapshot or the latest
 *   earlier backup is not available, NOT_FOUND if the volume or the volume snapshot does not exist.
 *   After NO_ANSWER, UNAVAILABLE and BAD_ANSWER it is unknown whether the cloud creates the backup:
 *   look for the backup before a retry.
 */
export async function createVolumeBackup(
  session: Session,
  region: string,
  { volumeId, snapshotId, name, description, metadata, incremental }: NewVolumeBackup,
): Promise<string> {
  const request = { service: 'volume', region, path: '/backups' } as const;
  const backup = { volume_id: volumeId, snapshot_id: snapshotId, name, description, incremental };
  const post: CloudRequest = { ...request, method: 'POST', expect: [202] };
  const { body } = await withMetadata(
    (microversion) => session.request({ ...post, microversion, json: { backup: { ...backup, metadata } } }),
    () => session.request({ ...post, json: { backup } }),
  );
  const answer = v.safeParse(v.object({ backup: v.object({ id: v.string() }) }), body);
  if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'not a backup');
  return answer.output.backup.id;
}

/**
 * Replaces all metadata of a volume backup, and its description. Clouds before volume API 3.43 have
 * no metadata of backups, and get the description alone.
 *
 * `PUT /backups/{id}`: https://docs.openstack.org/api-ref/block-storage/v3/#update-a-backup
 *
 * @throws {CloudError} NOT_FOUND if the backup does not exist; with the status 406 if the cloud is
 *   older than volume API 3.9, and can't change a backup.
 */
export async function updateVolumeBackup(
  session: Session,
  { region, id }: Pick<VolumeBackup, 'region' | 'id'>,
  { metadata, description }: Pick<VolumeBackup, 'metadata' | 'description'>,
): Promise<void> {
  const path = `/backups/${encodeURIComponent(id)}`;
  const put: CloudRequest = { service: 'volume', region, path, method: 'PUT', expect: [200] };
  await withMetadata(
    (microversion) => session.request({ ...put, microversion, json: { backup: { metadata, description } } }),
    () => session.request({ ...put, microversion: WITH_UPDATE, json: { backup: { description } } }),
  );
}

/**
 * Deletes a volume backup. The cloud deletes it asynchronously. A missing backup, or one that is
 * being deleted, counts as deleted.
 *
 * `DELETE /backups/{id}`: https://docs.openstack.org/api-ref/block-storage/v3/#delete-a-backup
 *
 * @throws {CloudError} BAD_REQUEST if the backup is neither available nor failed, or if incremental
 *   backups need it.
 */
export async function deleteVolumeBackup(session: Session, region: string, id: string): Promise<void> {
  const path = `/backups/${encodeURIComponent(id)}`;
  await deleteBlockStorage(session, { region, path }, () => getVolumeBackup(session, region, id));
}

/**
 * Sends a request with the microversion that has metadata. A cloud that lacks it answers 406, and
 * has carried out nothing; then sends the request for an older volume API.
 */
async function withMetadata<T>(
  current: (microversion: string) => Promise<T>,
  old: () => Promise<T>,
): Promise<T> {
  try {
    return await current(WITH_METADATA);
  } catch (error) {
    if (!isCloudError(error) || error.status !== 406) throw error;
    return old();
  }
}

function fromCinder(backup: v.InferOutput<typeof CinderBackup>, region: string): VolumeBackup {
  return {
    id: backup.id,
    region,
    name: backup.name ?? '',
    description: backup.description ?? '',
    status: backup.status.toLowerCase(),
    createdAt: backup.created_at,
    dataAt: backup.data_timestamp,
    volumeId: backup.volume_id,
    snapshotId: backup.snapshot_id || undefined,
    sizeGb: backup.size,
    metadata: backup.metadata,
    isIncremental: backup.is_incremental,
    hasDependents: backup.has_dependent_backups,
    failReason: backup.fail_reason || undefined,
  };
}
