import { randomUUID } from 'node:crypto';
import type { Context, Hono } from 'hono';
import { type BlockDevice, refuseDevices, volumesFor } from './block-devices.ts';
import type { Env } from './faults.ts';
import { isRackspace, novaMinor } from './flavors.ts';
import { bodyOf } from './json-body.ts';
import { fault } from './nova-fault.ts';
import { refuseBody } from './nova-schema.ts';
import { briefServerJson, serverJson } from './server-json.ts';
import { mostMetadata } from './server-metadata.ts';
import { refuseImageFor, refuseLock } from './server-refusals.ts';
import type { Region } from './state.ts';

interface ServerRequest {
  name?: string;
  imageRef?: string;
  flavorRef?: string;
  key_name?: string;
  networks?: 'none' | 'auto' | { uuid: string }[];
  security_groups?: { name: string }[];
  metadata?: Record<string, string>;
  block_device_mapping_v2?: BlockDevice[];
}

/** The routes that read, create, rename and delete a server, and those for its interfaces. */
export function addServerRoutes(routes: Hono<Env>, region: Region): void {
  const { account } = region;
  const serverOf = (c: Context<Env>) => region.servers.find(({ id }) => id === c.req.param('id'));
  const missing = (c: Context<Env>) =>
    c.json(fault('itemNotFound', 404, `Instance ${c.req.param('id')} could not be found.`), 404);

  routes.get('/os-keypairs/:name', (c) => {
    const name = c.req.param('name');
    return region.keyPairs.includes(name)
      ? c.json({ keypair: { name } })
      : c.json(fault('itemNotFound', 404, `Keypair ${name} not found`), 404);
  });

  routes.get('/servers/:id', (c) => {
    const server = serverOf(c);
    return server ? c.json({ server: serverJson(c, server, region) }) : missing(c);
  });

  // Rackspace has its own extension for the networks of a server, instead of Nova's.
  routes.get('/servers/:id/os-interface', (c) => {
    const server = serverOf(c);
    if (isRackspace(c) || !server) return missing(c);
    return c.json({
      interfaceAttachments: server.networks.map((net_id) => ({
        net_id,
        port_state: 'ACTIVE',
        fixed_ips: [],
      })),
    });
  });
  routes.get('/servers/:id/os-virtual-interfacesv2', (c) => {
    const server = serverOf(c);
    if (!isRackspace(c) || !server) return missing(c);
    return c.json({ virtual_interfaces: server.networks.map((id) => virtualInterface(id, region)) });
  });

  routes.post('/servers', async (c) => {
    const { server: wanted } = await bodyOf<{ server: ServerRequest }>(c);
    const malformed = refuseForm(c, wanted);
    if (malformed) return c.json(fault('badRequest', 400, malformed), 400);
    if (account.role === 'observer') {
      return c.json(fault('forbidden', 403, "Policy doesn't allow compute:create to be performed."), 403);
    }
    const wrong = refuseServer(wanted, region);
    if (wrong) return c.json(fault('badRequest', 400, wrong), 400);
    if (Object.keys(wanted.metadata ?? {}).length > mostMetadata(c)) {
      const message = `Maximum number of metadata items exceeds ${mostMetadata(c)}`;
      return c.json(fault('forbidden', 403, message), 403);
    }
    const used = region.servers.length;
    if (used >= region.maxServers) {
      const message = `Quota exceeded for instances: Requested 1, but already used ${used} of ${region.maxServers} instances`;
      return isRackspace(c)
        ? c.json({ overLimit: { code: 413, message, retryAfter: '0' } }, 413, { 'retry-after': '0' })
        : c.json(fault('forbidden', 403, message), 403);
    }
    const disks = volumesFor(region, wanted.imageRef, wanted.block_device_mapping_v2);
    const networks = Array.isArray(wanted.networks) ? wanted.networks.map(({ uuid }) => uuid) : undefined;
    const server = region.addServer({
      name: String(wanted.name),
      image: wanted.imageRef ?? '',
      ...disks,
      flavor: wanted.flavorRef!,
      metadata: wanted.metadata ?? {},
      keyName: wanted.key_name ?? null,
      securityGroups: wanted.security_groups?.map(({ name }) => name) ?? [],
      ...(networks ? { networks } : {}),
      ...(wanted.networks === 'none' ? { networks: [], addresses: [] } : {}),
      createdAt: region.now(),
      ...region.newServers,
    });
    region.build(server, 'BUILD');
    const body = {
      'OS-DCF:diskConfig': 'AUTO',
      id: server.id,
      links: briefServerJson(c, server).links,
      adminPass: randomUUID().slice(0, 12),
    };
    return c.json({ server: body }, 202, { location: `${new URL(c.req.url).origin}/servers/${server.id}` });
  });

  routes.put('/servers/:id', async (c) => {
    const { name } = await bodyOf<{ name?: unknown }>(c, 'server');
    const server = serverOf(c);
    if (!server) return missing(c);
    if (typeof name !== 'string' || name === '' || name.length > 255) {
      const message = `Invalid input for field/attribute name. Value: ${name}.`;
      return c.json(fault('badRequest', 400, message), 400);
    }
    Object.assign(server, { name, updatedAt: region.now() });
    return c.json({ server: serverJson(c, server, region) });
  });

  routes.delete('/servers/:id', (c) => {
    const server = serverOf(c);
    if (!server) return missing(c);
    if (account.role !== 'admin') {
      return c.json(fault('forbidden', 403, "Policy doesn't allow compute:delete to be performed."), 403);
    }
    const locked = refuseLock(c, server);
    if (locked) return locked;
    if (server.deletesSlowly) server.taskState = 'deleting';
    else region.removeServer(server);
    return c.body(null, 204);
  });
}

