import pMap from 'p-map';
import type { CheckedCopy } from '../offsite/copy-state.ts';
import { listServers } from '../openstack/compute.ts';
import { isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { homesOf } from '../snapshots/home-region.ts';
import type { Inventory, RegionInventory, UncertainServer } from '../snapshots/region-inventory.ts';

/**
 * The servers that are gone from a region, and whose snapshots name another region that can't be
 * read or that the catalogue lacks. Regions may share an image service, so these servers may exist
 * in the other region.
 */
export function outOfSight({ regions }: Inventory): UncertainServer[] {
  const read = new Set(regions.map(({ region }) => region));
  return regions.flatMap((surveyed) =>
    homesOf(surveyed.gone, [surveyed]).flatMap(([id, home]): UncertainServer[] =>
      home === undefined || read.has(home)
        ? []
        : [{ region: surveyed.region, id, problem: { code: 'SERVER_REGION_UNREADABLE', home } }],
    ),
  );
}

/** The servers of regions without an image service in the catalogue, if they can be listed. */
export async function serversWithoutImages(
  session: Session,
  { unreadable }: Inventory,
): Promise<Pick<RegionInventory, 'region' | 'servers'>[]> {
  const regions = unreadable.filter(
    ({ problem }) => problem.code === 'CLOUD' && problem.error === 'NO_ENDPOINT',
  );
  const listed = await pMap(regions, async ({ region }) => {
    try {
      return [{ region, servers: await listServers(session, region) }];
    } catch (error) {
      if (!isCloudError(error)) throw error;
      return [];
    }
  });
  return listed.flat();
}

/** The servers that are gone from their regions, and that no other region lists. */
export function goneInEveryRegion(regions: readonly RegionInventory[]): Set<string> {
  const here = new Set(regions.flatMap(({ servers }) => servers.map(({ id }) => id)));
  return new Set(regions.flatMap(({ gone }) => [...gone])).difference(here);
}

/**
 * The servers of copies that the inventory did not request, because no image names them any more.
 */
export function unknownOf(
  copies: readonly CheckedCopy[] = [],
  { region, servers, gone }: RegionInventory,
  unsure: readonly UncertainServer[],
): Set<string> {
  const known = new Set([...servers, ...unsure].map(({ id }) => id)).union(gone);
  const ofRegion = copies.filter((copy) => copy.region === region).map(({ server }) => server);
  return new Set(ofRegion).difference(known);
}
