import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import { isRackspace } from './flavors.ts';
import { bodyOf } from './json-body.ts';
import { fault } from './nova-fault.ts';
import { refuseMetadata } from './nova-schema.ts';
import type { CloudServer, Region } from './state.ts';

/** The largest number of metadata items of an image or a server. */
export function mostMetadata(c: Context<Env>): number {
  return isRackspace(c) ? 40 : 128;
}

/** The metadata of a server: POST adds to what is there, PUT replaces it. */
export function addServerMetadataRoutes(routes: Hono<Env>, region: Region): void {
  const path = '/servers/:id/metadata';
  const serverOf = (c: Context<Env>) => region.servers.find(({ id }) => id === c.req.param('id'));
  const missing = (c: Context<Env>) =>
    c.json(fault('itemNotFound', 404, `Instance ${c.req.param('id')} could not be found.`), 404);
  const noItem = (c: Context<Env>) => c.json(fault('itemNotFound', 404, 'Metadata item was not found'), 404);

  function change(
    c: Context<Env>,
    server: CloudServer,
    metadata: Record<string, string>,
  ): Response | undefined {
    if (region.account.role === 'observer') {
      return c.json(fault('forbidden', 403, "Policy doesn't allow this to be performed."), 403);
    }
    if (Object.keys(metadata).length > mostMetadata(c)) {
      const message = `Maximum number of metadata items exceeds ${mostMetadata(c)}`;
      return c.json(fault('forbidden', 403, message), 403);
    }
    server.metadata = metadata;
    server.updatedAt = region.now();
    return undefined;
  }

  routes.get(path, (c) => {
    const server = serverOf(c);
    return server ? c.json({ metadata: server.metadata }) : missing(c);
  });

  routes.on(['POST', 'PUT'], path, async (c) => {
    const { metadata } = await bodyOf<{ metadata: Record<string, string> }>(c);
    const wrong = refuseMetadata(metadata);
    if (wrong) return c.json(fault('badRequest', 400, wrong), 400);
    const server = serverOf(c);
    if (!server) return missing(c);
    const refused = change(
      c,
      server,
      c.req.method === 'PUT' ? metadata : { ...server.metadata, ...metadata },
    );
    return refused ?? c.json({ metadata: server.metadata });
  });

  routes.get(`${path}/:key`, (c) => {
    const server = serverOf(c);
    if (!server) return missing(c);
    const value = server.metadata[c.req.param('key')];
    return value === undefined ? noItem(c) : c.json({ meta: { [c.req.param('key')]: value } });
  });

  routes.put(`${path}/:key`, async (c) => {
    const meta = await bodyOf<Record<string, string>>(c, 'meta');
    const wrong = refuseMetadata(meta);
    if (wrong) return c.json(fault('badRequest', 400, wrong), 400);
    const server = serverOf(c);
    if (!server) return missing(c);
    if (meta[c.req.param('key')] === undefined) {
      return c.json(fault('badRequest', 400, 'Request body and URI mismatch'), 400);
    }
    return change(c, server, { ...server.metadata, ...meta }) ?? c.json({ meta });
  });

  routes.delete(`${path}/:key`, (c) => {
    const server = serverOf(c);
    if (!server) return missing(c);
    const { [c.req.param('key')]: value, ...rest } = server.metadata;
    if (value === undefined) return noItem(c);
    return change(c, server, rest) ?? c.body(null, 204);
  });
}
