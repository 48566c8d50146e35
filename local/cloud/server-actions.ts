import { randomUUID } from 'node:crypto';
import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import type { Tokens } from './identity.ts';
import { isVolumeBacked, makeImage } from './make-image.ts';
import { fault, isRackspace, serverJson } from './server-json.ts';
import { refuseImageFor, refuseLock } from './server-refusals.ts';
import type { CloudServer, Region } from './state.ts';

/** How many metadata an image takes, and a server. */
export const MOST_METADATA = 40;

/** The vm_states in which a snapshot can be taken. */
const SNAPSHOTS_IN = ['active', 'stopped', 'paused', 'suspended'];

interface Options {
  region: Region;
  tokens: Tokens;
  imageUrl: () => string;
}

interface ImageRequest {
  name?: unknown;
  metadata?: Record<string, unknown>;
  backup_type?: unknown;
  rotation?: unknown;
}

interface Rebuild {
  imageRef?: string;
  metadata?: Record<string, string>;
}

/** What changes the state of a server and does nothing else: from which vm_states, and to which. */
const MOVES: Record<string, { from: string[]; to: string }> = {
  pause: { from: ['active'], to: 'paused' },
  unpause: { from: ['paused'], to: 'active' },
  suspend: { from: ['active'], to: 'suspended' },
  resume: { from: ['suspended'], to: 'active' },
  'os-stop': { from: ['active', 'error'], to: 'stopped' },
  'os-start': { from: ['stopped'], to: 'active' },
};

/** `POST /servers/{id}/action`: each action answers as nova/compute/api.py has it, its lock before its state. */
export function addActionRoutes(routes: Hono<Env>, { region, tokens, imageUrl }: Options): void {
  routes.post('/servers/:id/action', async (c) => {
    const server = region.servers.find(({ id }) => id === c.req.param('id'));
    if (!server) {
      return c.json(fault('itemNotFound', 404, `Instance ${c.req.param('id')} could not be found.`), 404);
    }
    if (region.account.role !== 'admin') {
      return c.json(fault('forbidden', 403, "Policy doesn't allow compute:snapshot to be performed."), 403);
    }
    const [[name = '', body] = []] = Object.entries(await c.req.json<Record<string, unknown>>());
    if (name === 'createImage') return image(c, server, name, (body ?? {}) as ImageRequest);
    if (name === 'createBackup') return image(c, server, name, (body ?? {}) as ImageRequest);
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
    const wrong = refuseImage(action, request);
    if (wrong) return c.json(fault('badRequest', 400, wrong), 400);
    if (Object.keys(request.metadata ?? {}).length > MOST_METADATA) {
      return c.json(fault('forbidden', 403, 'Image metadata limit exceeded'), 403);
    }
    // A lock prevents no image.
    const conflict = refuseState(c, server, action, SNAPSHOTS_IN);
    if (conflict) return conflict;
    const refused = action === 'createImage' ? refuseVolumes(c, server) : refuseBackup(c, server);
    if (refused) return refused;
    const { backup_type: type, rotation } = request;
    const metadata = given(request, isRackspace(c));
    const made = makeImage(region, server, {
      name: String(request.name),
      metadata: action === 'createBackup' ? { ...metadata, backup_type: String(type) } : metadata,
      tokenExpiresAt: tokens.expiryOf(c.req.header('x-auth-token'))!,
      by: action,
      ...(action === 'createBackup'
        ? { whenActive: () => rotateBackups(server, String(type), Number(rotation)) }
        : {}),
    });
    return c.body(null, 202, {
      ...(rotation === 0 ? {} : { location: `${imageUrl()}/images/${made.id}` }),
      'content-type': 'application/json',
    });
  }

  /** Of a volume-backed server there are no images at Rackspace, and elsewhere as many as the quota of Cinder has room for. */
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

  /** Nova's own rotation: the oldest backups of the type, whatever made them look like backups. Protected ones stay. */
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
    return c.json({ server: { ...serverJson(server, region), adminPass } }, 202);
  }

  /** The disk of a shelved server is an image, which looks like a snapshot and is needed to start the server again. */
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
    const { from, to } = MOVES[name]!;
    const refused = refuseLock(c, server) ?? refuseState(c, server, name.replace('os-', ''), from);
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
    const message = `Cannot '${action}' instance ${server.id} while it is in ${state}`;
    return state && c.json(fault('conflictingRequest', 409, message), 409);
  }
}

/** Rackspace writes the keys in small letters. */
function given({ metadata = {} }: ImageRequest, rackspace: boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [rackspace ? key.toLowerCase() : key, String(value)]),
  );
}

function refuseImage(action: string, request: ImageRequest): string | undefined {
  const { name, metadata = {}, backup_type: type, rotation } = request;
  if (typeof name !== 'string') return `${action} entity requires name attribute`;
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
  if (action === 'createImage') return undefined;
  const missing = [
    ['backup_type', type],
    ['rotation', rotation],
  ].find(([, value]) => value === undefined);
  if (missing)
    return `Invalid input for field/attribute createBackup. '${missing[0]}' is a required property`;
  return Number(rotation) < 0
    ? `Invalid input for field/attribute rotation. Value: ${rotation}. ${rotation} is less than the minimum of 0`
    : undefined;
}
