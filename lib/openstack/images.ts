import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import { mappedVolumesOf } from './mapped-volumes.ts';
import { date, listAll, unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';

/** A Glance image. Fields that Glance may omit may be undefined. */
export interface Image {
  id: string;
  name: string;
  region: string;
  status: string;
  visibility: string;
  /** Glance omits hidden images from listings by default. */
  hidden: boolean;
  /** Glance refuses to delete a protected image. */
  protected: boolean;
  owner: string | undefined;
  /** Bytes; undefined while the image is being created, 0 if volume snapshots hold the data. */
  sizeBytes: number | undefined;
  createdAt: Date;
  /** When the image or any of its properties was last written, by Glance's clock. */
  updatedAt?: Date;
  /** The minimum disk and memory of a server created from the image. */
  minDiskGb?: number;
  minRamMb?: number;
  /** Custom properties, the image's metadata among them. */
  properties: Record<string, string>;
  /**
   * The volume snapshots that hold the data of a volume-backed server's image; empty for every
   * other image.
   */
  volumeSnapshotIds: string[];
}

const GlanceImage = v.looseObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  name: v.nullish(v.string()),
  status: v.string(),
  visibility: v.string(),
  // A string in one recorded Rackspace response.
  protected: v.optional(v.union([v.boolean(), v.picklist(['true', 'false', 'True', 'False'])]), false),
  owner: v.nullish(v.string()),
  size: v.nullish(v.number()),
  os_hidden: v.fallback(v.boolean(), false),
  created_at: date,
  updated_at: v.fallback(v.optional(date), undefined),
  min_disk: v.fallback(v.number(), 0),
  min_ram: v.fallback(v.number(), 0),
});

/**
 * All images that the project owns in a region, of any visibility and hidden images too, except
 * images that Glance is deleting. With `name`, Glance filters by name where it can; other images
 * may still be listed.
 *
 * `GET /v2/images`: https://docs.openstack.org/api-ref/image/v2/#list-images, also Rackspace:
 * https://docs.rackspace.com/docs/cloud-images/v2/api-reference. The query filters by owner only,
 * because Glance treats an unknown filter as a property and would omit images; the ownership of
 * snapshots is decided from the images' metadata. A Glance without hidden images treats `os_hidden`
 * as a property too and answers with an empty list.
 *
 * @throws {CloudError} if any page fails or any image can't be read.
 */
export async function listImages(session: Session, region: string, name?: string): Promise<Image[]> {
  let before: Image | undefined;
  const item = v.pipe(
    GlanceImage,
    v.transform((image) => {
      before = imageFromGlance(image, region, before);
      return before;
    }),
  );
  const images = await listOwn(session, region, item, name);
  return images.filter(({ status }) => !isDeletedStatus(status));
}

/**
 * The ids and statuses of {@link listImages}, which need far less memory.
 * `GET /v2/images`: https://docs.openstack.org/api-ref/image/v2/#list-images
 */
export async function listImageStatuses(session: Session, region: string): Promise<Map<string, string>> {
  const { id, status } = GlanceImage.entries;
  const images = await listOwn(session, region, v.object({ id, status }));
  return new Map(
    images.filter((image) => !isDeletedStatus(image.status)).map(({ id, status }) => [id, status]),
  );
}

/**
 * The images of {@link listImages} with one of `ids`, by id. All other images are dropped while the
 * pages are read, which needs far less memory.
 * `GET /v2/images`: https://docs.openstack.org/api-ref/image/v2/#list-images
 */
export async function listImagesById(
  session: Session,
  region: string,
  ids: ReadonlySet<string>,
): Promise<Map<string, Image>> {
  const { id, status } = GlanceImage.entries;
  const item = v.pipe(
    v.looseObject({ id, status }),
    v.transform((listed) => {
      const wanted = ids.has(listed.id) ? v.safeParse(GlanceImage, listed) : undefined;
      return { id: listed.id, image: wanted?.success ? imageFromGlance(wanted.output, region) : undefined };
    }),
  );
  const listed = await listOwn(session, region, item);
  return new Map(
    listed.flatMap(({ image }) => (image && !isDeletedStatus(image.status) ? [[image.id, image]] : [])),
  );
}

/**
 * Calls `visit` for each image of {@link listImages}, possibly twice, and drops the image
 * afterwards, which needs far less memory.
 * `GET /v2/images`: https://docs.openstack.org/api-ref/image/v2/#list-images
 *
 * @throws {CloudError} if any page fails: then `visit` was not called for all images.
 */
export async function visitImages(
  session: Session,
  region: string,
  visit: (image: Image) => void,
): Promise<void> {
  const item = v.pipe(
    GlanceImage,
    v.transform((image) => {
      if (!isDeletedStatus(image.status)) visit(imageFromGlance(image, region));
      return { id: image.id };
    }),
  );
  await listOwn(session, region, item);
}

async function listOwn<T extends { id: string }>(
  session: Session,
  region: string,
  item: v.GenericSchema<unknown, T>,
  name?: string,
): Promise<T[]> {
  // Glance treats the text before a colon as an operator, such as "in:web,db", or refuses the
  // query.
  const exact = name !== undefined && !name.includes(':');
  const own = { owner: session.projectId, ...(exact ? { name } : {}) };
  const request = { service: 'image', region, path: '/images' } as const;
  const found = new Map<string, T>();
  const list = (query: Record<string, string>) =>
    listAll(session, { request: { ...request, query }, key: 'images', item });
  const shown = await list(own);
  const hidden = await list({ ...own, os_hidden: 'true' });
  for (const image of [...shown, ...hidden]) found.set(image.id, image);
  return [...found.values()];
}

