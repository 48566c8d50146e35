import { randomUUID } from 'node:crypto';
import type { Context, Hono } from 'hono';
import type { Tokens } from './account.ts';
import type { Env } from './faults.ts';
import { isRackspace, novaMinor } from './flavors.ts';
import { BadBody, bodyOf } from './json-body.ts';
import { isVolumeBacked, makeImage } from './make-image.ts';
import { fault } from './nova-fault.ts';
import { refuseBody } from './nova-schema.ts';
import { serverJson } from './server-json.ts';
import { mostMetadata } from './server-metadata.ts';
import { refuseImageFor, refuseLock } from './server-refusals.ts';
import type { CloudServer, Region } from './state.ts';

/** The vm_states in which a snapshot can be taken. */
const SNAPSHOTS_IN = ['active', 'stopped', 'paused', 'suspended'];

interface ActionOptions {
  region: Region;
  tokens: Tokens;
  imageUrl: () => string;
}

interface ImageRequest {
  name: string;
  metadata?: Record<string, string>;
  backup_type?: string;
  rotation?: number | string;
}

interface Rebuild {
  imageRef?: string;
  metadata?: Record<string, string>;
}

/**
 * The actions that only change the vm_state of a server: the states in which each is allowed, and
 * the resulting state.
 */
const MOVES: Record<string, { from: string[]; to: string; evenLocked?: boolean }> = {
  pause: { from: ['active'], to: 'paused' },
  unpause: { from: ['paused'], to: 'active' },
  suspend: { from: ['active'], to: 'suspended' },
  resume: { from: ['suspended'], to: 'active' },
  'os-stop': { from: ['active', 'error'], to: 'stopped' },
  'os-start': { from: ['stopped'], to: 'active' },
  reboot: { from: ['active', 'stopped', 'paused', 'suspended', 'error'], to: 'active' },
  resize: { from: ['active', 'stopped'], to: 'resized' },
  confirmResize: { from: ['resized'], to: 'active' },
  revertResize: { from: ['resized'], to: 'active' },
  rescue: { from: ['active', 'stopped', 'error'], to: 'rescued' },
  unrescue: { from: ['rescued'], to: 'active' },
  // nova/api/openstack/compute/deferred_delete.py
  restore: { from: ['soft-delete'], to: 'active', evenLocked: true },
};

/**
 * `POST /servers/{id}/action`: each action follows nova/compute/api.py, which checks the lock
 * before the state.
 */
