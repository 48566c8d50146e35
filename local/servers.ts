import { randomUUID } from 'node:crypto';
import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import type { Account } from './identity.ts';
import type { CloudServer, Region } from './state.ts';

interface Options {
  region: Region;
  account: Account;
}

interface Wanted {
  name?: string;
  imageRef?: string;
  flavorRef?: string;
  key_name?: string;
  networks?: 'none' | { uuid: string }[];
  security_groups?: { name: string }[];
  metadata?: Record<string, string>;
}

/** The body of the rebuild action. */
export interface Rebuild {
  imageRef?: string;
  metadata?: Record<string, string>;
}

/** An error body of Nova's. */
export function fault(key: string, code: number, message: string) {
  return { [key]: { code, message } };
}

/** The rest of Nova: one server, its networks, flavors, a new server, and its end. */
export function addServerRoutes(routes: Hono<Env>, { region, account }: Options): void {
  const serverOf = (c: Context<Env>) => region.servers.find(({ id }) => id === c.req.param('id'));
  const missing = (c: Context<Env>) =>
    c.json(fault('itemNotFound', 404, `Instance ${c.req.param('id')} could not be found.`), 404);

  routes.get('/flavors/detail', (c) => c.json({ flavors: region.flavors }));
  routes.get('/os-networksv2', (c) => c.json({ networks: region.networks }));

  routes.get('/servers/:id', (c) => {
    const server = serverOf(c);
    return server ? c.json({ server: serverJson(server, region, account) }) : missing(c);
  });

  routes.get('/servers/:id/os-volume_attachments', (c) => {
    const server = serverOf(c);
    if (!server) return missing(c);
    const first = server.image === '' || server.rootOnVolume ? 0 : 1;
    const volumeAttachments = server.volumeIds.map((volumeId, i) => ({
      id: volumeId,
      volumeId,
      serverId: server.id,
      device: `/dev/vd${String.fromCharCode(97 + first + i)}`,
    }));
    return c.json({ volumeAttachments });
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
    const server = region.addServer({
      name: String(wanted.name),
      image: wanted.imageRef!,
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
    if (server.slowToGo) server.taskState = 'deleting';
    else region.servers.splice(region.servers.indexOf(server), 1);
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

/** Builds a server anew from another image; its metadata are replaced at once. */
export function rebuildServer(
  c: Context<Env>,
  { region, server, rebuild }: { region: Region; server: CloudServer; rebuild: Rebuild },
): Response {
  const state = stateRefusal(server, region, [...SNAPSHOTS_IN, 'error']);
  if (state) {
    const message = `Cannot 'rebuild' instance ${server.id} while it is in ${state}`;
    return c.json(fault('conflictingRequest', 409, message), 409);
  }
  if (server.image === '') {
    const message = 'Unable to rebuild with a different image for a volume-backed server.';
    return c.json(fault('badRequest', 400, message), 400);
  }
  const wrong = region.images.some(({ id }) => id === rebuild.imageRef)
    ? refuseImageFor(server.flavor, rebuild.imageRef, region)
    : 'Cannot find image for rebuild';
  if (wrong) return c.json(fault('badRequest', 400, wrong), 400);
  server.image = rebuild.imageRef!;
  if (rebuild.metadata) server.metadata = rebuild.metadata;
  region.build(server, 'REBUILD');
  return c.json({ server: { id: server.id, adminPass: randomUUID().slice(0, 12) } }, 202);
}

/** The vm_states in which a snapshot can be taken. */
const SNAPSHOTS_IN = ['active', 'stopped', 'paused', 'suspended'];

/** Why Nova does nothing with a server just now; undefined when it would. */
export function stateRefusal(
  server: CloudServer,
  region: Region,
  vmStates: readonly string[] = SNAPSHOTS_IN,
): string | undefined {
  const taskState = region.taskState(server);
  if (taskState !== null) return `task_state ${taskState}`;
  return vmStates.includes(server.vmState) ? undefined : `vm_state ${server.vmState}`;
}

function refuseServer(wanted: Wanted, region: Region): string | undefined {
  if (!wanted.name)
    return "Invalid input for field/attribute server. Value: {}. 'name' is a required property";
  const image = refuseImageFor(wanted.flavorRef, wanted.imageRef, region);
  if (image) return image;
  if (wanted.key_name && !region.keyPairs.includes(wanted.key_name)) return 'Invalid key_name provided.';
  const groups = wanted.security_groups?.map(({ name }) => name) ?? [];
  const group = groups.find((name) => !region.securityGroups.includes(name));
  if (group) return `Unable to find security_group with name or id '${group}'`;
  const networks = Array.isArray(wanted.networks) ? wanted.networks.map(({ uuid }) => uuid) : [];
  const network = networks.find((uuid) => !region.networks.some(({ id }) => id === uuid));
  return network ? `Network ${network} could not be found.` : undefined;
}

function refuseImageFor(flavorRef: string | undefined, imageRef: string | undefined, region: Region) {
  const image = region.images.find(({ id }) => id === imageRef);
  if (!image) return 'Can not find requested image';
  if (image.status !== 'active') return `Image ${image.id} is not active.`;
  const flavor = region.flavors.find(({ id }) => id === flavorRef);
  if (!flavor) return `Flavor ${flavorRef} could not be found.`;
  if (flavor.ram < image.minRam) return "Flavor's memory is too small for requested image.";
  if (flavor.disk > 0 && flavor.disk < image.minDisk)
    return "Flavor's disk is too small for requested image.";
  return undefined;
}

/** A server as both the listing and the server itself show it. */
export function serverJson(server: CloudServer, region: Region, { projectId }: Account) {
  const { id, name, metadata, image, vmState, createdAt, imageSchedule, buildFault } = server;
  const status = region.status(server);
  return {
    id,
    name,
    status,
    tenant_id: projectId,
    user_id: '172157',
    metadata,
    image: image === '' ? '' : { id: image, links: [] },
    flavor: { id: server.flavor, links: [] },
    key_name: server.keyName,
    config_drive: '',
    addresses: { public: server.addresses.map((addr) => ({ addr, version: 4 })) },
    ...(server.securityGroups.length > 0
      ? { security_groups: server.securityGroups.map((group) => ({ name: group })) }
      : {}),
    created: createdAt.toISOString(),
    updated: createdAt.toISOString(),
    'OS-EXT-STS:task_state': region.taskState(server),
    'OS-EXT-STS:vm_state': status === 'BUILD' ? 'building' : vmState,
    'OS-EXT-STS:power_state': 1,
    ...(imageSchedule ? { 'RAX-SI:image_schedule': imageSchedule } : {}),
    'os-extended-volumes:volumes_attached': server.volumeIds.map((volumeId) => ({ id: volumeId })),
    ...(status === 'ERROR' && buildFault
      ? { fault: { code: 500, created: createdAt.toISOString(), message: buildFault } }
      : {}),
  };
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

function isRackspace(c: Context<Env>): boolean {
  return !c.req.path.startsWith('/v2.1');
}
