import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import type { Image } from './images.ts';
import { listAll, unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';

/** A Nova flavor: a size of server. */
export interface Flavor {
  id: string;
  name: string;
  ramMb: number;
  /** 0 means the minimum disk of the image. */
  diskGb: number;
  /** Whether there are local disks besides the system disk. No image contains them. */
  hasDataDisks: boolean;
  /** Whether a server of this flavor may boot from a volume. */
  mayBootVolume: boolean;
}

/** The classes of Rackspace's flavors whose servers never boot from a volume. */
const LOCAL_CLASSES = ['standard1', 'onmetal'];

const NovaFlavor = v.looseObject({
  id: v.string(),
  name: v.string(),
  ram: v.number(),
  disk: v.number(),
  // Gigabytes of all data disks together.
  'OS-FLV-EXT-DATA:ephemeral': v.fallback(v.number(), 0),
  // Rackspace's; the values are texts.
  'OS-FLV-WITH-EXT-SPECS:extra_specs': v.fallback(
    v.looseObject({
      number_of_data_disks: v.fallback(v.string(), '0'),
      class: v.fallback(v.string(), ''),
    }),
    { number_of_data_disks: '0', class: '' },
  ),
});

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
  return flavors.map(flavorFromNova);
}

/**
 * A flavor, also one that is no longer listed; undefined if it does not exist.
 *
 * `GET /flavors/{id}`: https://docs.openstack.org/api-ref/compute/#show-flavor-details
 *
 * @throws {CloudError} for every response but the flavor and 404.
 */
export async function getFlavor(session: Session, region: string, id: string): Promise<Flavor | undefined> {
  const request = { service: 'compute', region, path: `/flavors/${encodeURIComponent(id)}` } as const;
  try {
    const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
    const answer = v.safeParse(v.object({ flavor: NovaFlavor }), body);
    if (!answer.success) throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'not a flavor');
    return flavorFromNova(answer.output.flavor);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

function flavorFromNova(flavor: v.InferOutput<typeof NovaFlavor>): Flavor {
  const { id, name, ram, disk } = flavor;
  const { number_of_data_disks: disks, class: its } = flavor['OS-FLV-WITH-EXT-SPECS:extra_specs'];
  const hasDataDisks = flavor['OS-FLV-EXT-DATA:ephemeral'] > 0 || Number(disks) > 0;
  return { id, name, ramMb: ram, diskGb: disk, hasDataDisks, mayBootVolume: !LOCAL_CLASSES.includes(its) };
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
