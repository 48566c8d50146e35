import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import { date, listAll, unreadable } from './pages.ts';
import type { Session } from './session.ts';

/** A Cinder volume snapshot: where the data of a volume-backed server's image lie. */
export interface VolumeSnapshot {
  id: string;
  region: string;
  /** Nova calls those that it makes for an image `snapshot for <the image's name>`. */
  name: string;
  status: string;
  createdAt: Date;
  /** The volume it was made from. */
  volumeId: string;
}

/** Cinder writes its times in UTC, without saying so. */
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
 * `GET /snapshots`: Cinder Block Storage API v3.
 *
 * @throws {CloudError} when any page fails or any snapshot can't be read.
 */
export async function listVolumeSnapshots(session: Session, region: string): Promise<VolumeSnapshot[]> {
  const request = { service: 'volume', region, path: '/snapshots' } as const;
  const snapshots = await listAll(session, { request, key: 'snapshots', item: CinderSnapshot });
  return snapshots.map((snapshot) => fromCinder(snapshot, region));
}

/**
 * One volume snapshot as it is now; undefined when there is none.
 *
 * `GET /snapshots/{id}`: Cinder Block Storage API v3.
 *
 * @throws {CloudError} for every answer but the snapshot and 404.
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
    if (!answer.success) throw unreadable(request, v.getDotPath(answer.issues[0]) ?? 'not a snapshot');
    return fromCinder(answer.output.snapshot, region);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/** Those of some volume snapshots that are there; see {@link getVolumeSnapshot}. */
export async function getVolumeSnapshots(
  session: Session,
  region: string,
  ids: readonly string[],
): Promise<VolumeSnapshot[]> {
  const found = await Promise.all(ids.map((id) => getVolumeSnapshot(session, region, id)));
  return found.filter((one) => one !== undefined);
}

/**
 * Asks Cinder to delete a volume snapshot, which it does in its own time. One that is gone, or going, counts.
 *
 * @throws {CloudError} BAD_REQUEST or CONFLICT while something still depends on it.
 */
export async function deleteVolumeSnapshot(session: Session, region: string, id: string): Promise<void> {
  const path = `/snapshots/${encodeURIComponent(id)}`;
  try {
    await session.request({ service: 'volume', region, method: 'DELETE', path, expect: [202] });
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return;
    if (!isCloudError(error, 'BAD_REQUEST')) throw error;
    // Cinder refuses to delete what it is deleting already, for somebody else.
    const current = await getVolumeSnapshot(session, region, id);
    if (current && current.status !== 'deleting') throw error;
  }
}

function fromCinder(snapshot: v.InferOutput<typeof CinderSnapshot>, region: string): VolumeSnapshot {
  const { id, name, status, created_at: createdAt, volume_id: volumeId } = snapshot;
  return { id, region, name: name ?? '', status, createdAt, volumeId };
}
