import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import { isRackspace, novaMinor } from './flavors.ts';
import { bodyOf } from './json-body.ts';
import { fault } from './nova-fault.ts';
import { refuseLock } from './server-refusals.ts';
import type { CloudServer, Region } from './state.ts';
import { volumeStatus } from './volume-status.ts';

/** The statuses of a server in which Nova attaches volumes. */
const ATTACHABLE = ['ACTIVE', 'SHUTOFF', 'PAUSED', 'VERIFY_RESIZE', 'SHELVED', 'SHELVED_OFFLOADED'];

/** The statuses of a server in which Nova detaches volumes. */
const DETACHABLE = [...ATTACHABLE, 'SUSPENDED'];

/** Nova's os-volume_attachments: list, attach and detach the volumes of a server. */
export function addAttachmentRoutes(routes: Hono<Env>, region: Region): void {
  const path = '/servers/:id/os-volume_attachments';
  const serverOf = (id: string | undefined) => region.servers.find((server) => server.id === id);
  const missing = (id: string) => fault('itemNotFound', 404, `Instance ${id} could not be found.`);
  const attachment = (c: Context<Env>, server: CloudServer, volumeId: string) => {
    const minor = novaMinor(c);
    const found = { volumeId, serverId: server.id, device: region.deviceOf(server, volumeId) };
    return {
      ...found,
      ...(minor >= 89 ? { attachment_id: volumeId, bdm_uuid: volumeId } : { id: volumeId }),
      ...(minor >= 70 ? { tag: null } : {}),
      ...(minor >= 79 ? { delete_on_termination: server.endingVolumes?.includes(volumeId) ?? false } : {}),
    };
  };
  const refuseState = (c: Context<Env>, server: CloudServer, action: string, statuses: string[]) => {
    const taskState = region.taskState(server);
    if (statuses.includes(region.status(server)) && taskState === null) return undefined;
    const state = taskState === null ? `vm_state ${server.vmState}` : `task_state ${taskState}`;
    const message = `Cannot '${action}' instance ${server.id} while it is in ${state}`;
    return c.json(fault('conflictingRequest', 409, message), 409);
  };

  routes.get(path, (c) => {
    const server = serverOf(c.req.param('id'));
    if (!server) return c.json(missing(c.req.param('id')), 404);
    return c.json({ volumeAttachments: server.volumeIds.map((id) => attachment(c, server, id)) });
  });

  routes.post(path, async (c) => {
    const server = serverOf(c.req.param('id'));
    if (!server) return c.json(missing(c.req.param('id')), 404);
    const { volumeId, device } = await bodyOf<{ volumeId: string; device?: string | null }>(
      c,
      'volumeAttachment',
    );
    const volume = region.volume(volumeId);
    if (!volume) {
      return c.json(fault('itemNotFound', 404, `Volume ${volumeId} could not be found.`), 404);
    }
    const refused = refuseLock(c, server) ?? refuseState(c, server, 'attach_volume', ATTACHABLE);
    if (refused) return refused;
    if (volume.multiattach && novaMinor(c) < 60) {
      const message = `Multiattach volumes are only supported starting with compute API version 2.60.`;
      return c.json(fault('badRequest', 400, message), 400);
    }
    const others = region.servers.filter(({ volumeIds }) => volumeIds.includes(volumeId));
    if (others.length > 0 && !volume.multiattach) {
      const message = `Invalid volume: volume ${volumeId} is already attached to instances: ${others.map(({ id }) => id)}`;
      return c.json(fault('badRequest', 400, message), 400);
    }
    const status = volumeStatus(volume, region);
    if (status !== 'available') {
      const message = `Invalid input received: Invalid volume: Volume ${volumeId} status must be available or downloading to reserve, but the current status is ${status}.`;
      return c.json(fault('badRequest', 400, message), 400);
    }
    // Elsewhere libvirt ignores the device that is asked for.
    const wanted = isRackspace(c) ? device : undefined;
    if (wanted && server.volumeIds.some((id) => region.deviceOf(server, id) === wanted)) {
      const message = `The supplied device path (${wanted}) is in use.`;
      return c.json(fault('conflictingRequest', 409, message), 409);
    }
    server.volumeIds.push(volumeId);
    if (wanted) server.devices = { ...server.devices, [volumeId]: wanted };
    return c.json({ volumeAttachment: attachment(c, server, volumeId) });
  });

  routes.delete(`${path}/:volume`, (c) => {
    const { id, volume } = c.req.param();
    const server = serverOf(id);
    if (!server) return c.json(missing(id), 404);
    if (!server.volumeIds.includes(volume)) {
      const message = `volume_id not found: ${volume}`;
      return c.json(fault('itemNotFound', 404, message), 404);
    }
    if (server.rootVolume === volume) {
      return c.json(fault('badRequest', 400, 'Cannot detach a root device volume'), 400);
    }
    const refused = refuseLock(c, server) ?? refuseState(c, server, 'detach_volume', DETACHABLE);
    if (refused) return refused;
    if (server.detaching?.[volume]) {
      const message = `Invalid input received: Invalid volume: Unable to detach volume. Volume status must be 'in-use' and attach_status must be 'attached' to detach.`;
      return c.json(fault('badRequest', 400, message), 400);
    }
    region.detach(server, volume);
    return c.body(null, 202);
  });
}
