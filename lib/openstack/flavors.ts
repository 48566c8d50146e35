import * as v from 'valibot';
import type { Image } from './images.ts';
import { listAll } from './pages.ts';
import type { Session } from './session.ts';

/** A size of server. */
export interface Flavor {
  id: string;
  name: string;
  ramMb: number;
  /** 0: as large as the image asks for. */
  diskGb: number;
}

const NovaFlavor = v.looseObject({ id: v.string(), name: v.string(), ram: v.number(), disk: v.number() });

/**
 * All flavors of which the project can have servers in a region.
 *
 * `GET /flavors/detail`: Rackspace docs-cloud-servers; Nova compute API 2.1.
 *
 * @throws {CloudError} when any page fails or any flavor can't be read.
 */
export async function listFlavors(session: Session, region: string): Promise<Flavor[]> {
  const request = { service: 'compute', region, path: '/flavors/detail' } as const;
  const flavors = await listAll(session, { request, key: 'flavors', item: NovaFlavor });
  return flavors.map(({ id, name, ram, disk }) => ({ id, name, ramMb: ram, diskGb: disk }));
}

/** The flavor of that id, or else of that name. */
export function findFlavor(flavors: readonly Flavor[], wanted: string | undefined): Flavor | undefined {
  return flavors.find(({ id }) => id === wanted) ?? flavors.find(({ name }) => name === wanted);
}

/** Whether a server made from `image` can have a flavor. Nova refuses a disk that is smaller than the image's data, too. */
export function fits(image: Image, { diskGb, ramMb }: Flavor): boolean {
  return ramMb >= (image.minRamMb ?? 0) && (diskGb === 0 || diskGb >= leastDiskGb(image));
}

function leastDiskGb({ minDiskGb = 0, sizeBytes = 0 }: Image): number {
  return Math.max(minDiskGb, Math.ceil(sizeBytes / 2 ** 30));
}

/** The flavors that a server made from `image` can have, the smallest first. */
export function fitting(image: Image, flavors: readonly Flavor[]): Flavor[] {
  return flavors
    .filter((flavor) => fits(image, flavor))
    .sort((a, b) => a.ramMb - b.ramMb || a.diskGb - b.diskGb);
}

/** "20 GB of disk and 512 MB of memory", the least that an image asks for. */
export function leastOf(image: Image): string {
  return `${leastDiskGb(image)} GB of disk and ${image.minRamMb ?? 0} MB of memory`;
}
