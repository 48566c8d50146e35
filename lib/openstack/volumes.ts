import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import { date, listAll, unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';

/** A Cinder volume snapshot. It holds the data of a volume-backed server's image. */
export interface VolumeSnapshot {
  id: string;
  region: string;
  /** Nova names the snapshots of an image `snapshot for <image name>`. */
  name: string;
  status: string;
  createdAt: Date;
  /** The volume of the snapshot. */
  volumeId: string;
}

/** A Cinder volume, and which servers it is attached to. */
export interface Volume {
  id: string;
  sizeGb: number;
  attachments: { serverId: string; device: string | undefined }[];
}

const CinderVolume = v.looseObject({
  id: v.string(),
  size: v.fallback(v.number(), 0),
  attachments: v.fallback(
    v.array(v.looseObject({ server_id: v.string(), device: v.nullish(v.string()) })),
    [],
  ),
});

/**
 * All volumes of the project in a region.
 *
 * `GET /volumes/detail`:
 * https://docs.openstack.org/api-ref/block-storage/v3/#list-accessible-volumes-with-details.
 * Rackspace has Cinder v1, whose pages have no links and which ignores `marker`, so `offset` is
 * used there.
 *
 * @throws {CloudError} if any page fails or any volume can't be read.
 */
export async function listVolumes(session: Session, region: string): Promise<Volume[]> {
  const request = { service: 'volume', region, path: '/volumes/detail' } as const;
  const volumes =
    session.provider === 'rackspace'
      ? await listByOffset(session, request)
      : await listAll(session, { request, key: 'volumes', item: CinderVolume });
  return volumes.map(({ id, size, attachments }) => ({
    id,
    sizeGb: size,
    attachments: attachments.map(({ server_id, device }) => ({
      serverId: server_id,
      device: device ?? undefined,
    })),
  }));
}

async function listByOffset(
  session: Session,
  request: { service: 'volume'; region: string; path: string },
): Promise<v.InferOutput<typeof CinderVolume>[]> {
  const Page = v.object({ volumes: v.array(CinderVolume) });
  const found = new Map<string, v.InferOutput<typeof CinderVolume>>();
  for (let offset = 0; ; ) {
    const query = { limit: '1000', offset: String(offset) };
    const { body } = await session.request({ ...request, method: 'GET', query, expect: [200, 203] });
    const page = v.safeParse(Page, body);
    if (!page.success) throw unreadableAnswer(request, v.getDotPath(page.issues[0]) ?? 'volumes');
    const { volumes } = page.output;
    const more = volumes.filter(({ id }) => !found.has(id));
    // The cloud may return smaller pages than requested, so only a page without new volumes is the
    // last one.
    if (more.length === 0) return [...found.values()];
    for (const volume of more) found.set(volume.id, volume);
    offset += volumes.length;
  }
}

/** A Cinder time: UTC without a zone. */
const cinderDate = v.pipe(
  v.string(),
  v.transform((text) => (/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)),
  date,
);

const CinderSnapshot = v.looseObject({
  id: v.string(),
  name: v.nullish(v.string()),
  status: v.string(),
  created_at: cinderDate,
  volume_id: v.string(),
});

/**
 * All volume snapshots of the project in a region.
 *
 * `GET /snapshots`: https://docs.openstack.org/api-ref/block-storage/v3/#list-accessible-snapshots
 *
 * @throws {CloudError} if any page fails or any snapshot can't be read.
 */
export async function listVolumeSnapshots(session: Session, region: string): Promise<VolumeSnapshot[]> {
  const request = { service: 'volume', region, path: '/snapshots' } as const;
  const snapshots = await listAll(session, { request, key: 'snapshots', item: CinderSnapshot });
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
    const { body } = await session.request({ ...request, method: 'GET', expect: [200] });
    const answer = v.safeParse(v.object({ snapshot: CinderSnapshot }), body);
    if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'not a snapshot');
    return fromCinder(answer.output.snapshot, region);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** The existing volume snapshots among `ids`; see {@link getVolumeSnapshot}. */
export async function getVolumeSnapshots(
  session: Session,
  region: string,
  ids: readonly string[],
): Promise<VolumeSnapshot[]> {
  const found = await Promise.all(ids.map((id) => getVolumeSnapshot(session, region, id)));
  return found.filter((one) => one !== undefined);
}

/**
 * Deletes a volume snapshot. Cinder deletes it asynchronously. A missing snapshot, or one that is
 * being deleted, counts as deleted.
 *
 * `DELETE /snapshots/{id}`: https://docs.openstack.org/api-ref/block-storage/v3/#delete-a-snapshot
 *
 * @throws {CloudError} BAD_REQUEST or CONFLICT while the snapshot is in use.
 */
export async function deleteVolumeSnapshot(session: Session, region: string, id: string): Promise<void> {
  const path = `/snapshots/${encodeURIComponent(id)}`;
  try {
    await session.request({ service: 'volume', region, method: 'DELETE', path, expect: [202] });
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return;
    if (!isCloudError(error, 'BAD_REQUEST')) throw error;
    // Cinder answers 400 for a snapshot that it is already deleting.
    const current = await getVolumeSnapshot(session, region, id);
    if (current && current.status !== 'deleting') throw error;
  }
}

function fromCinder(snapshot: v.InferOutput<typeof CinderSnapshot>, region: string): VolumeSnapshot {
  const { id, name, status, created_at: createdAt, volume_id: volumeId } = snapshot;
  return { id, region, name: name ?? '', status, createdAt, volumeId };
}
