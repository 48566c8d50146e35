import type { Context } from 'hono';
import type { Env } from './faults.ts';
import { USER_ID } from './make-image.ts';
import type { CloudServer, Region } from './state.ts';

const POWER_STATES: Record<string, number> = { paused: 3, stopped: 4, suspended: 4 };

/** An error body of Nova's. */
export function fault(key: string, code: number, message: string) {
  return { [key]: { code, message } };
}

export function isRackspace(c: Context<Env>): boolean {
  return !c.req.path.startsWith('/v2.1');
}

/** Nova says whether a server is locked from microversion 2.9 on, which Rackspace does not have. */
export function showsLock(c: Context<Env>): boolean {
  const [, minor = '1'] = /^compute 2\.(\d+)$/.exec(c.req.header('openstack-api-version') ?? '') ?? [];
  return !isRackspace(c) && Number(minor) >= 9;
}

/** A server as both the listing and the server itself show it. */
export function serverJson(server: CloudServer, region: Region) {
  const { id, name, metadata, image, createdAt, imageSchedule, buildFault } = server;
  const status = region.status(server);
  return {
    id,
    name,
    status,
    tenant_id: region.account.projectId,
    user_id: USER_ID,
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
    'OS-EXT-STS:vm_state': status === 'BUILD' ? 'building' : server.vmState,
    'OS-EXT-STS:power_state': POWER_STATES[server.vmState] ?? 1,
    ...(imageSchedule ? { 'RAX-SI:image_schedule': imageSchedule } : {}),
    'os-extended-volumes:volumes_attached': server.volumeIds.map((volumeId) => ({ id: volumeId })),
    ...(status === 'ERROR' && buildFault
      ? { fault: { code: 500, created: createdAt.toISOString(), message: buildFault } }
      : {}),
  };
}