export function addActionRoutes(routes: Hono<Env>, { region, tokens, imageUrl }: ActionOptions): void {
  routes.post('/servers/:id/action', async (c) => {
    const [[name, body] = [], ...others] = Object.entries(await bodyOf(c));
    if (name === undefined || others.length > 0) throw new BadBody();
    const server = region.servers.find(({ id }) => id === c.req.param('id'));
    if (!server) {
      return c.json(fault('itemNotFound', 404, `Instance ${c.req.param('id')} could not be found.`), 404);
    }
    if (region.account.role !== 'admin') {
      return c.json(fault('forbidden', 403, "Policy doesn't allow compute:snapshot to be performed."), 403);
    }
    if (name === 'os-getConsoleOutput') return c.json({ output: `${server.name} login: ` });
    server.updatedAt = region.now();
    if (name === 'createImage' || name === 'createBackup') {
      return image(c, server, name, body as ImageRequest);
    }
    if (name === 'lock' || name === 'unlock') {
      server.locked = name === 'lock';
      return c.body(null, 202);
    }
    if (name === 'rebuild') return rebuild(c, server, body as Rebuild);
    if (name === 'shelve') return shelve(c, server);
    if (name === 'unshelve') return unshelve(c, server);
    return MOVES[name]
      ? move(c, server, name)
      : c.json(fault('badRequest', 400, `There is no such action: ${name}`), 400);
  });

  function image(
    c: Context<Env>,
    server: CloudServer,
    action: 'createImage' | 'createBackup',
    request: ImageRequest,
  ) {
    const wrong = refuseBody(action, request, { isStrict: !isRackspace(c) });
    if (wrong) return c.json(fault('badRequest', 400, wrong), 400);
    if (Object.keys(request.metadata ?? {}).length > mostMetadata(c)) {
      return c.json(fault('forbidden', 403, 'Image metadata limit exceeded'), 403);
    }
    // A locked server may have images created, so there is no check for a lock.
    const conflict = refuseState(c, server, action, SNAPSHOTS_IN);
    if (conflict) return conflict;
    const refused = action === 'createImage' ? refuseVolumes(c, server) : refuseBackup(c, server);
    if (refused) return refused;
    const { backup_type: type, rotation } = request;
    const metadata = requestedMetadata(request, isRackspace(c));
    const owner = metadata.owner ?? region.account.projectId;
    if (owner !== region.account.projectId) {
      const message = `HTTP 403 Forbidden: You are not permitted to create images owned by &#x27;${owner}&#x27;.`;
      return c.json(fault('forbidden', 403, message), 403);
    }
    const made = makeImage(region, server, {
      name: request.name,
      metadata: action === 'createBackup' ? { ...metadata, backup_type: String(type) } : metadata,
      tokenExpiresAt: tokens.expiryOf(c.req.header('x-auth-token'))!,
      by: action,
      ...(action === 'createBackup'
        ? { whenActive: () => rotateBackups(server, String(type), Number(rotation)) }
        : {}),
    });
    if (novaMinor(c) >= 45) return c.json(Number(rotation) === 0 ? {} : { image_id: made.id }, 202);
    return c.body(null, 202, {
      ...(Number(rotation) === 0 ? {} : { location: `${imageUrl()}/images/${made.id}` }),
      'content-type': 'application/json',
    });
  }

  /**
   * Rackspace refuses images of volume-backed servers. Other clouds create them as long as Cinder's
   * quota allows.
   */
  function refuseVolumes(c: Context<Env>, server: CloudServer): Response | undefined {
    if (!isVolumeBacked(server)) return undefined;
    if (isRackspace(c)) {
      const message = 'Image creation is not supported for servers that boot from a volume.';
      return c.json(fault('badRequest', 400, message), 400);
    }
    const wanted = region.volumeSnapshots.length + server.volumeIds.length;
    return wanted > region.maxVolumeSnapshots
      ? c.json(fault('forbidden', 403, 'Quota exceeded for resources: snapshots'), 403)
      : undefined;
  }

  function refuseBackup(c: Context<Env>, server: CloudServer): Response | undefined {
    const message = 'Backup is not supported for volume-backed instances.';
    return isVolumeBacked(server) ? c.json(fault('badRequest', 400, message), 400) : undefined;
  }

  /**
   * Nova's own rotation deletes the oldest backups of a type, including images that look like
   * backups by their properties alone. Protected images stay.
   */
  function rotateBackups({ id }: CloudServer, type: string, rotation: number): void {
    const backups = region.images.filter(
      ({ properties: p }) => p.instance_uuid === id && p.image_type === 'backup' && p.backup_type === type,
    );
    for (const old of backups.slice(rotation)) if (!old.protected) region.removeImage(old.id);
  }

  function rebuild(c: Context<Env>, server: CloudServer, { imageRef, metadata }: Rebuild) {
    const refused =
      refuseLock(c, server) ?? refuseState(c, server, 'rebuild', ['active', 'stopped', 'error']);
    if (refused) return refused;
    const wrong = region.image(imageRef ?? '')
      ? refuseImageFor(server.flavor, imageRef, region)
      : 'Cannot find image for rebuild';
    if (wrong) return c.json(fault('badRequest', 400, wrong), 400);
    if (isVolumeBacked(server)) {
      const root = server.rootVolume && region.volume(server.rootVolume);
      if (!root || root.imageMetadata.image_id !== imageRef) {
        const reason = 'Unable to rebuild with a different image for a volume-backed server.';
        const message = `Image ${imageRef} is unacceptable: ${reason}`;
        return c.json(fault('badRequest', 400, message), 400);
      }
    } else server.image = imageRef!;
    if (metadata) server.metadata = metadata;
    region.build(server, 'REBUILD');
    const adminPass = randomUUID().slice(0, 12);
    return c.json({ server: { ...serverJson(c, server, region), adminPass } }, 202);
  }

  /**
   * Shelving stores the server's disk as an image. The image looks like a snapshot, but unshelving
   * needs it.
   */
  function shelve(c: Context<Env>, server: CloudServer) {
    const refused = refuseLock(c, server) ?? refuseState(c, server, 'shelve', SNAPSHOTS_IN);
    if (refused) return refused;
    const shelved = () => {
      server.vmState = 'shelved_offloaded';
    };
    if (isVolumeBacked(server)) shelved();
    else {
      server.inherits = { ...server.inherits, base_image_ref: server.image };
      makeImage(region, server, {
        name: `${server.name}-shelved`,
        tokenExpiresAt: tokens.expiryOf(c.req.header('x-auth-token'))!,
        by: 'shelve',
        whenActive: shelved,
      });
    }
    return c.body(null, 202);
  }

  function unshelve(c: Context<Env>, server: CloudServer) {
    const refused = refuseLock(c, server) ?? refuseState(c, server, 'unshelve', ['shelved_offloaded']);
    if (refused) return refused;
    const disk = region.images.find(
      ({ name, properties }) => name === `${server.name}-shelved` && properties.instance_uuid === server.id,
    );
    if (disk) region.removeImage(disk.id);
    server.vmState = isVolumeBacked(server) || disk ? 'active' : 'error';
    return c.body(null, 202);
  }

  function move(c: Context<Env>, server: CloudServer, name: string) {
    const { from, to, evenLocked = false } = MOVES[name]!;
    const locked = evenLocked ? undefined : refuseLock(c, server);
    const refused = locked ?? refuseState(c, server, name.replace('os-', ''), from);
    if (refused) return refused;
    server.vmState = to;
    return c.body(null, 202);
  }

  function refuseState(c: Context<Env>, server: CloudServer, action: string, vmStates: string[]) {
    const taskState = region.taskState(server);
    const state =
      taskState !== null
        ? `task_state ${taskState}`
        : vmStates.includes(server.vmState)
          ? undefined
          : `vm_state ${server.vmState}`;
    // Nova 26 does not name the state of a server that it does not restore.
    const message =
      action === 'restore'
        ? `Instance ${server.id} is in an invalid state for 'restore'`
        : `Cannot '${action}' instance ${server.id} while it is in ${state}`;
    return state && c.json(fault('conflictingRequest', 409, message), 409);
  }
}

/** The metadata of the request; Rackspace converts their keys to lower case. */
function requestedMetadata({ metadata = {} }: ImageRequest, rackspace: boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [rackspace ? key.toLowerCase() : key, value]),
  );
}
