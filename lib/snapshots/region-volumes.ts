import type { Server } from '../openstack/compute.ts';
import { isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { unionById } from '../openstack/union-by-id.ts';
import {
  bareVolumeSnapshot,
  getVolumeSnapshot,
  listVolumeSnapshots,
  type VolumeSnapshot,
} from '../openstack/volume-snapshots.ts';
import { getVolume, listVolumes, type Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isMarkedBy } from '../volumes/marker.ts';
import { UNREADABLE_STATUS } from './ownership.ts';
import { cloudReason, requestEach, unlistedIds } from './unlisted.ts';

/**
 * What to list of the block storage: the snapshots of existing volumes (`attached`), the volumes of
 * existing snapshots (`snapshots`), or all volumes and snapshots (`all`).
 */
export type WantedVolumes = 'attached' | 'snapshots' | 'all';

interface ListedVolumes {
  volumes: Volume[];
  snapshots: VolumeSnapshot[];
  /** Why they could not be listed. Both lists are empty then. */
  problem?: Reason;
}

/** The volumes of a region that has none, or whose volumes are not listed. */
export const NO_VOLUMES: ListedVolumes = { volumes: [], snapshots: [] };

/**
 * Lists the volumes and volume snapshots of a region; none if the catalogue has no volume service
 * there. A region whose volumes can't be listed stays readable, because images do not need them.
 */
export async function listVolumesAndSnapshots(
  session: Session,
  region: string,
  {
    wanted,
    owner,
    hasVolumes,
  }: {
    wanted: WantedVolumes;
    owner: string;
    /** Whether servers name volumes, which the listing of volumes may lack. */
    hasVolumes: boolean;
  },
): Promise<ListedVolumes> {
  if (session.missingEndpoint('volume', region)) return NO_VOLUMES;
  try {
    if (wanted === 'attached') {
      const listed = await listVolumes(session, region);
      // Rackspace's servers do not show their volumes, so only a second listing can show a volume
      // that the first one lacks.
      const volumes =
        session.provider === 'rackspace' ? unionById(listed, await listVolumes(session, region)) : listed;
      const needsSnapshots = hasVolumes || volumes.length > 0;
      return { volumes, snapshots: needsSnapshots ? await listVolumeSnapshots(session, region) : [] };
    }
    const snapshots = await listVolumeSnapshots(session, region);
    const needsVolumes = wanted === 'all' || snapshots.some((one) => isMarkedBy(owner, one));
    return { volumes: needsVolumes ? await listVolumes(session, region) : [], snapshots };
  } catch (error) {
    if (!isCloudError(error) || error.code === 'OUT_OF_TIME') throw error;
    return { ...NO_VOLUMES, problem: cloudReason(error) };
  }
}

/**
 * Requests by their ids the volumes of servers that the listing lacks, or shows without a status.
 *
 * @returns those that could be read.
 */
export async function unclearVolumes(
  session: Session,
  region: string,
  servers: readonly Server[],
  listed: readonly Volume[],
): Promise<Volume[]> {
  const withoutStatus = listed.filter(({ status, attachments }) => status === '' && attachments.length > 0);
  const unlisted = unlistedIds(
    listed,
    servers.flatMap(({ volumeIds }) => volumeIds),
  );
  const ids = new Set([...unlisted, ...withoutStatus.map(({ id }) => id)]);
  return (await requestEach(ids, (id) => getVolume(session, region, id))).found;
}

/**
 * Lists the volume snapshots of a region, if some are needed; volume snapshots that the listing
 * lacks are requested by their ids. If the volume service can't list them, all needed ones are
 * unread, and the region stays readable: images of servers without volumes do not need them.
 */
export async function findVolumeSnapshots(
  session: Session,
  region: string,
  needed: readonly string[],
  { snapshots, problem: unlisted }: ListedVolumes,
): Promise<{ found: VolumeSnapshot[]; unread: ReadonlyMap<string, Reason>; problem?: Reason }> {
  if (needed.length === 0) return { found: snapshots, unread: new Map() };
  if (unlisted) return { found: [], unread: new Map(needed.map((id) => [id, unlisted])), problem: unlisted };
  try {
    const listed = snapshots.length > 0 ? snapshots : await listVolumeSnapshots(session, region);
    const more = await requestEach(unlistedIds(listed, needed), (id) =>
      getVolumeSnapshot(session, region, id),
    );
    return { found: [...listed, ...more.found], unread: more.unread };
  } catch (error) {
    if (!isCloudError(error) || error.code === 'OUT_OF_TIME') throw error;
    const problem = cloudReason(error);
    return { found: [], unread: new Map(needed.map((id) => [id, problem])), problem };
  }
}

/** The problem of a region without a volume service whose servers need one. */
export function missingVolumeService(
  session: Session,
  region: string,
  servers: readonly Server[],
  wantsVolumes: boolean,
): Reason | undefined {
  const needsIt = ({ volumeBacked, volumeIds }: Server) =>
    (volumeBacked && session.provider !== 'rackspace') || (wantsVolumes && volumeIds.length > 0);
  if (!servers.some(needsIt)) return undefined;
  const error = session.missingEndpoint('volume', region);
  return error && cloudReason(error);
}

/** A volume snapshot whose existence is unknown. */
export function unreadableVolumeSnapshot(region: string, id: string): VolumeSnapshot {
  return bareVolumeSnapshot({
    ...{ id, region, name: '', status: UNREADABLE_STATUS },
    createdAt: new Date(0),
    volumeId: '',
  });
}
