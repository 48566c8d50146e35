import type { Image } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import { blueprintIn } from './marker.ts';
import type { RegionInventory } from './region-inventory.ts';
import type { Snapshot } from './snapshot.ts';

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
