import { memoize } from '../config/memoize.ts';
import type { Policy } from '../config/policy.ts';
import { isFirstDisk } from '../openstack/attachments.ts';
import type { Server } from '../openstack/compute.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { type Flavor, getFlavor, listFlavors } from '../openstack/flavors.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumes, type Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';

type AcceptedDataLoss = Pick<Policy, 'policy' | 'accept'>;

/**
 * The servers whose flavor has local disks besides the system disk. No image contains these disks.
 */
function withLocalDisks(servers: readonly Server[], flavors: readonly Flavor[]): Server[] {
  const larger = new Set(flavors.filter(({ hasDataDisks }) => hasDataDisks).map(({ id }) => id));
  return servers.filter(({ flavorId = '' }) => larger.has(flavorId));
}

/**
 * The servers with volumes that no image contains. The image of a server whose system disk is a
 * volume has a snapshot of each volume of the server; any other image contains only the system
 * disk.
 *
 * @param volumes the volumes of the region, because some clouds show attachments only there.
 */
function withAttachedVolumes(servers: readonly Server[], volumes: readonly Volume[]): Server[] {
  const attachments = Map.groupBy(
    volumes.flatMap((volume) => volume.attachments),
    ({ serverId }) => serverId,
  );
  return servers.filter(({ id, volumeBacked, volumeIds }) => {
    const its = attachments.get(id) ?? [];
    return !volumeBacked && volumeIds.length + its.length > 0 && !its.some(isFirstDisk);
  });
}

/**
 * Finds the data of servers that are in no snapshot. Lists the flavors and volumes of each region
 * at most once, and only if a policy does not accept the kind of data.
 *
 * @returns a function that returns at most one reason for each region and kind of data: the servers
 *   with such data, or why the data are unknown.
 */
export function unprotectedDataFinder(
  session: Session,
): (servers: readonly Server[], policy: AcceptedDataLoss) => Promise<Reason[]> {
  const flavorsIn = memoize((region: string) => listFlavors(session, region), String);
  const flavorOf = memoize(
    (region: string, id: string) => getFlavor(session, region, id),
    (...key) => key.join(' '),
  );
  const volumesIn = memoize((region: string) => volumesIfServed(session, region), String);

  async function localDisks(region: string, servers: readonly Server[]): Promise<Server[]> {
    const listed = await flavorsIn(region);
    const ids = new Set(servers.flatMap(({ flavorId }) => flavorId ?? []));
    const unlisted = ids.difference(new Set(listed.map(({ id }) => id)));
    const others = await Promise.all([...unlisted].map((id) => flavorOf(region, id)));
    return withLocalDisks(servers, [...listed, ...others.filter((one) => one !== undefined)]);
  }
  async function attachedVolumes(region: string, servers: readonly Server[]): Promise<Server[]> {
    if (servers.every(({ volumeBacked }) => volumeBacked)) return [];
    return withAttachedVolumes(servers, await volumesIn(region));
  }

  return async (servers, { policy, accept = [] }) => {
    const kinds = [
      { kind: 'localDisks', code: 'LOCAL_DISKS_UNPROTECTED', find: localDisks },
      { kind: 'attachedVolumes', code: 'VOLUMES_UNPROTECTED', find: attachedVolumes },
    ] as const;
    const wanted = kinds.filter(({ kind }) => !accept.includes(kind));
    const found: Reason[] = [];
    for (const [region, its] of Map.groupBy(servers, (server) => server.region)) {
      for (const { kind, code, find } of wanted) {
        try {
          const names = (await find(region, its)).map(({ name, id }) => name || id).sort();
          if (names.length > 0) found.push({ code, where: region, policy, names });
        } catch (error) {
          if (!isCloudError(error)) throw error;
          found.push({ code: 'DATA_UNKNOWN', where: region, policy, kind, ...errorFactsOf(error) });
        }
      }
    }
    return found;
  };
}

/** The volumes of a region; none in a cloud without block storage. */
async function volumesIfServed(session: Session, region: string): Promise<Volume[]> {
  try {
    return await listVolumes(session, region);
  } catch (error) {
    if (isCloudError(error, 'NO_ENDPOINT')) return [];
    throw error;
  }
}
