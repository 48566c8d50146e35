import pMap from 'p-map';
import { CloudError, isCloudError } from '../openstack/errors.ts';
import { listImages } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumeSnapshots } from '../openstack/volume-snapshots.ts';
import { assignToOneRegion } from './assign-to-regions.ts';
import { type InventoryOptions, listRegion } from './list-region.ts';
import { blueprintIn } from './marker.ts';
import type { Inventory } from './region-inventory.ts';
import { cloudReason } from './unlisted.ts';

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
