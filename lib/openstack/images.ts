import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import { date, listAll, unreadable } from './pages.ts';
import type { Session } from './session.ts';

/** A Glance image. What may be absent from Glance's answer may be undefined here. */
export interface Image {
  id: string;
  name: string;
  region: string;
  status: string;
  visibility: string;
  /** Left out of listings unless asked for. */
  hidden: boolean;
  /** Glance refuses to delete it. */
  protected: boolean;
  owner: string | undefined;
  /** Bytes; undefined while it is being made, 0 where the data lie in volume snapshots. */
  sizeBytes: number | undefined;
  createdAt: Date;
  /** When it or any property of it was last written, by Glance's clock. */
  updatedAt?: Date;
  /** What the flavor of a server that is made from it must have at least. */
  minDiskGb?: number;
  minRamMb?: number;
  /** Custom properties, the image's metadata among them. */
  properties: Record<string, string>;
  /** The volume snapshots that hold the data of a volume-backed server's image; empty for every other image. */
  volumeSnapshotIds: string[];
}

const GlanceImage = v.looseObject({
  id: v.pipe(v.string(), v.nonEmpty()),
  name: v.nullish(v.string()),
  status: v.string(),
  visibility: v.string(),
  // A string in one recorded Rackspace answer.
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
 * All images that the project owns in a region, whoever else can see them, hidden ones too; or, to save pages, hardly
 * more than those of one `name`. Those that Glance is deleting are left out.
 *
 * `GET /v2/images`: Rackspace docs-cloud-images; Glance Image API v2. Asked for by the owner alone: which snapshots are
 * whose is decided from the images themselves, because a filter that Glance does not know would leave some out. A Glance
 * that has no hidden images takes `os_hidden` for a property, and answers with an empty list.
 *
 * @throws {CloudError} when any page fails or any image can't be read.
 */
export async function listImages(session: Session, region: string, name?: string): Promise<Image[]> {
  let before: Image | undefined;
  const item = v.pipe(
    GlanceImage,
    v.transform((image) => {
      before = fromGlance(image, region, before);
      return before;
    }),
  );
  const images = await listOwn(session, region, item, name);
  return images.filter(({ status }) => !isGone(status));
}

/** The ids of {@link listImages} alone, which need far less memory. */
export async function listImageStatuses(session: Session, region: string): Promise<Map<string, string>> {
  const { id, status } = GlanceImage.entries;
  const images = await listOwn(session, region, v.object({ id, status }));
  return new Map(images.filter((image) => !isGone(image.status)).map(({ id, status }) => [id, status]));
}

/**
 * Those of {@link listImages} that have one of `ids`, by their ids. All others are dropped as they are read, which needs
 * far less memory.
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
      return { id: listed.id, image: wanted?.success ? fromGlance(wanted.output, region) : undefined };
    }),
  );
  const listed = await listOwn(session, region, item);
  return new Map(listed.flatMap(({ image }) => (image && !isGone(image.status) ? [[image.id, image]] : [])));
}

/**
 * Shows each of {@link listImages} to `visit`, some twice perhaps, and drops it: that needs far less memory.
 *
 * @throws {CloudError} when any page fails: then `visit` has not seen all of them.
 */
export async function visitImages(
  session: Session,
  region: string,
  visit: (image: Image) => void,
): Promise<void> {
  const item = v.pipe(
    GlanceImage,
    v.transform((image) => {
      if (!isGone(image.status)) visit(fromGlance(image, region));
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
  // Glance takes what stands before a colon for an operator, such as "in:web,db", or refuses it.
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
 * One image as it is now; undefined when there is none, or when Glance is deleting it.
 *
 * @throws {CloudError} for every answer but the image and 404.
 */
export async function getImage(session: Session, region: string, id: string): Promise<Image | undefined> {
  const request = { service: 'image', region, path: `/images/${encodeURIComponent(id)}` } as const;
  try {
    const { body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
    const image = v.safeParse(GlanceImage, body);
    if (!image.success) throw unreadable(request, v.getDotPath(image.issues[0]) ?? 'not an image');
    return isGone(image.output.status) ? undefined : fromGlance(image.output, region);
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * The projects that an image is shared with. Until its release Ocata, and so at Rackspace, Glance calls an image private
 * that has such members; since then only those that it calls shared have any, and it answers 403 for the others.
 *
 * `GET /v2/images/{id}/members`: https://docs.openstack.org/api-ref/image/v2/#list-image-members
 *
 * @throws {CloudError} for every answer but the list, 403 and 404.
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
    if (!answer.success) throw unreadable(request, v.getDotPath(answer.issues[0]) ?? 'not a list of members');
    return answer.output.members.map(({ member_id }) => member_id);
  } catch (error) {
    if (isCloudError(error, 'FORBIDDEN', 'NOT_FOUND')) return [];
    throw error;
  }
}

/**
 * Deletes an image. One that is no longer there counts as deleted.
 *
 * @throws {CloudError} FORBIDDEN when it is protected or the user lacks the role, CONFLICT when it is in use.
 */
export async function deleteImage(session: Session, region: string, id: string): Promise<void> {
  const path = `/images/${encodeURIComponent(id)}`;
  try {
    await session.request({ service: 'image', region, method: 'DELETE', path, expect: [204] });
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return;
    // Of two deletions at the same moment, Glance answers the later one with 400.
    if (!isCloudError(error, 'BAD_REQUEST') || (await getImage(session, region, id))) throw error;
  }
}

/**
 * Sets a custom property of an image.
 *
 * `PATCH /v2/images/{id}`; at Rackspace it takes an admin role.
 *
 * @throws {CloudError} NOT_FOUND, FORBIDDEN when the user lacks the role, or BAD_ANSWER when the answer does not show
 *   the property: then it is open whether the image has it.
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
  if (!v.is(v.looseObject({ [property]: v.literal(value) }), body)) throw unreadable(request, property);
}

/** The `block_device_mapping` of a volume-backed server's image is a string of JSON. One with odd ids names none. */
function mappedSnapshotIds(mapping: string | undefined): string[] {
  const id = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]+$/));
  const Mapping = v.array(v.looseObject({ snapshot_id: v.optional(v.nullable(id)) }));
  try {
    return v.parse(Mapping, JSON.parse(mapping ?? '[]')).flatMap(({ snapshot_id }) => snapshot_id ?? []);
  } catch {
    return [];
  }
}

function isGone(status: string): boolean {
  return status === 'deleted' || status === 'pending_delete';
}

/**
 * @param before the image before it in a listing, which may have tens of thousands: texts that both have, such as those
 *   of their system, are held once.
 */
/** What says whose an image is, and that it is held, is not overlooked because it is no text: then nobody can read it. */
const TELLING = /^(autosnap_|instance_uuid$|block_device_mapping$)/;

function fromGlance(image: v.InferOutput<typeof GlanceImage>, region: string, before?: Image): Image {
  const { id, name, status, visibility, owner, size, created_at: createdAt, updated_at: updatedAt } = image;
  const texts = Object.entries(image)
    .filter(([key, value]) => typeof value === 'string' || TELLING.test(key))
    .map(([key, value]): [string, string] => [
      key,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
  const properties = Object.fromEntries(texts);
  for (const [key, text] of texts) {
    const same = before?.properties[key];
    // Not `same === text ? same : text`, of which V8 makes `text`.
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
    volumeSnapshotIds: mappedSnapshotIds(properties.block_device_mapping),
  };
}