/**
 * Validates the form of a request. Nova accepts 'none' as its networks from 2.37 on; Rackspace's
 * Nova is older.
 */
function refuseForm(c: Context<Env>, wanted: ServerRequest): string | undefined {
  const rackspace = isRackspace(c);
  if (rackspace && wanted?.networks === 'none') return 'Bad networks format';
  return refuseBody('server', wanted, { minor: novaMinor(c), isStrict: !rackspace });
}

function refuseServer(wanted: ServerRequest, region: Region): string | undefined {
  const { imageRef, block_device_mapping_v2: devices } = wanted;
  const disks = devices && refuseDevices(devices, imageRef, region);
  if (disks) return disks;
  const image = imageRef || !devices ? refuseImageFor(wanted.flavorRef, imageRef, region) : undefined;
  if (image) return image;
  if (wanted.key_name && !region.keyPairs.includes(wanted.key_name)) return 'Invalid key_name provided.';
  const groups = wanted.security_groups?.map(({ name }) => name) ?? [];
  const group = groups.find((name) => !region.securityGroups.includes(name));
  if (group) return `Unable to find security_group with name or id '${group}'`;
  const networks = Array.isArray(wanted.networks) ? wanted.networks.map(({ uuid }) => uuid) : [];
  const network = networks.find((uuid) => !region.networks.some(({ id }) => id === uuid));
  return network ? `Network ${network} could not be found.` : undefined;
}

/**
 * The ids that a server's interfaces show for Rackspace's two built-in networks. They differ from
 * the ids in the request for a new server.
 */
const SHOWN: Record<string, string> = {
  '00000000-0000-0000-0000-000000000000': 'ba122b32-dbcc-4c21-836e-b701996baeb3',
  '11111111-1111-1111-1111-111111111111': '3b324a1b-31b8-4db5-9fe5-4a2067f60297',
};

function virtualInterface(networkId: string, region: Region) {
  const network_label = region.networks.find(({ id }) => id === networkId)?.label ?? 'gone';
  const address = { network_id: SHOWN[networkId] ?? networkId, network_label };
  const ip_addresses = ['203.0.113.9', '2001:db8::9'].map((ip) => ({ address: ip, ...address }));
  return { id: randomUUID(), ip_addresses, mac_address: 'BC:76:4E:04:85:0C' };
}
