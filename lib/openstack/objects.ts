import * as v from 'valibot';
import { CloudError, isCloudError } from './errors.ts';
import { unreadableAnswer } from './pages.ts';
import type { Session } from './session.ts';

/** A container of Cloud Files, or of another Swift, in one region. */
export interface Container {
  region: string;
  name: string;
}

/** An object of a listing. A large object appears as its manifest, with 0 bytes. */
export interface ListedObject {
  name: string;
  bytes: number;
  /** The MD5 of the bytes, hexadecimal. */
  hash: string;
  at: Date;
}

/** The metadata of an object. */
export interface ObjectFacts {
  /** For a large object, the bytes of all segments. */
  bytes: number;
  /**
   * The MD5 of the bytes, hexadecimal; for a large object the MD5 of the segments' concatenated
   * MD5s.
   */
  etag: string;
  /** When the object was last written. */
  at: Date;
  /** For a large object, the prefix of its segments: `<container>/<prefix>`. */
  segments: string | undefined;
}

const ObjectListing = v.array(
  v.looseObject({
    name: v.pipe(v.string(), v.nonEmpty()),
    bytes: v.number(),
    hash: v.string(),
    // Swift writes UTC times without a zone.
    last_modified: v.pipe(
      v.string(),
      v.transform((text) => new Date(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)),
      v.date(),
    ),
  }),
);

/**
 * All objects of a container whose names start with `prefix`, sorted by name; none if the container
 * does not exist. The function never returns a partial listing.
 *
 * `GET /v1/{account}/{container}?format=json`:
 * https://docs.openstack.org/api-ref/object-store/#show-container-details-and-list-objects. No page
 * size is assumed: an empty page ends the listing.
 *
 * @throws {CloudError} if any page fails.
 */
export async function listObjects(
  session: Session,
  { region, name }: Container,
  prefix: string,
): Promise<ListedObject[]> {
  const request = { service: 'object-store', region, path: pathOf(name) } as const;
  const found = new Map<string, ListedObject>();
  for (let marker = ''; ; ) {
    const query = { format: 'json', prefix, ...(marker ? { marker } : {}) };
    const { body } = await session
      .request({ ...request, method: 'GET', query, expect: [200, 203, 204] })
      .catch((error) => {
        // With a marker, the container existed a moment ago.
        if (marker || !isCloudError(error, 'NOT_FOUND')) throw error;
        return { body: [] };
      });
    const page = v.safeParse(ObjectListing, body ?? []);
    if (!page.success) throw unreadableAnswer(request, v.getDotPath(page.issues[0]) ?? 'not a listing');
    const last = page.output.at(-1)?.name;
    if (last === undefined) return [...found.values()];
    if (found.has(last)) throw unreadableAnswer(request, 'the next page leads back');
    marker = last;
    for (const { name: object, bytes, hash, last_modified: at } of page.output) {
      found.set(object, { name: object, bytes, hash, at });
    }
  }
}

/**
 * The metadata of an object; undefined if the object does not exist.
 * `HEAD /v1/{account}/{container}/{object}`:
 * https://docs.openstack.org/api-ref/object-store/#show-object-metadata
 */
export async function getObject(
  session: Session,
  { region, name }: Container,
  object: string,
): Promise<ObjectFacts | undefined> {
  const request = { service: 'object-store', region, path: pathOf(name, object) } as const;
  try {
    const { headers } = await session.request({ ...request, method: 'HEAD', expect: [200, 204] });
    const {
      'content-length': bytes,
      etag,
      'last-modified': modified,
      'x-object-manifest': manifest,
    } = headers;
    const at = new Date(String(modified));
    if (!/^\d+$/.test(String(bytes)) || typeof etag !== 'string' || Number.isNaN(at.getTime())) {
      throw unreadableAnswer(request, 'no length, ETag or date');
    }
    return {
      bytes: Number(bytes),
      etag: etag.replaceAll('"', ''),
      at,
      segments: typeof manifest === 'string' ? decodeURIComponent(manifest) : undefined,
    };
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return undefined;
    throw error;
  }
}

