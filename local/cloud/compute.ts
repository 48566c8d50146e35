import { Hono } from 'hono';
import { addAttachmentRoutes } from './attachments.ts';
import type { Env } from './faults.ts';
import type { Tokens } from './identity.ts';
import { addScheduleRoutes } from './image-schedule.ts';
import { addActionRoutes, MOST_METADATA } from './server-actions.ts';
import { fault, serverJson } from './server-json.ts';
import { addServerRoutes } from './servers.ts';
import type { Region } from './state.ts';

interface ComputeOptions {
  region: Region;
  tokens: Tokens;
  pageSize: () => number;
  imageUrl: () => string;
  rates: () => object[];
}

/** Nova: at Rackspace under /v2/{tenant}, elsewhere /v2.1. */
export function computeApp({ region, tokens, pageSize, imageUrl, rates }: ComputeOptions): Hono<Env> {
  const routes = new Hono<Env>();

  routes.use(async (c, next) => {
    if (tokens.expiryOf(c.req.header('x-auth-token'))) return next();
    return c.json(fault('unauthorized', 401, 'No valid token provided. Please re-authenticate.'), 401);
  });

  routes.get('/servers/detail', (c) => {
    const { marker, limit = String(pageSize()) } = c.req.query();
    if (!/^\d+$/.test(limit))
      return c.json(
        fault('badRequest', 400, `Invalid input for query parameters limit. Value: ${limit}.`),
        400,
      );
    const listed = region.servers.filter(({ id }) => !region.unlisted.has(id));
    const from = marker ? listed.findIndex(({ id }) => id === marker) + 1 : 0;
    if (marker && from === 0) return c.json(fault('badRequest', 400, `marker [${marker}] not found`), 400);
    const size = Math.min(Number(limit), pageSize());
    const page = listed.slice(from, from + size);
    const next = new URL(c.req.url);
    next.searchParams.set('marker', page.at(-1)?.id ?? '');
    return c.json({
      servers: page.map((server) => serverJson(server, region)),
      // A full page names a next one, even if nothing follows; the host is not always ours.
      ...(page.length === size && size > 0
        ? { servers_links: [{ rel: 'next', href: next.href.replace(next.host, 'servers.api.invalid') }] }
        : {}),
    });
  });

  routes.get('/limits', (c) =>
    c.json({
      limits: { rate: rates(), absolute: { maxImageMeta: MOST_METADATA, maxServerMeta: MOST_METADATA } },
    }),
  );

  addActionRoutes(routes, { region, tokens, imageUrl });
  addServerRoutes(routes, region);
  addAttachmentRoutes(routes, region);
  addScheduleRoutes(routes, region);

  const app = new Hono<Env>();
  app.route(`/v2/${region.account.projectId}`, routes);
  app.route('/v2.1', routes);
  return app;
}