/**
 * The current state of an image; undefined if it does not exist or Glance is deleting it.
 *
 * `GET /v2/images/{id}`: https://docs.openstack.org/api-ref/image/v2/#show-image
 *
 * @throws {CloudError} for every response but the image and 404.
 */
export async function getImage(session: Session, region: string, id: string): Promise<Image | undefined> {
  const request = { service: 'image', region, path: `/images/${encodeURIComponent(id)}` } as const;
  try {
    const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
    const image = v.safeParse(GlanceImage, body);
    if (!image.success) throw unreadableAnswer(request, v.getDotPath(image.issues[0]) ?? 'not an image');
    return isDeletedStatus(image.output.status) ? undefined : imageFromGlance(image.output, region);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * The projects that an image is shared with. Before Ocata, and so at Rackspace, a private image can
 * have members. Since Ocata only images with the visibility `shared` have members, and Glance
 * answers 403 for other images.
 *
 * `GET /v2/images/{id}/members`: https://docs.openstack.org/api-ref/image/v2/#list-image-members
 *
 * @throws {CloudError} for every response but the list, 403 and 404.
 */
export async function listImageMembers(session: Session, region: string, id: string): Promise<string[]> {
  const path = `/images/${encodeURIComponent(id)}/members`;
  const request = { service: 'image', region, path } as const;
  try {
    const { body } = await session.request({ ...request, method: 'GET', expect: [200] });
    const answer = v.safeParse(
      v.object({ members: v.array(v.looseObject({ member_id: v.string() })) }),
      body,
    );
    if (!answer.success)
      throw unreadableAnswer(request, v.getDotPath(answer.issues[0]) ?? 'not a list of members');
    return answer.output.members.map(({ member_id }) => member_id);
  } catch (error) {
    if (isCloudError(error, 'FORBIDDEN', 'NOT_FOUND')) return [];
    throw error;
  }
}

/**
 * Deletes an image. A missing image counts as deleted.
 *
 * `DELETE /v2/images/{id}`: https://docs.openstack.org/api-ref/image/v2/#delete-image
 *
 * @throws {CloudError} FORBIDDEN if the image is protected or the user lacks the role, CONFLICT if
 *   it is in use.
 */
export async function deleteImage(session: Session, region: string, id: string): Promise<void> {
  const path = `/images/${encodeURIComponent(id)}`;
  try {
    await session.request({ service: 'image', region, method: 'DELETE', path, expect: [204] });
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return;
    // Glance answers the later of two concurrent deletions with 400.
    if (!isCloudError(error, 'BAD_REQUEST') || (await getImage(session, region, id))) throw error;
  }
}

/**
 * Sets a custom property of an image.
 *
 * `PATCH /v2/images/{id}`: https://docs.openstack.org/api-ref/image/v2/#update-image. Rackspace
 * requires an admin role.
 *
 * @throws {CloudError} NOT_FOUND, FORBIDDEN if the user lacks the role, or BAD_ANSWER if the
 *   response does not show the property: then it is unknown whether the image has the property.
 */
export async function setProperty(
  session: Session,
  { region, id, properties }: Image,
  property: string,
  value: string,
): Promise<void> {
  const op = properties[property] === undefined ? 'add' : 'replace';
  const request = { service: 'image', region, path: `/images/${encodeURIComponent(id)}` } as const;
  const { body } = await session.request({
    ...request,
    method: 'PATCH',
    json: [{ op, path: `/${property}`, value }],
    contentType: 'application/openstack-images-v2.1-json-patch',
    expect: [200],
  });
  if (!v.is(v.looseObject({ [property]: v.literal(value) }), body)) throw unreadableAnswer(request, property);
}

function isDeletedStatus(status: string): boolean {
  return status === 'deleted' || status === 'pending_delete';
}

/**
 * Properties that decide about ownership and holds. They are kept even if their value is not a
 * string; such a value is unreadable, not missing.
 */
const DECISIVE = /^(autosnap_|instance_uuid$|block_device_mapping$)/;

/**
 * Converts an image from Glance's response.
 *
 * @param before the previous image of the listing. Equal property values share one string, which
 *   saves memory in listings of tens of thousands of images.
 */

function imageFromGlance(image: v.InferOutput<typeof GlanceImage>, region: string, before?: Image): Image {
  const { id, name, status, visibility, owner, size, created_at: createdAt, updated_at: updatedAt } = image;
  const texts = Object.entries(image)
    .filter(([key, value]) => typeof value === 'string' || DECISIVE.test(key))
    .map(([key, value]): [string, string] => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
  const properties = Object.fromEntries(texts);
  for (const [key, text] of texts) {
    const same = before?.properties[key];
    // Not `same === text ? same : text`, which V8 optimizes to `text`.
    if (same === text) properties[key] = same;
  }
  return {
    id,
    name: name ?? '',
    region,
    status,
    visibility,
    hidden: image.os_hidden,
    protected: image.protected === true || /^true$/i.test(String(image.protected)),
    owner: owner ?? undefined,
    sizeBytes: size ?? undefined,
    createdAt,
    ...(updatedAt ? { updatedAt } : {}),
    minDiskGb: image.min_disk,
    minRamMb: image.min_ram,
    properties,
    volumeSnapshotIds: mappedVolumesOf({ properties }).map(({ snapshot }) => snapshot),
  };
}
