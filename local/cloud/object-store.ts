import { type Context, Hono } from 'hono';
import type { Account, Tokens } from './account.ts';
import type { Env } from './faults.ts';
import type { CloudObject } from './files.ts';
import type { Region } from './state.ts';

interface FilesOptions {
  region: Region;
  account: Account;
  tokens: Tokens;
  pageSize: () => number;
}

const CHUNK_BYTES = 64 * 1024;

/** Cloud Files, which is Swift: containers, and the objects in them. */
export function filesApp({ region, account, tokens, pageSize }: FilesOptions): Hono<Env> {
  const app = new Hono<Env>();
  const { files } = region;

  app.use(async (c, next) => {
    if (!tokens.expiryOf(c.req.header('x-auth-token'))) return swiftFault(c, 401, 'Unauthorized');
    const writes = !['GET', 'HEAD'].includes(c.req.method);
    if (writes && account.role !== 'admin') return swiftFault(c, 403, 'Forbidden');
    region.tasks.settle();
    return next();
  });

  app.on(['GET', 'HEAD', 'PUT', 'DELETE'], '/v1/:account/*', async (c) => {
    const [container = '', ...rest] = new URL(c.req.url).pathname.split('/').slice(3).map(decodeURIComponent);
    const name = rest.join('/');
    if (name === '') return c.req.method === 'PUT' ? putContainer(c, container) : list(c, container);
    if (c.req.method === 'PUT') return await put(c, container, name);
    const object = files.get(container, name);
    if (!object) return swiftFault(c, 404, 'Not Found');
    if (c.req.method === 'DELETE') {
      files.delete(container, name);
      return c.body(null, 204);
    }
    return give(c, object);
  });

  function putContainer(c: Context<Env>, container: string): Response {
    const isThere = files.containers.has(container);
    if (!isThere) files.containers.set(container, new Map());
    return c.body(null, isThere ? 202 : 201);
  }

  function list(c: Context<Env>, container: string): Response {
    const { prefix, marker = '', limit } = c.req.query();
    const all = files.list(container, prefix);
    if (!all) return swiftFault(c, 404, 'Not Found');
    const page = all
      .filter(({ name }) => name > marker)
      .slice(0, Math.min(Number(limit ?? Number.POSITIVE_INFINITY), pageSize()));
    const isJson = c.req.query('format') === 'json' || c.req.header('accept') === 'application/json';
    if (!isJson) return c.text(page.map(({ name }) => `${name}\n`).join(''));
    return c.json(
      page.map(({ name, bytes, hash, at, contentType }) => ({
        name,
        bytes,
        hash,
        last_modified: at.toISOString().replace('Z', '000'),
        content_type: contentType,
      })),
    );
  }

  async function put(c: Context<Env>, container: string, name: string): Promise<Response> {
    const body = Buffer.from(await c.req.arrayBuffer());
    const contentType = c.req.header('content-type') ?? 'application/octet-stream';
    const manifest = c.req.header('x-object-manifest');
    const object = files.put(container, name, body, { contentType, ...(manifest ? { manifest } : {}) });
    return object ? c.body(null, 201, { etag: object.hash }) : swiftFault(c, 404, 'Not Found');
  }

  return app;
}

function give(c: Context<Env>, { bytes, hash, at, contentType, manifest, read }: CloudObject): Response {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(c.req.header('range') ?? '') ?? [];
  const from = Number(first ?? 0);
  const to = Math.min(bytes, last ? Number(last) + 1 : bytes);
  if (first !== undefined && from >= bytes) return swiftFault(c, 416, 'Requested Range Not Satisfiable');
  const headers = {
    'content-type': contentType,
    'content-length': String(to - from),
    etag: manifest ? `"${hash}"` : hash,
    'last-modified': at.toUTCString(),
    'x-timestamp': (at.getTime() / 1000).toFixed(5),
    ...(manifest ? { 'x-object-manifest': manifest } : {}),
    ...(first === undefined ? {} : { 'content-range': `bytes ${from}-${to - 1}/${bytes}` }),
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
  const status = first === undefined ? 200 : 206;
  return new Response(c.req.method === 'HEAD' ? null : body, { status, headers });
}

/** Swift says it in HTML, whatever is asked for. */
function swiftFault(c: Context<Env>, status: 401 | 403 | 404 | 416, title: string): Response {
  return c.html(
    c.req.method === 'HEAD' ? '' : `<html><h1>${title}</h1><p>No more is said.</p></html>`,
    status,
  );
}
