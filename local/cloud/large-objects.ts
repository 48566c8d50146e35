import type { Context } from 'hono';
import type { Env } from './faults.ts';
import { type Files, md5, type StoredSegment, type Traits } from './files.ts';
import { isObject } from './json-body.ts';
import { listedTime, swiftFault } from './swift-fault.ts';

/**
 * A request to create a static large object: its body lists segments, which are objects of their
 * own.
 */
interface LargeObject {
  container: string;
  name: string;
  body: Buffer;
  traits: Traits;
}

/**
 * PUT with `multipart-manifest=put`. Each segment has to exist with the size and MD5 that the
 * request names.
 */
export function putManifest(
  c: Context<Env>,
  files: Files,
  { container, name, body, traits }: LargeObject,
): Response {
  const wanted = segmentsIn(body);
  if (!wanted) return swiftFault(c, 400, 'Manifest must be valid JSON.');
  const segments: StoredSegment[] = [];
  const errors: string[] = [];
  let hashes = '';
  let bytes = 0;
  for (const { path, etag, size_bytes: size } of wanted) {
    const [container = '', ...rest] = String(path).replace(/^\//, '').split('/');
    const segment = { container, name: rest.join('/') };
    const object = files.get(segment.container, segment.name);
    if (!object) errors.push(`${path}, 404 Not Found`);
    else if (etag && etag !== object.hash) errors.push(`${path}, Etag Mismatch`);
    else if (size && size !== object.bytes) errors.push(`${path}, Size Mismatch`);
    else {
      segments.push(segment);
      hashes += object.hash;
      bytes += object.bytes;
    }
  }
  if (errors.length > 0 || segments.length === 0) return swiftFault(c, 400, `Errors:\n${errors.join('\n')}`);
  const hash = md5(hashes);
  files.put(container, name, { bytes, hash, read: () => Buffer.alloc(0) }, { ...traits, segments });
  return c.body(null, 201, { etag: `"${hash}"` });
}

function segmentsIn(body: Buffer): { path?: unknown; etag?: unknown; size_bytes?: unknown }[] | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString());
    return Array.isArray(parsed) && parsed.every(isObject) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** The answer to GET with `multipart-manifest=get`. */
export function segmentList(files: Files, segments: readonly StoredSegment[]): object[] {
  return segments.flatMap(({ container, name }) => {
    const object = files.get(container, name);
    if (!object) return [];
    const { bytes, hash, at, contentType } = object;
    const common = { bytes, hash, last_modified: listedTime(at), content_type: contentType };
    return { name: `/${container}/${name}`, ...common };
  });
}

/** DELETE with `multipart-manifest=delete` deletes the segments together with the large object. */
export function deleteSegments(c: Context<Env>, files: Files, segments: readonly StoredSegment[]): Response {
  const gone = segments.filter(({ container, name }) => files.delete(container, name));
  return c.json({
    'Number Deleted': gone.length + 1,
    'Number Not Found': segments.length - gone.length,
    'Response Status': '200 OK',
    'Response Body': '',
    Errors: [],
  });
}
