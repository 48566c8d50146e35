import * as v from 'valibot';
import type { Image } from './images.ts';
import { listAll } from './pages.ts';
import type { Session } from './session.ts';

/** A Nova flavor: a size of server. */
export interface Flavor {
  id: string;
  name: string;
  ramMb: number;
  /** 0 means the minimum disk of the image. */
  diskGb: number;
}

const NovaFlavor = v.looseObject({ id: v.string(), name: v.string(), ram: v.number(), disk: v.number() });

/**
 * All flavors that the project can use in a region.
 *
 * `GET /flavors/detail`: https://docs.openstack.org/api-ref/compute/#list-flavors-with-details and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference/svr-flavors-operations
 *
 * @throws {CloudError} if any page fails or any flavor can't be read.
 */
export async function listFlavors(session: Session, region: string): Promise<Flavor[]> {
  const request = { service: 'compute', region, path: '/flavors/detail' } as const;
  const flavors = await listAll(session, { request, key: 'flavors', item: NovaFlavor });
  return flavors.map(({ id, name, ram, disk }) => ({ id, name, ramMb: ram, diskGb: disk }));
}

/** Finds a flavor by id, or else by name. */
export function findFlavor(flavors: readonly Flavor[], wanted: string | undefined): Flavor | undefined {
  return flavors.find(({ id }) => id === wanted) ?? flavors.find(({ name }) => name === wanted);
}

/**
 * Whether a flavor is large enough for a server created from `image`. Nova also refuses a disk that
 * is smaller than the image's data.
 */
export function fits(image: Image, { diskGb, ramMb }: Flavor): boolean {
  return ramMb >= (image.minRamMb ?? 0) && (diskGb === 0 || diskGb >= requiredDiskGb(image));
}

function requiredDiskGb({ minDiskGb = 0, sizeBytes = 0 }: Image): number {
  return Math.max(minDiskGb, Math.ceil(sizeBytes / 2 ** 30));
}

/** The flavors that are large enough for a server created from `image`, smallest first. */
export function fitting(image: Image, flavors: readonly Flavor[]): Flavor[] {
  return flavors
    .filter((flavor) => fits(image, flavor))
    .sort((a, b) => a.ramMb - b.ramMb || a.diskGb - b.diskGb);
}

/** "20 GB of disk and 512 MB of memory", the minimum that an image requires. */
export function leastOf(image: Image): string {
  return `${requiredDiskGb(image)} GB of disk and ${image.minRamMb ?? 0} MB of memory`;
}
