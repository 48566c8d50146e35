import pMap from 'p-map';
import { isCloudError } from '../openstack/errors.ts';
import { getImage, type Image } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import type { Copy } from './copies.ts';

const AT_ONCE = 2;

/**
 * The images of a region, including those that may be missing in its listing: the images of
 * unfinished copies are requested by their ids. `gone` has the ids for which the cloud answers 404.
 */
export async function withUnlistedImages(
  session: Session,
  { region, images }: RegionInventory,
  unfinished: readonly Copy[],
): Promise<{ images: Image[]; gone: Set<string> }> {
  const listed = new Set(images.map(({ id }) => id));
  const missing = new Set(unfinished.map(({ image }) => image).filter((id) => !listed.has(id)));
  const gone = new Set<string>();
  const found = await pMap(
    missing,
    async (id) => {
      try {
        const image = await getImage(session, region, id);
        if (!image) gone.add(id);
        return image ? [image] : [];
      } catch (error) {
        // An image that can't be read may still exist.
        if (!isCloudError(error)) throw error;
        return [];
      }
    },
    { concurrency: AT_ONCE },
  );
  return { images: [...images, ...found.flat()], gone };
}
