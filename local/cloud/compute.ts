import { Hono } from 'hono/quick';
import type { Tokens } from './account.ts';
import { addAttachmentRoutes } from './attachments.ts';
import { addComputeImageRoutes } from './compute-images.ts';
import type { Env } from './faults.ts';
import { addFlavorRoutes, isRackspace } from './flavors.ts';
import { addScheduleRoutes } from './image-schedule.ts';
import { BadBody } from './json-body.ts';
import { microversions } from './microversions.ts';
import { fault } from './nova-fault.ts';
import { addNetworkRoutes } from './nova-networks.ts';
import { addActionRoutes } from './server-actions.ts';
import { addServerListRoutes } from './server-list.ts';
import { addServerMetadataRoutes, mostMetadata } from './server-metadata.ts';
import { addServerRoutes } from './servers.ts';
import type { Region } from './state.ts';
import { addComputeVersions } from './versions.ts';

interface ComputeOptions {
  region: Region;
  tokens: Tokens;
  pageSize: () => number;
  imageUrl: () => string;
  rates: () => object[];
}

/** Nova: at Rackspace under /v2/{tenant}, in other clouds under /v2.1. */
export function computeApp({ region, tokens, pageSize, imageUrl, rates }: ComputeOptions): Hono<Env> {
  const routes = new Hono<Env>();
  routes.onError((error, c) => {
    if (error instanceof BadBody) return c.json(fault('badRequest', 400, 'Malformed request body'), 400);
    throw error;
  });

  routes.use(async (c, next) => {
    if (tokens.expiryOf(c.req.header('x-auth-token'))) return next();
    if (isRackspace(c)) {
      const message = 'No valid token provided. Please re-authenticate.';
      return c.json(fault('unauthorized', 401, message), 401);
    }
    const message = 'The request you have made requires authentication.';
    return c.json({ error: { code: 401, title: 'Unauthorized', message } }, 401);
  });
  const negotiate = microversions('compute');
  routes.use((c, next) => (isRackspace(c) ? next() : negotiate(c, next)));

  routes.get('/limits', (c) => {
    const most = mostMetadata(c);
    return c.json({
      limits: {
        rate: rates(),
        absolute: {
          maxImageMeta: most,
          maxServerMeta: most,
          maxTotalInstances: region.maxServers,
          totalInstancesUsed: region.servers.length,
        },
      },
    });
  });

  addServerListRoutes(routes, region, pageSize);
  addActionRoutes(routes, { region, tokens, imageUrl });
  addServerRoutes(routes, region);
  addNetworkRoutes(routes, region);
  addServerMetadataRoutes(routes, region);
  addFlavorRoutes(routes, region);
  addAttachmentRoutes(routes, region);
  addScheduleRoutes(routes, region);
  addComputeImageRoutes(routes, region, pageSize);

  const app = new Hono<Env>();
  addComputeVersions(app);
  app.route(`/v2/${region.account.projectId}`, routes);
  app.route('/v2.1', routes);
  return app;
}
