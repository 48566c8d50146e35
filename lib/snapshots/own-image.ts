import { createImage, type NewImage, type Server } from '../openstack/compute.ts';
import { isCloudError, restated } from '../openstack/errors.ts';
import type { Image } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import { ERRORS } from '../reporting/sentences/errors.ts';
import { CREATED_BY, CREATED_BY_KEY } from './marker.ts';
import type { RegionInventory } from './region-inventory.ts';

/**
 * Whether an image of a server would inherit the property {@link CREATED_BY_KEY} of another maker.
 */
export type MarkInheritance = 'certain' | 'possible' | 'none';

/**
 * Whether the image of each server would inherit the mark of Rackspace's image schedule, which
 * deletes the oldest images with its mark. In other clouds, an image that was moved from Rackspace
 * may have the mark. The image from which the server was made decides. If that image is not listed,
 * an earlier snapshot of the server may show the mark.
 */
export function inheritedMakers(regions: readonly RegionInventory[]): Map<Server, MarkInheritance> {
  return new Map(
    regions.flatMap(({ servers, images }) => {
      const says = ({ properties }: Image) => (properties[CREATED_BY_KEY] ?? CREATED_BY) !== CREATED_BY;
      const imageOf = new Map(images.map((image) => [image.id, image]));
      const shown = new Set(images.filter(says).map(({ properties }) => properties.autosnap_server));
      return servers.map((server): [Server, MarkInheritance] => {
        const base = imageOf.get(server.imageId ?? '');
        if (base ? says(base) : shown.has(server.id)) return [server, 'certain'];
        return [server, base && !shown.has(server.id) ? 'none' : 'possible'];
      });
    }),
  );
}

/**
 * Makes an image with {@link createImage}.
 *
 * @param inherits whether the image would inherit the mark of another maker. If so, {@link
 *   CREATED_BY} replaces that mark. If the cloud refuses this, the image is requested without it if
 *   inheritance is only possible; if it is certain, this function throws, because the image would
 *   not count.
 * @param find searches for the image, because the cloud may have made an image although it refused
 *   the request.
 */
export async function createOwnImage(
  session: Session,
  server: Pick<Server, 'id' | 'region'>,
  wanted: NewImage,
  { inherits, find }: { inherits: MarkInheritance; find: () => Promise<string | undefined> },
): Promise<string | undefined> {
  const image = { ...wanted, metadata: { ...wanted.metadata, ...imageTypeFor(session) } };
  if (inherits === 'none') return createImage(session, server, image);
  try {
    const metadata = { ...image.metadata, [CREATED_BY_KEY]: CREATED_BY };
    return await createImage(session, server, { ...image, metadata });
  } catch (error) {
    if (!isCloudError(error, 'FORBIDDEN', 'BAD_REQUEST')) throw error;
    if (inherits === 'possible') return (await find()) ?? createImage(session, server, image);
    throw restated(error, ERRORS.markInherited(CREATED_BY_KEY, error.message));
  }
}

/**
 * The property `image_type`. Nova sets it on images of servers without a root volume. The image of
 * a volume-backed server inherits it from the image of its root volume, which may be a backup of
 * another server; createBackup of that server deletes its oldest backups. Rackspace makes no images
 * of volume-backed servers, so it needs no `image_type`.
 *
 * `POST /servers/{id}/action` createBackup: Nova compute API 2.1.
 */
function imageTypeFor({ provider }: Session): Record<string, string> {
  return provider === 'rackspace' ? {} : { image_type: 'snapshot' };
}

/**
 * Requests an image. If the answer leaves open whether the cloud carried out the request, looks for
 * the image first and then repeats the request once.
 *
 * @returns the image's id; undefined if the cloud accepted the request, but no image can be found.
 */
export async function createImageOnce(
  create: () => Promise<string | undefined>,
  find: () => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return (await create()) ?? (await find());
  } catch (error) {
    if (!isCloudError(error, 'NO_ANSWER', 'UNAVAILABLE', 'BAD_ANSWER')) throw error;
    return (await find()) ?? (await create()) ?? (await find());
  }
}
