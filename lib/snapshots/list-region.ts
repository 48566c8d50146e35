import { separateThrowAways } from '../drill/ownership.ts';
import { listServers, type Server } from '../openstack/compute.ts';
import { listImages } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import type { VolumeSnapshot } from '../openstack/volume-snapshots.ts';
import { getVolume } from '../openstack/volumes.ts';
import { unique } from '../reporting/reasons.ts';
import { isMarkedBy } from '../volumes/marker.ts';
import { hasVolumesOf } from './ownership.ts';
import type { Inventory, RegionInventory } from './region-inventory.ts';
import type { WantedVolumes } from './region-volumes.ts';
import {
  findVolumeSnapshots,
  listVolumesAndSnapshots,
  missingVolumeService,
  NO_VOLUMES,
  unclearVolumes,
  unreadableVolumeSnapshot,
} from './region-volumes.ts';
import { findServers, requestEach, unlistedIds } from './unlisted.ts';

/** What an inventory lists, and which servers it requests by their ids. */
export interface InventoryOptions {
  /** The owner id of the deployment whose markers are read. */
  owner: string;
  /** Servers that are requested by their ids if the listings lack them. */
  ids?: readonly string[] | undefined;
  /** Like `ids`, for one region. */
  idsIn?: ((region: string) => readonly string[]) | undefined;
  /**
   * Servers in the markers of images that were created before this time are not requested; by
   * default, all servers in markers are.
   */
  since?: Date | undefined;
  /** What to list of the block storage; nothing by default. */
  volumes?: WantedVolumes | undefined;
}

/**
 * Lists the servers, images and volumes of a region, and requests by their ids those that the
 * listings lack.
 *
 * @throws {CloudError} when the servers or the images can't be listed.
 */
export async function listRegion(
  session: Session,
  region: string,
  { owner, ids = [], idsIn = () => [], since = new Date(0), volumes: wanted }: InventoryOptions,
): Promise<RegionInventory & Pick<Inventory, 'throwAways' | 'unsure'>> {
  const [servers, images] = await Promise.all([listServers(session, region), listImages(session, region)]);
  const hasVolumes = servers.some(({ volumeIds }) => volumeIds.length > 0);
  const attached = wanted
    ? await listVolumesAndSnapshots(session, region, { wanted, owner, hasVolumes })
    : NO_VOLUMES;
  const ours = images.filter(({ properties }) => properties.autosnap_owner === owner);
  const named = ours.flatMap(({ properties, createdAt }) =>
    createdAt >= since ? (properties.autosnap_server ?? []) : [],
  );
  const needed = images.filter(hasVolumesOf(owner)).flatMap(({ volumeSnapshotIds }) => volumeSnapshotIds);
  const marked = attached.snapshots.filter((one) => one.createdAt >= since && isMarkedBy(owner, one));
  const [missing, volumes, unlistedVolumes] = await Promise.all([
    findServers(
      session,
      region,
      unlistedIds(servers, [...ids, ...idsIn(region), ...named, ...marked.flatMap(serverInMarker)]),
    ),
    findVolumeSnapshots(session, region, needed, attached),
    requestEach(
      unlistedIds(
        attached.volumes,
        marked.map(({ volumeId }) => volumeId),
      ),
      (id) => getVolume(session, region, id),
    ),
  ]);
  const found = [...servers, ...missing.found];
  const looked =
    wanted === 'attached' && !attached.problem
      ? await unclearVolumes(session, region, found, [...attached.volumes, ...unlistedVolumes.found])
      : [];
  const lookedAt = new Set(looked.map(({ id }) => id));
  // Rackspace's servers do not show their volumes.
  const mayHaveVolumes = ({ volumeIds }: Server) => session.provider === 'rackspace' || volumeIds.length > 0;
  const volumesUnread =
    (found.some(mayHaveVolumes) ? attached.problem : undefined) ??
    volumes.problem ??
    missingVolumeService(session, region, found, wanted !== undefined);
  const { projectId } = session;
  const volumeSources = volumes.found.map(({ id, metadata }) => ({
    ...{ id, owner: projectId, properties: metadata },
  }));
  const { lasting, throwAways } = separateThrowAways(found, [...images, ...volumeSources], projectId);
  return {
    region,
    servers: lasting,
    throwAways,
    images,
    volumes: [
      ...[...attached.volumes, ...unlistedVolumes.found].filter(({ id }) => !lookedAt.has(id)),
      ...looked,
    ],
    goneVolumes: unlistedVolumes.gone,
    volumeSnapshots: [
      ...volumes.found,
      ...volumes.unread.keys().map((id) => unreadableVolumeSnapshot(region, id)),
    ],
    ...(volumesUnread === undefined ? {} : { volumesUnread }),
    ...(attached.problem === undefined ? {} : { volumesUnlisted: attached.problem }),
    gone: missing.gone,
    unsure: missing.unsure,
    doubts: unique([
      ...missing.unsure.map(({ problem }) => problem),
      ...volumes.unread.values(),
      ...unlistedVolumes.unread.values(),
    ]),
  };
}

function serverInMarker({ metadata }: VolumeSnapshot): string[] {
  return metadata.autosnap_server === undefined ? [] : [metadata.autosnap_server];
}
