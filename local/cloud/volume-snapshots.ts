import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import { bodyOf } from './json-body.ts';
import { minorOf } from './microversions.ts';
import { fault } from './nova-fault.ts';
import type { CloudVolumeSnapshot, Region } from './state.ts';
import { cinderTime, pageOf } from './volume-lists.ts';
import { CINDER_V1, volumeStatus } from './volume-status.ts';
import { byCreationDescending } from './volume-store.ts';

/** The body of a request for a new snapshot. Clients send null for what they do not ask for. */
interface WantedSnapshot {
  volume_id?: string;
  name?: string | null;
  description?: string | null;
  force?: boolean;
  metadata?: Record<string, string> | null;
}

/** From microversion 3.66 on, a snapshot of a volume in use does not need `force`. */
const WITHOUT_FORCE = 66;

/** Whether another snapshot of a volume is being created or deleted. */
function hasOperation(region: Region, volumeId: string, except?: CloudVolumeSnapshot): boolean {
  return region.volumeSnapshots.some(
    (one) => one !== except && one.volumeId === volumeId && ['creating', 'deleting'].includes(one.status),
  );
}

function inProgress(volumeId: string) {
  const message = `Existing snapshot operation on volume ${volumeId} in progress, please retry.`;
  return fault('conflictingRequest', 409, message);
}

function isTooLong(text: string): boolean {
  return text.length > 255;
}

function tooLong(text: string) {
  return fault('badRequest', 400, `Invalid input for field/attribute snapshot. '${text}' is too long`);
}

