import { Hono } from 'hono';
import type { Env } from './faults.ts';
import type { Account, Tokens } from './identity.ts';
import { addServerRoutes, fault, type Rebuild, rebuildServer, serverJson, stateRefusal } from './servers.ts';
import type { CloudServer, Region } from './state.ts';

const MOST_METADATA = 40;

interface ComputeOptions {
  region: Region;
  account: Account;
  tokens: Tokens;
  pageSize: () => number;
  imageUrl: () => string;
  rates: () => object[];
}

/** Nova, as far as listing servers and createImage go, and what serverRoutes adds to that: at Rackspace under /v2/{tenant}, elsewhere /v2.1. */
export function computeApp({
  region,
  account,
  tokens,
  pageSize,
  imageUrl,
  rates,
}: ComputeOptions): Hono<Env> {
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
    const from = marker ? region.servers.findIndex(({ id }) => id === marker) + 1 : 0;
    if (marker && from === 0) return c.json(fault('badRequest', 400, `marker [${marker}] not found`), 400);
    const size = Math.min(Number(limit), pageSize());
    const page = region.servers.slice(from, from + size);
    const next = new URL(c.req.url);
    next.searchParams.set('marker', page.at(-1)?.id ?? '');
    return c.json({
      servers: page.map((server) => serverJson(server, region, account)),
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

  routes.post('/servers/:id/action', async (c) => {
    const server = region.servers.find(({ id }) => id === c.req.param('id'));
    if (!server)
      return c.json(fault('itemNotFound', 404, `Instance ${c.req.param('id')} could not be found.`), 404);
    if (account.role !== 'admin')
      return c.json(fault('forbidden', 403, "Policy doesn't allow compute:snapshot to be performed."), 403);
    const { createImage, rebuild } = await c.req.json<{
      createImage?: { name?: unknown; metadata?: Record<string, unknown> };
      rebuild?: Rebuild;
    }>();
    if (rebuild) return rebuildServer(c, { region, server, rebuild });
    const wrong = refuseImage(createImage);
    if (wrong) return c.json(fault('badRequest', 400, wrong), 400);
    if (Object.keys(createImage?.metadata ?? {}).length > MOST_METADATA) {
      return c.json(fault('forbidden', 403, 'Image metadata limit exceeded'), 403);
    }
    const state = stateRefusal(server, region);
    if (state)
      return c.json(
        fault(
          'conflictingRequest',
          409,
          `Cannot 'createImage' instance ${server.id} while it is in ${state}`,
        ),
        409,
      );
    const rackspace = !c.req.path.startsWith('/v2.1');
    if (server.image === '' && rackspace)
      return c.json(
        fault('badRequest', 400, 'Image creation is not supported for servers that boot from a volume.'),
        400,
      );

    const given = Object.fromEntries(
      Object.entries(createImage?.metadata ?? {}).map(([key, value]) => [
        rackspace ? key.toLowerCase() : key,
        String(value),
      ]),
    );
    const tokenExpiresAt = tokens.expiryOf(c.req.header('x-auth-token'))!;
    const common = { name: String(createImage?.name), owner: account.projectId };
    const image = region.addImage(
      server.image === ''
        ? // The data lie in a volume snapshot: the image is there at once, empty, and does not name its server.
          {
            ...common,
            size: 0,
            properties: { base_image_ref: '', ...volumeProperties(server, region, common.name), ...given },
          }
        : {
            ...common,
            status: 'queued',
            size: null,
            properties: {
              ...inherited(server, region),
              image_type: 'snapshot',
              instance_uuid: server.id,
              base_image_ref: server.image,
              user_id: '172157',
              ...given,
            },
            making: { server: server.id, fate: server.fate, tokenExpiresAt },
          },
    );
    return c.body(null, 202, {
      location: `${imageUrl()}/images/${image.id}`,
      'content-type': 'application/json',
    });
  });

  addServerRoutes(routes, { region, account });

  const app = new Hono<Env>();
  app.route(`/v2/${account.projectId}`, routes);
  app.route('/v2.1', routes);
  return app;
}

function refuseImage(
  image: { name?: unknown; metadata?: Record<string, unknown> } | undefined,
): string | undefined {
  if (!image) return 'There is no such action';
  const { name, metadata = {} } = image;
  if (typeof name !== 'string') return 'createImage entity requires name attribute';
  if (name.length > 255)
    return `Invalid input for field/attribute name. Value: ${name}. '${name}' is too long`;
  if (name.length === 0) return "Invalid input for field/attribute name. Value: . '' is too short";
  if (name !== name.trim() || /\p{C}/u.test(name))
    return "An invalid 'name' value was provided. The name must be: printable characters. Can not start or end with whitespace.";
  for (const [key, value] of Object.entries(metadata)) {
    if (!/^[a-zA-Z0-9-_:. ]{1,255}$/.test(key))
      return `Invalid input for field/attribute metadata. '${key}' does not match any of the regexes: '^[a-zA-Z0-9-_:. ]{1,255}$'`;
    if (typeof value !== 'string')
      return `Invalid input for field/attribute ${key}. Value: ${value}. ${value} is not of type 'string'`;
    if (value.length > 255)
      return `Invalid input for field/attribute ${key}. Value: ${value}. '${value}' is too long`;
  }
  return undefined;
}

/** A snapshot gets the properties of the image that its server was made from, whatever they mean. */
function inherited({ image, inherits }: CloudServer, region: Region): Record<string, string> {
  return inherits ?? region.image(image)?.properties ?? {};
}

/** One volume snapshot for each volume; the image only says where they are. */
function volumeProperties({ volumeIds }: CloudServer, region: Region, image: string): Record<string, string> {
  const mapping = volumeIds.map((volumeId, boot_index) => {
    const { id } = region.addVolumeSnapshot({ volumeId, name: `snapshot for ${image}` });
    return { source_type: 'snapshot', snapshot_id: id, volume_size: 1, boot_index };
  });
  return { bdm_v2: 'True', root_device_name: '/dev/vda', block_device_mapping: JSON.stringify(mapping) };
}
