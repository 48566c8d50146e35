import * as v from 'valibot';
import { CloudError, isCloudError } from './errors.ts';
import { unreadable } from './pages.ts';
import type { Session } from './session.ts';

/** A container of Cloud Files, or of another Swift, in one region. */
export interface Container {
  region: string;
  name: string;
}

/** An object, as a listing shows it. A large one, which is a manifest alone, has 0 bytes there. */
export interface ListedObject {
  name: string;
  bytes: number;
  /** The MD5 of its bytes, hexadecimal. */
  hash: string;
  at: Date;
}

/** An object by itself. */
export interface ObjectFacts {
  /** Of a large one, those of all its segments. */
  bytes: number;
  /** The MD5 of its bytes, hexadecimal; of a large one that of its segments' MD5s, one after another. */
  etag: string;
  /** When it was written. */
  at: Date;
  /** Of a large one, what the names of its segments begin with: `<container>/<prefix>`. */
  segments: string | undefined;
}

const Listing = v.array(
  v.looseObject({
    name: v.pipe(v.string(), v.nonEmpty()),
    bytes: v.number(),
    hash: v.string(),
    // Without a zone, which is UTC.
    last_modified: v.pipe(
      v.string(),
      v.transform((text) => new Date(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`)),
      v.date(),
    ),
  }),
);

/**
 * All objects of a container whose names begin so, sorted by name; none where there is no such container. Or an error:
 * never a part of a listing.
 *
 * `GET /v1/{account}/{container}?format=json`: OpenStack Object Storage API v1. No page size is assumed: the end is an
 * empty page.
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
        // With a marker, it was there a moment ago.
        if (marker || !isCloudError(error, 'NOT_FOUND')) throw error;
        return { body: [] };
      });
    const page = v.safeParse(Listing, body ?? []);
    if (!page.success) throw unreadable(request, v.getDotPath(page.issues[0]) ?? 'not a listing');
    const last = page.output.at(-1)?.name;
    if (last === undefined) return [...found.values()];
    if (found.has(last)) throw unreadable(request, 'the next page leads back');
    marker = last;
    for (const { name: object, bytes, hash, last_modified: at } of page.output) {
      found.set(object, { name: object, bytes, hash, at });
    }
  }
}

/** An object's facts; undefined when there is none. `HEAD /v1/{account}/{container}/{object}`. */
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
      throw unreadable(request, 'no length, ETag or date');
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
 * Reads an object from the byte `from` on, or only `count` bytes from there. Those of a large one are its segments',
 * one after another.
 *
 * @throws {CloudError} NOT_FOUND when it is gone, BAD_ANSWER when another range than the one asked for is sent. Reading
 *   the body throws NO_ANSWER when the connection breaks.
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
    throw new CloudError('BAD_ANSWER', `The object-store answer of ${region} to ${path} has another range.`);
  }
  return body;
}

/** Writes an object, and makes the container where it is not there. */
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

/** Deletes an object; of a large one the manifest alone. One that is no longer there counts as deleted. */
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
 * @throws {CloudError} BAD_REQUEST for a name with an empty segment, `.` or `..`: URLs have no way to encode these two, so
 *   the request would go to another container or account.
 */
function pathOf(container: string, object?: string): string {
  const segments = [container, ...(object?.split('/') ?? [])];
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw new CloudError('BAD_REQUEST', `"${segments.join('/')}" can't be the path of an object.`);
  }
  return `/${segments.map(encodeURIComponent).join('/')}`;
}