/** The routes for Cinder's volume snapshots. */
export function addSnapshotRoutes(app: Hono<Env>, region: Region, pageSize: () => number): void {
  const snapshotOf = (c: Context<Env>) => region.volumeSnapshots.find(({ id }) => id === c.req.param('id'));
  const missing = (c: Context<Env>) =>
    c.json(fault('itemNotFound', 404, `Snapshot ${c.req.param('id')} could not be found.`), 404);

  const list = (detail: boolean) => (c: Context<Env>) => {
    const answer = pageOf(c, {
      items: region.volumeSnapshots.filter(({ id }) => !region.unlisted.has(id)).sort(byCreationDescending),
      kind: 'Snapshot',
      fields: ({ name, status, volumeId }) => ({ name, status, volume_id: volumeId }),
      pageSize: pageSize(),
    });
    if ('refused' in answer) {
      const { key, status, message } = answer.refused;
      return c.json(fault(key, status, message), status);
    }
    return c.json({
      snapshots: answer.page.map((snapshot) =>
        detail ? detailJson(snapshot, region) : snapshotJson(snapshot),
      ),
      ...(answer.links ? { snapshots_links: answer.links } : {}),
    });
  };
  app.get('/snapshots', list(false));
  app.get('/snapshots/detail', list(true));

  app.get('/snapshots/:id', (c) => {
    const snapshot = snapshotOf(c);
    return snapshot ? c.json({ snapshot: detailJson(snapshot, region) }) : missing(c);
  });

  app.post('/snapshots', async (c) => {
    const wanted = await bodyOf<WantedSnapshot>(c, 'snapshot');
    const { volume_id: volumeId, description = null } = wanted;
    const [name, metadata] = [wanted.name ?? '', wanted.metadata ?? {}];
    if (!volumeId) {
      const message = "Invalid input for field/attribute snapshot. 'volume_id' is a required property";
      return c.json(fault('badRequest', 400, message), 400);
    }
    const long = [description ?? '', ...Object.values(metadata)].find(isTooLong);
    if (long) return c.json(tooLong(long), 400);
    if (!region.volume(volumeId)) {
      return c.json(fault('itemNotFound', 404, `Volume ${volumeId} could not be found.`), 404);
    }
    const isV1 = c.req.header(CINDER_V1) !== undefined;
    const status = volumeStatus(region.volume(volumeId)!, region);
    const isForced = wanted.force || minorOf(c, 'volume') >= WITHOUT_FORCE;
    const usable = isForced ? ['available', 'in-use'] : ['available'];
    // Cinder v1 takes a volume in any other status by force.
    const refused =
      isV1 && isForced ? ['maintenance', 'migrating'].includes(status) : !usable.includes(status);
    if (refused) {
      const message = `Invalid volume: Volume ${volumeId} status must be ${usable.join(', ')}, but current status is: ${status}.`;
      return c.json(fault('badRequest', 400, message), 400);
    }
    const isBusy = isV1 && hasOperation(region, volumeId);
    if (isBusy && !wanted.force) return c.json(inProgress(volumeId), 409);
    if (region.volumeSnapshots.length >= region.maxVolumeSnapshots) {
      const message = `SnapshotLimitExceeded: Maximum number of snapshots allowed (${region.maxVolumeSnapshots}) exceeded`;
      return c.json({ overLimit: { code: 413, message, retryAfter: '0' } }, 413, { 'retry-after': '0' });
    }
    const snapshot = region.addVolumeSnapshot({
      ...{ volumeId, name, description, metadata: region.keepsVolumeMetadata ? metadata : {} },
      // By force the request is accepted, and the store then refuses it.
      ...(isBusy ? { status: 'error' } : { status: 'creating', availableAt: region.volumeReadyAt }),
    });
    return c.json({ snapshot: snapshotJson(snapshot) }, 202);
  });

  app.put('/snapshots/:id', async (c) => {
    const snapshot = snapshotOf(c);
    if (!snapshot) return missing(c);
    const { name, description } = await bodyOf<{ name?: string; description?: string }>(c, 'snapshot');
    const long = [name ?? '', description ?? ''].find(isTooLong);
    if (long) return c.json(tooLong(long), 400);
    if (name !== undefined) snapshot.name = name;
    if (description !== undefined) snapshot.description = description;
    snapshot.updatedAt = region.now();
    return c.json({ snapshot: snapshotJson(snapshot) });
  });

  app.get('/snapshots/:id/metadata', (c) => {
    const snapshot = snapshotOf(c);
    return snapshot ? c.json({ metadata: snapshot.metadata ?? {} }) : missing(c);
  });
  // POST adds to the metadata, PUT replaces them.
  app.on(['POST', 'PUT'], '/snapshots/:id/metadata', async (c) => {
    const snapshot = snapshotOf(c);
    if (!snapshot) return missing(c);
    const metadata = await bodyOf<Record<string, string>>(c, 'metadata');
    if (!region.keepsVolumeMetadata) return c.json({ metadata: snapshot.metadata ?? {} });
    snapshot.metadata = c.req.method === 'PUT' ? metadata : { ...snapshot.metadata, ...metadata };
    return c.json({ metadata: snapshot.metadata });
  });
  app.delete('/snapshots/:id/metadata/:key', (c) => {
    const snapshot = snapshotOf(c);
    const key = c.req.param('key');
    if (!snapshot) return missing(c);
    if (snapshot.metadata?.[key] === undefined) {
      const message = `Snapshot ${snapshot.id} has no metadata with key ${key}.`;
      return c.json(fault('itemNotFound', 404, message), 404);
    }
    delete snapshot.metadata[key];
    return c.body(null, 200);
  });

  app.delete('/snapshots/:id', (c) => {
    const snapshot = snapshotOf(c);
    if (!snapshot) return missing(c);
    if (c.req.header(CINDER_V1) !== undefined && hasOperation(region, snapshot.volumeId, snapshot)) {
      return c.json(inProgress(snapshot.volumeId), 409);
    }
    if (!['available', 'error'].includes(snapshot.status)) {
      const message =
        'Invalid snapshot: Snapshot status must be available or error and Snapshot must not be part of a group.';
      return c.json(fault('badRequest', 400, message), 400);
    }
    if (snapshot.deletesSlowly) snapshot.status = 'deleting';
    else region.volumeSnapshots.splice(region.volumeSnapshots.indexOf(snapshot), 1);
    return c.body(null, 202);
  });
}

function snapshotJson(snapshot: CloudVolumeSnapshot) {
  const { id, name, status, volumeId, size = 1, metadata = {}, description = null } = snapshot;
  const { createdAt = new Date(0), updatedAt } = snapshot;
  return {
    id,
    name,
    status,
    volume_id: volumeId,
    size,
    metadata,
    description,
    created_at: cinderTime(createdAt),
    updated_at: updatedAt ? cinderTime(updatedAt) : null,
  };
}

function detailJson(snapshot: CloudVolumeSnapshot, region: Region) {
  return {
    ...snapshotJson(snapshot),
    'os-extended-snapshot-attributes:project_id': region.account.projectId,
    'os-extended-snapshot-attributes:progress': snapshot.status === 'creating' ? '0%' : '100%',
  };
}
