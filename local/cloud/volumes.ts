import type { Context } from 'hono';
import { Hono } from 'hono/quick';
import type { Tokens } from './account.ts';
import { cbsApp } from './cbs.ts';
import type { Env } from './faults.ts';
import { imageMetadataOf } from './inheritance.ts';
import { BadBody, bodyOf } from './json-body.ts';
import { microversions } from './microversions.ts';
import { fault } from './nova-fault.ts';
import type { CloudVolume, Region } from './state.ts';
import { addVolumeVersions } from './versions.ts';
import { addBackupRoutes } from './volume-backups.ts';
import { cinderTime, pageOf } from './volume-lists.ts';
import { refuseBackup, refuseVolume, volumeQuota, type WantedVolume } from './volume-refusals.ts';
import { addSnapshotRoutes } from './volume-snapshots.ts';
import { CINDER_V1, volumeStatus } from './volume-status.ts';

interface VolumeOptions {
  region: Region;
  tokens: Tokens;
  pageSize: () => number;
}

/** The statuses in which Cinder deletes a volume. */
const DELETABLE = /^(available|error|error_restoring|error_extending|error_managing)$/;
const UNDELETABLE =
  'Invalid volume: Volume status must be available or error or error_restoring or error_extending or error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a transfer, or be disassociated from snapshots after volume transfer.';

/**
 * Cinder v3 and, as a view of it, Rackspace's Cloud Block Storage: volumes, volume snapshots,
 * quotas, and volume backups.
 */