/**
 * Reads an object from the byte `from` on, or only `count` bytes from there. The bytes of a large
 * object are those of its segments.
 *
 * `GET /v1/{account}/{container}/{object}`:
 * https://docs.openstack.org/api-ref/object-store/#get-object-content-and-metadata
 *
 * @throws {CloudError} NOT_FOUND if the object does not exist, BAD_ANSWER if the cloud sends
 *   other bytes than requested. Reading the body throws NO_ANSWER if the connection breaks.
 */
export async function readObject(
  session: Session,
  { region, name }: Container,
  object: string,
  { from = 0, count }: { from?: number; count?: number } = {},
): Promise<AsyncIterable<Buffer>> {
  const path = pathOf(name, object);
  const range = `bytes=${from}-${count === undefined ? '' : from + count - 1}`;
  const isPart = from > 0 || count !== undefined;
  const { status, headers, body } = await session.download({
    service: 'object-store',
    region,
    path,
    headers: isPart ? { range } : {},
    expect: [200, 206],
  });
  if (isPart && (status !== 206 || !String(headers['content-range']).startsWith(`bytes ${from}-`))) {
    throw new CloudError(
      'BAD_ANSWER',
      `The object-store answer of ${region} to ${path} returned other bytes than requested.`,
    );
  }
  return body;
}

/**
 * Whether a container exists. `HEAD /v1/{account}/{container}`:
 * https://docs.openstack.org/api-ref/object-store/#show-container-metadata
 *
 * @throws {CloudError} for every response but success and 404.
 */
export async function hasContainer(session: Session, { region, name }: Container): Promise<boolean> {
  const request = { service: 'object-store', region, path: pathOf(name) } as const;
  try {
    await session.request({ ...request, method: 'HEAD', expect: [200, 204] });
    return true;
  } catch (error) {
    if (isCloudError(error, 'NOT_FOUND')) return false;
    throw error;
  }
}

/**
 * Writes an object, and creates the container if it does not exist.
 * `PUT /v1/{account}/{container}/{object}`:
 * https://docs.openstack.org/api-ref/object-store/#create-or-replace-object
 */
export async function putObject(
  session: Session,
  container: Container,
  object: string,
  text: string,
): Promise<void> {
  const { region, name } = container;
  const request = { service: 'object-store', region, method: 'PUT' } as const;
  const put = () =>
    session.request({
      ...request,
      path: pathOf(name, object),
      text,
      contentType: 'application/json',
      expect: [201],
    });
  await put().catch(async (error) => {
    if (!isCloudError(error, 'NOT_FOUND')) throw error;
    await session.request({ ...request, path: pathOf(name), expect: [201, 202] });
    await put();
  });
}

/**
 * Deletes an object; for a large object only the manifest. A missing object counts as deleted.
 * `DELETE /v1/{account}/{container}/{object}`:
 * https://docs.openstack.org/api-ref/object-store/#delete-object
 */
export async function deleteObject(
  session: Session,
  { region, name }: Container,
  object: string,
): Promise<void> {
  const request = { service: 'object-store', region, path: pathOf(name, object) } as const;
  await session.request({ ...request, method: 'DELETE', expect: [204] }).catch((error) => {
    if (!isCloudError(error, 'NOT_FOUND')) throw error;
  });
}

/**
 * The path of a container or an object, encoded segment by segment.
 *
 * @throws {CloudError} BAD_REQUEST for a name with an empty segment, `.` or `..`: a URL can't
 *   encode `.` and `..` as segments, so the request would go to another container or account.
 */
function pathOf(container: string, object?: string): string {
  const segments = [container, ...(object?.split('/') ?? [])];
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw new CloudError('BAD_REQUEST', `"${segments.join('/')}" can't be the path of an object.`);
  }
  return `/${segments.map(encodeURIComponent).join('/')}`;
}
