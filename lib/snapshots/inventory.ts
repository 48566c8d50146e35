import pMap from 'p-map';
import { separateThrowAways } from '../drill/ownership.ts';
import { listServers, type Server } from '../openstack/compute.ts';
import { CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { type Image, listImages } from '../openstack/images.ts';
import { getServer } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import {
  bareVolumeSnapshot,
  getVolumeSnapshot,
  listVolumeSnapshots,
  type VolumeSnapshot,
} from '../openstack/volume-snapshots.ts';
import { getVolume, listVolumes, type Volume } from '../openstack/volumes.ts';
import { type Reason, unique } from '../reporting/reasons.ts';
import { isMarkedBy } from '../volumes/marker.ts';
import { blueprintIn, isId, type Snapshot } from './marker.ts';
import { hasVolumesOf, UNREADABLE_STATUS } from './ownership.ts';
import type { Inventory, RegionInventory, UncertainServer } from './region-inventory.ts';

const AT_ONCE = 8;

interface InventoryOptions {
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
  /**
   * What to list of the block storage: the snapshots of existing volumes (`attached`), the volumes
   * of existing snapshots (`snapshots`), or all volumes and snapshots (`all`); nothing by default.
   */
  volumes?: 'attached' | 'snapshots' | 'all' | undefined;
}

/**
 * Lists the servers and images of each region. A failure in one region does not stop the others.
 *
 * A listing proves that a server or an image exists, but not that it does not exist. So if a
 * listing lacks a server of `options.ids` or of a marker, or a volume snapshot of a marked image,
 * it is requested by its id. Only a 404 proves that it is gone.
 *
 * @param regions the policy's regions; undefined for all regions of the catalogue. A region that
 *   the catalogue lacks is unreadable. So is a region without a compute endpoint that is one of
 *   `regions`, or, without `regions`, has snapshots of this deployment.
 * @throws {CloudError} NO_ENDPOINT when `regions` is undefined and the catalogue has no region.
 */
export async function listInventory(
  session: Session,
  regions: readonly string[] | undefined,
  options: InventoryOptions,
): Promise<Inventory> {
  const known = session.regions;
  const wanted = new Set(regions ?? known);
  if (wanted.size === 0)
    throw new CloudError('NO_ENDPOINT', 'The catalogue has no compute endpoint in any region.');
  const withoutCompute = regions
    ? session.regionsWithoutCompute.filter((region) => wanted.has(region))
    : await regionsInUseWithoutCompute(session, options);
  const unknown = [...wanted].filter((region) => ![...known, ...withoutCompute].includes(region));
  const found: Inventory = {
    regions: [],
    unsure: [],
    throwAways: [],
    unreadable: [
      ...unknown.map((region) => ({ region, problem: { code: 'REGION_NOT_IN_CATALOGUE', known } as const })),
      ...withoutCompute.map((region) => ({
        region,
        problem: cloudReason(session.missingEndpoint('compute', region)!),
      })),
    ],
  };
  await pMap(wanted.intersection(new Set(known)), async (region) => {
    try {
      const { throwAways, unsure, ...inventory } = await listRegion(session, region, options);
      found.regions.push(inventory);
      found.throwAways.push(...throwAways);
      found.unsure.push(...unsure);
    } catch (error) {
      if (!isCloudError(error)) throw error;
      found.unreadable.push({ region, problem: cloudReason(error) });
    }
  });
  found.regions.sort((a, b) => (a.region < b.region ? -1 : 1));
  const there = new Set(
    [...found.regions.flatMap(({ servers }) => servers), ...found.throwAways].map(({ id }) => id),
  );
  return {
    ...found,
    regions: assignToOneRegion(found.regions, options.owner),
    unsure: found.unsure.filter(({ id }) => !there.has(id)),
  };
}

/**
 * The regions without a compute endpoint that have snapshots of this deployment: the catalogue has
 * lost the endpoint. Other regions of this kind are none of ours: catalogues may name a service for
 * all regions, or for a region of which nothing else is used. Regions may share an image service,
 * so a snapshot counts for the region in its blueprint. A region that can't be listed does not
 * count, because it may never have been in use; an audit knows the servers that it had.
 */
export async function regionsInUseWithoutCompute(
  session: Session,
  { owner }: Pick<InventoryOptions, 'owner'>,
): Promise<string[]> {
  const isOurs = ({ autosnap_owner }: Record<string, string>) => autosnap_owner === owner;
  const found = await pMap(session.regionsWithoutCompute, async (region) => {
    try {
      const images = session.missingEndpoint('image', region) ? [] : await listImages(session, region);
      const isHere = images.some(
        (image) => isOurs(image.properties) && (blueprintIn(image)?.region ?? region) === region,
      );
      if (isHere || images.length > 0 || session.missingEndpoint('volume', region)) return { region, isHere };
      const volumeSnapshots = await listVolumeSnapshots(session, region);
      return { region, isHere: volumeSnapshots.some(({ metadata }) => isOurs(metadata)) };
    } catch (error) {
      if (!isCloudError(error) || error.code === 'OUT_OF_TIME') throw error;
      return { region, isHere: false };
    }
  });
  return found.filter(({ isHere }) => isHere).map(({ region }) => region);
}

/**
 * Assigns each server and each image to one region, because regions that share a service list the
 * same servers and images. A server is assigned to the first region that lists it, an image to the
 * region of its server. The image of an unlisted server is assigned to the region in its blueprint,
 * or else to the first region that lists it. A volume is assigned to the region of its server, or
 * else to the first region that lists it, and its marked snapshots with it. Other volume snapshots
 * stay in each region, because the images there may need them.
 */
function assignToOneRegion(regions: readonly RegionInventory[], owner: string): RegionInventory[] {
  const serverIn = new Map<string, string>();
  for (const { region, servers } of regions)
    for (const { id } of servers) if (!serverIn.has(id)) serverIn.set(id, region);
  const imageIn = new Map<string, string>();
  for (const { region, images } of regions) {
    for (const image of images) {
      const { id, properties } = image;
      const server = properties.autosnap_server ?? properties.instance_uuid ?? '';
      const home = serverIn.get(server) ?? blueprintIn(image)?.region;
      if (!imageIn.has(id) || home === region) imageIn.set(id, region);
    }
  }
  const volumeIn = volumeRegions(regions, serverIn);
  return regions.map((one) => ({
    ...one,
    servers: one.servers.filter(({ id }) => serverIn.get(id) === one.region),
    images: one.images.filter(({ id }) => imageIn.get(id) === one.region),
    volumes: one.volumes.filter(({ id }) => volumeIn.get(id) === one.region),
    volumeSnapshots: one.volumeSnapshots.filter(
      (snapshot) => !isMarkedBy(owner, snapshot) || volumeIn.get(snapshot.volumeId) === one.region,
    ),
  }));
}

/**
 * The region of each volume by its id; see {@link assignToOneRegion}.
 *
 * @param serverIn the region of each server by its id.
 */
function volumeRegions(
  regions: readonly RegionInventory[],
  serverIn: ReadonlyMap<string, string>,
): Map<string, string> {
  const volumeIn = new Map<string, string>();
  // Some clouds show an attachment only at the server, others only at the volume.
  for (const { region, servers } of regions)
    for (const { id, volumeIds } of servers)
      if (serverIn.get(id) === region) for (const volume of volumeIds) volumeIn.set(volume, region);
  for (const { volumes } of regions)
    for (const { id, attachments } of volumes) {
      const home = attachments.map(({ serverId }) => serverIn.get(serverId)).find((one) => one !== undefined);
      if (home !== undefined && !volumeIn.has(id)) volumeIn.set(id, home);
    }
  for (const { region, volumes, volumeSnapshots } of regions)
    for (const id of [...volumes.map((one) => one.id), ...volumeSnapshots.map((one) => one.volumeId)])
      if (!volumeIn.has(id)) volumeIn.set(id, region);
  return volumeIn;
}

async function listRegion(
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

interface ListedVolumes {
  volumes: Volume[];
  snapshots: VolumeSnapshot[];
  /** Why they could not be listed. Both lists are empty then. */
  problem?: Reason;
}

const NO_VOLUMES: ListedVolumes = { volumes: [], snapshots: [] };

/**
 * Lists the volumes and volume snapshots of a region; none if the catalogue has no volume service
 * there. A region whose volumes can't be listed stays readable, because images do not need them.
 */
async function listVolumesAndSnapshots(
  session: Session,
  region: string,
  {
    wanted,
    owner,
    hasVolumes,
  }: {
    wanted: NonNullable<InventoryOptions['volumes']>;
    owner: string;
    /** Whether servers name volumes, which the listing of volumes may lack. */
    hasVolumes: boolean;
  },
): Promise<ListedVolumes> {
  if (session.missingEndpoint('volume', region)) return NO_VOLUMES;
  try {
    if (wanted === 'attached') {
      const volumes = await listVolumes(session, region);
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
async function unclearVolumes(
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

function serverInMarker({ metadata }: VolumeSnapshot): string[] {
  return metadata.autosnap_server === undefined ? [] : [metadata.autosnap_server];
}

/**
 * Lists the volume snapshots of a region, if some are needed; volume snapshots that the listing
 * lacks are requested by their ids. If the volume service can't list them, all needed ones are
 * unread, and the region stays readable: images of servers without volumes do not need them.
 */
async function findVolumeSnapshots(
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
function missingVolumeService(
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

/** Requests servers that a region's listing lacks by their ids. */
export async function findServers(
  session: Session,
  region: string,
  ids: Iterable<string>,
): Promise<{ found: Server[]; gone: ReadonlySet<string>; unsure: UncertainServer[] }> {
  const { found, gone, unread } = await requestEach(ids, (id) => getServer(session, region, id));
  return { found, gone, unsure: [...unread].map(([id, problem]) => ({ region, id, problem })) };
}

/** The ids that a listing lacks, without malformed ids. */
export function unlistedIds(listed: readonly { id: string }[], ids: readonly string[]): Set<string> {
  return new Set(ids.filter(isId)).difference(new Set(listed.map(({ id }) => id)));
}

async function requestEach<T>(ids: Iterable<string>, get: (id: string) => Promise<T | undefined>) {
  const result = {
    found: [] as T[],
    gone: new Set<string>(),
    /** The errors of the cloud by the requested id. */
    unread: new Map<string, Reason>(),
  };
  await pMap(
    ids,
    async (id) => {
      try {
        const one = await get(id);
        if (one) result.found.push(one);
        else result.gone.add(id);
      } catch (error) {
        if (!isCloudError(error)) throw error;
        result.unread.set(id, cloudReason(error));
      }
    },
    { concurrency: AT_ONCE },
  );
  return result;
}

/** A volume snapshot whose existence is unknown. */
function unreadableVolumeSnapshot(region: string, id: string): VolumeSnapshot {
  return bareVolumeSnapshot({
    ...{ id, region, name: '', status: UNREADABLE_STATUS },
    createdAt: new Date(0),
    volumeId: '',
  });
}

/**
 * Finds the servers that no region of the account has, by requesting each server in each region.
 *
 * @returns the ids of servers that are certainly gone, and the problems with the others.
 */
export async function goneEverywhere(
  session: Session,
  ids: Iterable<string>,
): Promise<{ gone: Set<string>; doubts: Reason[] }> {
  const gone = new Set<string>();
  const doubts: Reason[] = [];
  await pMap(
    new Set(ids),
    async (id) => {
      try {
        for (const region of session.regions) if (await getServer(session, region, id)) return;
        gone.add(id);
      } catch (error) {
        if (!isCloudError(error)) throw error;
        doubts.push(cloudReason(error));
      }
    },
    { concurrency: AT_ONCE },
  );
  return { gone, doubts };
}

/**
 * The region in which a snapshot was taken. Another region may list its image, because regions may
 * share an image service.
 *
 * @returns undefined if unknown: the image's blueprint has no region, and the listed region lacks
 *   the server.
 */
export function homeOf(
  image: Image,
  { server }: Pick<Snapshot, 'server'>,
  { region, servers }: Pick<RegionInventory, 'region' | 'servers'>,
): string | undefined {
  return blueprintIn(image)?.region ?? (servers.some(({ id }) => id === server) ? region : undefined);
}

/**
 * Pairs each server with each region in the blueprints of its snapshots; with undefined if no
 * blueprint has a region. Regions may share an image service, so the region that lists an image may
 * not be the server's.
 */
export function homesOf(
  servers: ReadonlySet<string>,
  regions: readonly RegionInventory[],
): [server: string, region: string | undefined][] {
  const homes = new Map([...servers].map((server) => [server, new Set<string>()]));
  for (const image of regions.flatMap(({ images }) => images)) {
    const region = blueprintIn(image)?.region;
    if (region) homes.get(image.properties.autosnap_server ?? '')?.add(region);
  }
  return [...homes].flatMap(([server, its]): [string, string | undefined][] =>
    its.size > 0 ? [...its].map((region) => [server, region]) : [[server, undefined]],
  );
}

/**
 * The regions in the blueprints of images that the catalogue lacks. Regions may share an image
 * service, so another region lists such images.
 */
export function homesNotInCatalogue({ regions: known }: Session, images: readonly Image[]): Set<string> {
  const homes = images.flatMap((image) => blueprintIn(image)?.region ?? []);
  return new Set(homes.filter((home) => !known.includes(home)));
}

function cloudReason(error: CloudError): Reason {
  return { code: 'CLOUD', ...errorFactsOf(error) };
}