export function volumeApp({ region, tokens, pageSize }: VolumeOptions): Hono<Env> {
  const root = new Hono<Env>();
  root.onError((error, c) => {
    if (error instanceof BadBody) return c.json(fault('badRequest', 400, 'Malformed request body'), 400);
    throw error;
  });
  addVolumeVersions(root);
  const app = root.basePath('/:version{v[23]}/:project');
  const { account } = region;

  app.use(async (c, next) => {
    if (!tokens.expiryOf(c.req.header('x-auth-token'))) {
      const message = 'The request you have made requires authentication.';
      return c.json({ error: { code: 401, title: 'Unauthorized', message } }, 401);
    }
    if (c.req.param('project') !== account.projectId) {
      return c.json(fault('badRequest', 400, 'Malformed request url'), 400);
    }
    const isForAdmins = c.req.method === 'DELETE' || account.role === 'observer';
    if (c.req.method !== 'GET' && isForAdmins && account.role !== 'admin') {
      return c.json(fault('forbidden', 403, "Policy doesn't allow this to be performed."), 403);
    }
    return next();
  });
  app.use(microversions('volume'));

  app.get('/limits', (c) => {
    const { volumes, volumeSnapshots, volumeBackups } = region;
    const sizes = [...volumes, ...volumeSnapshots].map(({ size }) => size ?? 1);
    const absolute = {
      maxTotalSnapshots: region.maxVolumeSnapshots,
      totalSnapshotsUsed: volumeSnapshots.length,
      maxTotalVolumes: region.maxVolumes,
      totalVolumesUsed: volumes.length,
      maxTotalVolumeGigabytes: region.maxVolumeGigabytes,
      totalGigabytesUsed: sizes.reduce((sum, size) => sum + size, 0),
      maxTotalBackups: region.maxVolumeBackups,
      totalBackupsUsed: volumeBackups.length,
      maxTotalBackupGigabytes: region.maxVolumeBackupGigabytes,
      totalBackupGigabytesUsed: volumeBackups.reduce((sum, { size }) => sum + size, 0),
    };
    return c.json({ limits: { rate: [], absolute } });
  });

  const list = (detail: boolean) => (c: Context<Env>) => {
    const answer = pageOf(c, {
      items: region.volumes.filter(({ id }) => !region.unlisted.has(id)),
      kind: 'Volume',
      fields: (volume) => ({ name: volume.name, status: volumeStatus(volume, region) }),
      pageSize: pageSize(),
    });
    if ('refused' in answer) {
      const { key, status, message } = answer.refused;
      return c.json(fault(key, status, message), status);
    }
    return c.json({
      volumes: answer.page.map((volume) =>
        detail ? volumeJson(volume, region) : { id: volume.id, name: volume.name, links: [] },
      ),
      ...(answer.links ? { volumes_links: answer.links } : {}),
    });
  };
  app.get('/volumes', list(false));
  app.get('/volumes/detail', list(true));

  const missing = (c: Context<Env>) =>
    c.json(fault('itemNotFound', 404, `Volume ${c.req.param('id')} could not be found.`), 404);

  app.get('/volumes/:id', (c) => {
    const volume = region.volume(c.req.param('id'));
    return volume ? c.json({ volume: volumeJson(volume, region) }) : missing(c);
  });

  app.post('/volumes', async (c) => {
    const wanted = await bodyOf<WantedVolume>(c, 'volume');
    const image = wanted.imageRef ? region.image(wanted.imageRef) : undefined;
    const snapshot = region.volumeSnapshots.find(({ id }) => id === wanted.snapshot_id);
    if (wanted.imageRef && !image) {
      return c.json(
        fault('badRequest', 400, `Invalid image identifier or unable to access requested image.`),
        400,
      );
    }
    if (wanted.snapshot_id && !snapshot) {
      const message = `Snapshot ${wanted.snapshot_id} could not be found.`;
      return c.json(fault('itemNotFound', 404, message), 404);
    }
    const backup = region.volumeBackups.find(({ id }) => id === wanted.backup_id);
    const refusedBackup = refuseBackup(wanted, backup);
    if (refusedBackup) {
      const { key, status, message } = refusedBackup;
      return c.json(fault(key, status, message), status);
    }
    const isV1 = c.req.header(CINDER_V1) !== undefined;
    const refused = refuseVolume(wanted, snapshot ?? backup, isV1);
    if (refused) return c.json(fault('badRequest', 400, refused), 400);
    const size = wanted.size ?? snapshot?.size ?? backup?.size ?? 1;
    const overQuota = volumeQuota(region, size);
    if (overQuota) {
      const limit = { code: 413, message: overQuota, retryAfter: '0' };
      return c.json({ overLimit: limit }, 413, { 'retry-after': '0' });
    }
    const volume = region.addVolume({
      name: wanted.name ?? '',
      description: wanted.description ?? null,
      // Rackspace does not look at the volume of the snapshot.
      type: wanted.volume_type || (isV1 ? 'SATA' : (snapshot?.volumeType ?? '__DEFAULT__')),
      multiattach: snapshot?.multiattach ?? false,
      size,
      metadata: wanted.metadata ?? {},
      snapshotId: snapshot?.id ?? null,
      imageMetadata: image ? imageMetadataOf(image) : { ...snapshot?.imageMetadata },
      availableAt: region.volumeReadyAt,
    });
    if (backup) Object.assign(backup, { status: 'restoring', availableAt: region.volumeReadyAt });
    return c.json({ volume: volumeJson(volume, region) }, 202);
  });

  app.put('/volumes/:id', async (c) => {
    const volume = region.volume(c.req.param('id'));
    if (!volume) return missing(c);
    const { name, description } = await bodyOf<{ name?: string; description?: string }>(c, 'volume');
    if (name !== undefined) volume.name = name;
    if (description !== undefined) volume.description = description;
    return c.json({ volume: volumeJson(volume, region) });
  });

  app.post('/volumes/:id/action', async (c) => {
    const volume = region.volume(c.req.param('id'));
    if (!volume) return missing(c);
    const action = await bodyOf<{ 'os-set_image_metadata'?: { metadata: Record<string, string> } }>(c);
    // In this cloud every volume counts as bootable, so the action changes nothing.
    if ('os-set_bootable' in action) return c.body(null, 200);
    const metadata = action['os-set_image_metadata']?.metadata;
    if (!metadata) return c.json(fault('badRequest', 400, 'There is no such action'), 400);
    Object.assign(volume.imageMetadata, metadata);
    return c.json({ metadata: volume.imageMetadata });
  });

  app.delete('/volumes/:id', (c) => {
    const volume = region.volume(c.req.param('id'));
    if (!volume) return missing(c);
    const isDeletable = DELETABLE.test(volumeStatus(volume, region)) && region.isVolumeDeletable(volume.id);
    if (!isDeletable) return c.json(fault('badRequest', 400, UNDELETABLE), 400);
    if (volume.deletesSlowly) volume.status = 'deleting';
    else region.removeVolume(volume.id);
    return c.body(null, 202);
  });

  addSnapshotRoutes(app, region, pageSize);
  addBackupRoutes(app, region, pageSize);
  root.route('/', cbsApp(root));
  return root;
}

function volumeJson(volume: CloudVolume, region: Region) {
  const { id, name, size, metadata, imageMetadata, createdAt, snapshotId } = volume;
  const created_at = cinderTime(createdAt);
  const servers = region.servers.filter(({ volumeIds }) => volumeIds.includes(id));
  const isFromImage = Object.keys(imageMetadata).length > 0;
  return {
    id,
    name,
    size,
    status: volumeStatus(volume, region),
    availability_zone: 'nova',
    created_at,
    updated_at: created_at,
    description: volume.description ?? null,
    volume_type: volume.type,
    snapshot_id: snapshotId,
    source_volid: null,
    metadata,
    bootable: String(isFromImage || servers.some(({ rootVolume }) => rootVolume === id)),
    encrypted: false,
    multiattach: volume.multiattach ?? false,
    attachments: servers.map((server) => ({
      id,
      volume_id: id,
      server_id: server.id,
      device: region.deviceOf(server, id),
      attached_at: created_at,
    })),
    ...(isFromImage ? { volume_image_metadata: imageMetadata } : {}),
  };
}
