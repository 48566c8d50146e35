import type { Context } from 'hono';
import type { Env } from './faults.ts';
import { flavorJson, novaMinor } from './flavors.ts';
import { seconds } from './image-json.ts';
import type { CloudServer, Region } from './state.ts';

const POWER_STATES: Record<string, number> = { paused: 3, stopped: 4, suspended: 4 };
/** The statuses in which a server has the field `progress`. */
const WITH_PROGRESS = ['ACTIVE', 'BUILD', 'REBUILD', 'RESIZE', 'VERIFY_RESIZE', 'MIGRATING'];

/** A server as the short listing returns it. */
export function briefServerJson(c: Context<Env>, { id, name }: CloudServer) {
  const { origin, pathname } = new URL(c.req.url);
  const base = pathname.split('/servers')[0];
  const links = [
    { rel: 'self', href: `${origin}${base}/servers/${id}` },
    { rel: 'bookmark', href: `${origin}/servers/${id}` },
  ];
  return { id, name, links };
}

/** A server as both the detailed listing and GET return it. */
export function serverJson(c: Context<Env>, server: CloudServer, region: Region) {
  const { metadata, image, createdAt, updatedAt = createdAt, imageSchedule, buildFault } = server;
  const status = region.status(server);
  const minor = novaMinor(c);
  const flavor = region.flavors.find(({ id }) => id === server.flavor);
  return {
    ...briefServerJson(c, server),
    status,
    tenant_id: region.account.projectId,
    user_id: region.account.userId,
    metadata,
    hostId: hostOf(server),
    image: image === '' ? '' : { id: image, links: [] },
    flavor: minor >= 47 && flavor ? flavorJson(flavor, minor) : { id: server.flavor, links: [] },
    key_name: server.keyName,
    config_drive: '',
    accessIPv4: '',
    accessIPv6: '',
    addresses: { public: server.addresses.map((addr) => ({ addr, version: 4 })) },
    ...(server.securityGroups.length > 0
      ? { security_groups: server.securityGroups.map((group) => ({ name: group })) }
      : {}),
    created: seconds(createdAt),
    updated: seconds(updatedAt),
    ...(WITH_PROGRESS.includes(status) ? { progress: status === 'BUILD' ? 0 : 100 } : {}),
    'OS-DCF:diskConfig': 'AUTO',
    'OS-EXT-AZ:availability_zone': 'nova',
    'OS-EXT-STS:task_state': region.taskState(server),
    'OS-EXT-STS:vm_state': status === 'BUILD' ? 'building' : server.vmState,
    'OS-EXT-STS:power_state': POWER_STATES[server.vmState] ?? 1,
    'OS-SRV-USG:launched_at':
      status === 'BUILD' ? null : seconds(server.launchedAt ?? createdAt).replace('Z', '.000000'),
    'OS-SRV-USG:terminated_at': null,
    ...(imageSchedule ? { 'RAX-SI:image_schedule': imageSchedule } : {}),
    'os-extended-volumes:volumes_attached': server.volumeIds.map((id) =>
      minor >= 3 ? { id, delete_on_termination: false } : { id },
    ),
    ...(minor >= 9 ? { locked: server.locked ?? false } : {}),
    ...(minor >= 19 ? { description: null } : {}),
    ...(minor >= 26 ? { tags: [] } : {}),
    ...(status === 'ERROR' && buildFault
      ? { fault: { code: 500, created: seconds(createdAt), message: buildFault } }
      : {}),
  };
}

/** A host id that depends on the server's id alone. */
function hostOf({ id }: CloudServer): string {
  return Buffer.from(id).toString('hex').padEnd(56, '0').slice(0, 56);
}
