import { randomUUID } from 'node:crypto';
import type { Context, Hono } from 'hono';
import { type BlockDevice, rootVolumeFor } from './block-devices.ts';
import type { Env } from './faults.ts';
import { fault, isRackspace, serverJson, showsLock } from './server-json.ts';
import { refuseImageFor, refuseLock } from './server-refusals.ts';
import type { Region } from './state.ts';

interface Wanted {
  name?: string;
  imageRef?: string;
  flavorRef?: string;
  key_name?: string;
  networks?: 'none' | { uuid: string }[];
  security_groups?: { name: string }[];
  metadata?: Record<string, string>;
  block_device_mapping_v2?: BlockDevice[];
}

/** One server, its networks, flavors, a new server, and its end. */
export function addServerRoutes(routes: Hono<Env>, region: Region): void {
  const { account } = region;
  const serverOf = (c: Context<Env>) => region.servers.find(({ id }) => id === c.req.param('id'));
  const missing = (c: Context<Env>) =>
    c.json(fault('itemNotFound', 404, `Instance ${c.req.param('id')} could not be found.`), 404);

  routes.get('/flavors/detail', (c) => c.json({ flavors: region.flavors }));
  routes.get('/os-networksv2', (c) => c.json({ networks: region.networks }));

  routes.get('/servers/:id', (c) => {
    const server = serverOf(c);
    if (!server) return missing(c);
    const shown = serverJson(server, region);
    return c.json({ server: showsLock(c) ? { ...shown, locked: server.locked === true } : shown });
  });

  // Each cloud has its own.
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
    const { server: wanted = {} } = await c.req.json<{ server?: Wanted }>();
    if (account.role === 'observer') {
      return c.json(fault('forbidden', 403, "Policy doesn't allow compute:create to be performed."), 403);
    }
    const wrong = refuseNone(c, wanted) ?? refuseServer(wanted, region);
    if (wrong) return c.json(fault('badRequest', 400, wrong), 400);
    const used = region.servers.length;
    if (used >= region.maxServers) {
      const message = `Quota exceeded for instances: Requested 1, but already used ${used} of ${region.maxServers} instances`;
      return isRackspace(c)
        ? c.json({ overLimit: { code: 413, message, retryAfter: '0' } }, 413, { 'retry-after': '0' })
        : c.json(fault('forbidden', 403, message), 403);
    }
    const root = rootVolumeFor(region, wanted.imageRef, wanted.block_device_mapping_v2);
    const server = region.addServer({
      name: String(wanted.name),
      image: wanted.imageRef ?? '',
      volumeIds: root ? root.volumeIds : [],
      ...(root ? { rootVolume: root.id } : {}),
      flavor: wanted.flavorRef!,
      metadata: wanted.metadata ?? {},
      keyName: wanted.key_name ?? null,
      securityGroups: wanted.security_groups?.map(({ name }) => name) ?? [],
      ...(wanted.networks
        ? { networks: wanted.networks === 'none' ? [] : wanted.networks.map((n) => n.uuid) }
        : {}),
      ...(wanted.networks === 'none' ? { addresses: [] } : {}),
      createdAt: region.now(),
      ...region.newServers,
    });
    region.build(server, 'BUILD');
    const body = {
      'OS-DCF:diskConfig': 'AUTO',
      id: server.id,
      links: [],
      adminPass: randomUUID().slice(0, 12),
    };
    return c.json({ server: body }, 202, { location: `${new URL(c.req.url).origin}/servers/${server.id}` });
  });

  routes.delete('/servers/:id', (c) => {
    const server = serverOf(c);
    if (!server) return missing(c);
    if (account.role !== 'admin') {
      return c.json(fault('forbidden', 403, "Policy doesn't allow compute:delete to be performed."), 403);
    }
    const locked = refuseLock(c, server);
    if (locked) return locked;
    if (server.slowToGo) server.taskState = 'deleting';
    else region.removeServer(server);
    return c.body(null, 204);
  });
}

/** A server without networks is asked for as Nova 2.37 takes it; Rackspace's is older. */
function refuseNone(c: Context<Env>, { networks }: Wanted): string | undefined {
  if (networks !== 'none') return undefined;
  if (isRackspace(c)) return 'Bad networks format';
  const [, minor = 1] = /^compute 2\.(\d+)$/.exec(c.req.header('openstack-api-version') ?? '') ?? [];
  return Number(minor) < 37
    ? "Invalid input for field/attribute networks. Value: none. 'none' is not of type 'array'"
    : undefined;
}

function refuseServer(wanted: Wanted, region: Region): string | undefined {
  if (!wanted.name)
    return "Invalid input for field/attribute server. Value: {}. 'name' is a required property";
  const isFromVolume = !wanted.imageRef && wanted.block_device_mapping_v2 !== undefined;
  const image = isFromVolume
    ? refuseVolume(wanted.block_device_mapping_v2, region)
    : refuseImageFor(wanted.flavorRef, wanted.imageRef, region);
  if (image) return image;
  if (wanted.key_name && !region.keyPairs.includes(wanted.key_name)) return 'Invalid key_name provided.';
  const groups = wanted.security_groups?.map(({ name }) => name) ?? [];
  const group = groups.find((name) => !region.securityGroups.includes(name));
  if (group) return `Unable to find security_group with name or id '${group}'`;
  const networks = Array.isArray(wanted.networks) ? wanted.networks.map(({ uuid }) => uuid) : [];
  const network = networks.find((uuid) => !region.networks.some(({ id }) => id === uuid));
  return network ? `Network ${network} could not be found.` : undefined;
}

function refuseVolume(devices: BlockDevice[] = [], region: Region): string | undefined {
  const boot = devices.find(({ boot_index }) => Number(boot_index) === 0);
  if (!boot)
    return 'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is not valid.';
  const missing = devices.find(({ source_type, uuid }) => source_type === 'volume' && !region.volume(uuid));
  if (missing) return `Block Device Mapping is Invalid: failed to get volume ${missing.uuid}.`;
  return undefined;
}

/** What a server's interfaces show for Rackspace's own two networks: other ids than a new server is given. */
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
