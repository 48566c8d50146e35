import type { Context } from 'hono';
import type { Env } from './faults.ts';
import type { CloudObject, Files, Traits } from './files.ts';
import { deleteSegments, putManifest, segmentList } from './large-objects.ts';
import { headersAfter, swiftFault } from './swift-fault.ts';

const META = 'x-object-meta-';
const CHUNK_BYTES = 64 * 1024;

/** A request for an object: https://docs.openstack.org/api-ref/object-store/, Objects. */
export async function answerObject(
  c: Context<Env>,
  files: Files,
  container: string,
  name: string,
): Promise<Response> {
  const { method } = c.req;
  if (method === 'PUT') return put(c, files, container, name);
  const multipart = c.req.query('multipart-manifest');
  const object = files.get(container, name);
  const stored = files.stored(container, name);
  if (!object || !stored) return swiftFault(c, 404);
  if (method === 'DELETE') {
    files.delete(container, name);
    return multipart === 'delete' && stored.segments
      ? deleteSegments(c, files, stored.segments)
      : c.body(null, 204);
  }
  if (method === 'POST') {
    // POST replaces all metadata of the object.
    const { manifest: _, ...traits } = traitsOf(c, files.now);
    delete stored.expiresAt;
    Object.assign(stored, { metadata: {}, ...traits });
    return c.body(null, 202);
  }
  if (method === 'COPY') return copy(c, files, object, c.req.header('destination') ?? '', container);
  if (method !== 'GET' && method !== 'HEAD') return swiftFault(c, 405);
  if (multipart === 'get' && stored.segments) return c.json(segmentList(files, stored.segments));
  return answerGet(c, object);
}

/** The properties of an object that the headers of a request set. */
function traitsOf(c: Context<Env>, now: Date): Traits {
  const contentType = c.req.header('content-type');
  const manifest = c.req.header('x-object-manifest');
  const [at, after] = [c.req.header('x-delete-at'), c.req.header('x-delete-after')];
  const metadata = headersAfter(c, META);
  const expiresAt = after ? now.getTime() + Number(after) * 1000 : at ? Number(at) * 1000 : undefined;
  return {
    ...(contentType ? { contentType } : {}),
    ...(manifest ? { manifest: decodeURIComponent(manifest) } : {}),
    ...(Object.keys(metadata).length > 0 ? { metadata } : {}),
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
  };
}

async function put(c: Context<Env>, files: Files, container: string, name: string): Promise<Response> {
  if (!files.containers.has(container)) return swiftFault(c, 404);
  if (c.req.header('if-none-match') === '*' && files.stored(container, name)) return swiftFault(c, 412);
  const from = c.req.header('x-copy-from');
  if (from) {
    const [source = '', ...rest] = decodeURIComponent(from).replace(/^\//, '').split('/');
    const object = files.get(source, rest.join('/'));
    return object ? copy(c, files, object, `${container}/${name}`, source) : swiftFault(c, 404);
  }
  const body = Buffer.from(await c.req.arrayBuffer());
  const traits = traitsOf(c, files.now);
  if (c.req.query('multipart-manifest') === 'put') {
    return putManifest(c, files, { container, name, body, traits });
  }
  const before = files.stored(container, name);
  const object = files.put(container, name, body, traits);
  const etag = c.req.header('etag')?.replaceAll('"', '');
  if (!object || !etag || etag === object.hash) return c.body(null, 201, { etag: object?.hash ?? '' });
  // Swift stores nothing if the checksum does not match, so the previous object is restored.
  if (before) files.containers.get(container)?.set(name, before);
  else files.delete(container, name);
  return swiftFault(c, 422, 'Unable to process the contained instructions');
}

/**
 * A copy has the bytes of the whole source object, and its properties unless the request overrides
 * them.
 */
function copy(
  c: Context<Env>,
  files: Files,
  { read, bytes, hash, at, ...object }: CloudObject,
  destination: string,
  source: string,
): Response {
  const [container = '', ...rest] = decodeURIComponent(destination).replace(/^\//, '').split('/');
  const name = rest.join('/');
  if (name === '')
    return swiftFault(c, 412, 'Destination header must be of the form container name/object name');
  const { contentType, metadata, expiresAt } = object;
  const own = { contentType, ...(metadata ? { metadata } : {}), ...(expiresAt ? { expiresAt } : {}) };
  const { metadata: more, ...traits } = traitsOf(c, files.now);
  const described = metadata || more ? { metadata: { ...metadata, ...more } } : {};
  const made = files.put(container, name, { read, bytes, hash }, { ...own, ...traits, ...described });
  if (!made) return swiftFault(c, 404);
  return c.body(null, 201, {
    etag: made.hash,
    'x-copied-from': `${source}/${object.name}`,
    'x-copied-from-last-modified': at.toUTCString(),
  });
}

function answerGet(c: Context<Env>, object: CloudObject): Response {
  const { bytes, hash, at, contentType, manifest, segments, metadata = {}, expiresAt, read } = object;
  const isLarge = manifest !== undefined || segments !== undefined;
  const common = {
    etag: isLarge ? `"${hash}"` : hash,
    'last-modified': at.toUTCString(),
    'x-timestamp': (at.getTime() / 1000).toFixed(5),
    'accept-ranges': 'bytes',
  };
  const unmet = unmetCondition(c, hash, at);
  if (unmet === 412) return swiftFault(c, 412);
  if (unmet === 304) return c.body(null, 304, common);
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(c.req.header('range') ?? '') ?? [];
  const isRange = first !== '' || last !== '';
  const from = first === '' && last !== '' ? Math.max(0, bytes - Number(last)) : Number(first);
  const to = first === '' || last === '' ? bytes : Math.min(bytes, Number(last) + 1);
  if (isRange && from >= to) return swiftFault(c, 416);
  const headers = {
    ...common,
    'content-type': contentType,
    'content-length': String(to - from),
    ...(manifest ? { 'x-object-manifest': manifest } : {}),
    ...(segments ? { 'x-static-large-object': 'True' } : {}),
    ...(expiresAt ? { 'x-delete-at': String(Math.floor(expiresAt.getTime() / 1000)) } : {}),
    ...Object.fromEntries(Object.entries(metadata).map(([key, value]) => [META + key, value])),
    ...(isRange ? { 'content-range': `bytes ${from}-${to - 1}/${bytes}` } : {}),
  };
  let sent = from;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent >= to) return controller.close();
      const end = Math.min(to, sent + CHUNK_BYTES);
      controller.enqueue(read(sent, end));
      sent = end;
    },
  });
  return new Response(c.req.method === 'HEAD' ? null : body, { status: isRange ? 206 : 200, headers });
}

/** The status of the answer if a condition of the request is not met. */
function unmetCondition(c: Context<Env>, hash: string, at: Date): 304 | 412 | undefined {
  const names = (header: string) =>
    c.req
      .header(header)
      ?.split(',')
      .map((one) => one.trim().replaceAll('"', ''));
  const isNamed = (tags: string[] | undefined) => tags?.some((tag) => tag === '*' || tag === hash);
  const match = names('if-match');
  if (match && !isNamed(match)) return 412;
  if (isNamed(names('if-none-match'))) return 304;
  const seconds = Math.floor(at.getTime() / 1000) * 1000;
  if (seconds > Date.parse(c.req.header('if-unmodified-since') ?? '')) return 412;
  return seconds <= Date.parse(c.req.header('if-modified-since') ?? '') ? 304 : undefined;
}
