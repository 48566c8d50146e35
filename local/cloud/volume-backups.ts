import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import { bodyOf } from './json-body.ts';
import { minorOf } from './microversions.ts';
import type { CloudVolumeBackup, CloudVolumeSnapshot } from './model.ts';
import { fault } from './nova-fault.ts';
import type { Region } from './state.ts';
import { cinderTime, pageOf } from './volume-lists.ts';
import { CINDER_V1, volumeStatus } from './volume-status.ts';
import { byCreationDescending } from './volume-store.ts';

interface WantedBackup {
  volume_id?: string;
  snapshot_id?: string | null;
  name?: string | null;
  description?: string | null;
  incremental?: boolean;
  force?: boolean;
  metadata?: Record<string, string>;
}

/** From microversion 3.43 on, backups have metadata, and from 3.9 on they can be changed. */
const WITH_METADATA = 43;
const WITH_UPDATE = 9;
const FIELDS = ['volume_id', 'snapshot_id', 'name', 'description', 'container', 'incremental', 'force'];

/** The routes for Cinder's volume backups, which Rackspace's Cloud Block Storage does not have. */
export function addBackupRoutes(app: Hono<Env>, region: Region, pageSize: () => number): void {
  app.use('/backups/*', async (c, next) => {
    if (c.req.header(CINDER_V1) === undefined) return next();
    return c.json(fault('itemNotFound', 404, 'The resource could not be found.'), 404);
  });
  const backupOf = (c: Context<Env>) => region.volumeBackups.find(({ id }) => id === c.req.param('id'));
  const missing = (c: Context<Env>) =>
    c.json(fault('itemNotFound', 404, `Backup ${c.req.param('id')} could not be found.`), 404);
  const refuse = (c: Context<Env>, message: string) => c.json(fault('badRequest', 400, message), 400);
  const hasMetadata = (c: Context<Env>) => minorOf(c, 'volume') >= WITH_METADATA;

  app.get('/backups/detail', (c) => {
    const answer = pageOf(c, {
      items: region.volumeBackups.filter(({ id }) => !region.unlisted.has(id)).sort(byCreationDescending),
      kind: 'Backup',
      fields: ({ name, status, volumeId }) => ({ name: name ?? '', status, volume_id: volumeId }),
      pageSize: pageSize(),
    });
    if ('refused' in answer) {
      const { key, status, message } = answer.refused;
      return c.json(fault(key, status, message), status);
    }
    return c.json({
      backups: answer.page.map((backup) => backupJson(backup, region, hasMetadata(c))),
      ...(answer.links ? { backups_links: answer.links } : {}),
    });
  });

  app.get('/backups/:id', (c) => {
    const backup = backupOf(c);
    return backup ? c.json({ backup: backupJson(backup, region, hasMetadata(c)) }) : missing(c);
  });

  app.post('/backups', async (c) => {
    const wanted = await bodyOf<WantedBackup>(c, 'backup');
    const { volume_id: volumeId, snapshot_id: snapshotId, name = null, description = null } = wanted;
    const known = [...FIELDS, ...(hasMetadata(c) ? ['metadata'] : [])];
    const unknown = Object.keys(wanted).find((key) => !known.includes(key));
    if (!volumeId || unknown) {
      const problem = unknown
        ? `Additional properties are not allowed ('${unknown}' was unexpected)`
        : "'volume_id' is a required property";
      return refuse(c, `Invalid input for field/attribute backup. ${problem}`);
    }
    const texts = [name ?? '', description ?? '', ...Object.values(wanted.metadata ?? {})];
    const long = texts.find(isTooLong);
    if (long) return refuse(c, `Invalid input for field/attribute backup. '${long}' is too long`);
    const volume = region.volume(volumeId);
    if (!volume) return c.json(fault('itemNotFound', 404, `Volume ${volumeId} could not be found.`), 404);
    const snapshot = region.volumeSnapshots.find(({ id }) => id === snapshotId);
    if (snapshotId && !snapshot) {
      return c.json(fault('itemNotFound', 404, `Snapshot ${snapshotId} could not be found.`), 404);
    }
    const problem = refuseSource(volumeId, volumeStatus(volume, region), snapshot, wanted.force);
    if (problem) return refuse(c, problem);
    const overQuota = backupQuota(region, volume.size);
    if (overQuota) {
      const limit = { code: 413, message: overQuota, retryAfter: '0' };
      return c.json({ overLimit: limit }, 413, { 'retry-after': '0' });
    }
    const dataAt = snapshot?.createdAt ?? region.now();
    const parent = wanted.incremental ? parentOf(region, volumeId, dataAt) : undefined;
    if (wanted.incremental && !parent) {
      return refuse(c, 'Invalid backup: No backups available to do an incremental backup.');
    }
    const backup = region.addVolumeBackup({
      ...{ volumeId, name, description, dataAt, size: volume.size },
      snapshotId: snapshot?.id ?? null,
      metadata: wanted.metadata ?? {},
      parentId: parent?.id ?? null,
      status: 'creating',
      outcome: region.backupOutcome,
      // Without the service the request is accepted, and nothing carries it out.
      ...(region.hasBackupService ? { availableAt: region.volumeReadyAt } : {}),
    });
    if (snapshot) snapshot.status = 'backing-up';
    return c.json({ backup: { id: backup.id, name, links: [] } }, 202);
  });

  app.put('/backups/:id', async (c) => {
    // Cinder has no such route for an older microversion.
    if (minorOf(c, 'volume') < WITH_UPDATE) {
      return c.json(fault('itemNotFound', 404, 'The resource could not be found.'), 404);
    }
    const wanted = await bodyOf<Pick<WantedBackup, 'name' | 'description' | 'metadata'>>(c, 'backup');
    const known = ['name', 'description', ...(hasMetadata(c) ? ['metadata'] : [])];
    const unknown = Object.keys(wanted).find((key) => !known.includes(key));
    if (unknown) {
      const problem = `Additional properties are not allowed ('${unknown}' was unexpected)`;
      return refuse(c, `Invalid input for field/attribute backup. ${problem}`);
    }
    const { name, description, metadata = {} } = wanted;
    const long = [name ?? '', description ?? '', ...Object.values(metadata)].find(isTooLong);
    if (long) return refuse(c, `Invalid input for field/attribute backup. '${long}' is too long`);
    const backup = backupOf(c);
    if (!backup) return missing(c);
    // The metadata are replaced as a whole.
    Object.assign(backup, wanted);
    return c.json({ backup: { id: backup.id, name: backup.name, links: [] } });
  });

  app.delete('/backups/:id', (c) => {
    const backup = backupOf(c);
    if (!backup) return missing(c);
    if (!['available', 'error'].includes(backup.status)) {
      return refuse(c, 'Invalid backup: Backup status must be available or error');
    }
    if (hasDependents(backup, region)) {
      return refuse(c, 'Invalid backup: Incremental backups exist for this backup.');
    }
    if (backup.deletesSlowly) backup.status = 'deleting';
    else region.volumeBackups.splice(region.volumeBackups.indexOf(backup), 1);
    return c.body(null, 202);
  });
}

function isTooLong({ length }: string): boolean {
  return length > 255;
}

/** Why Cinder refuses to back up a volume or its snapshot; undefined if it does not. */
function refuseSource(
  volumeId: string,
  status: string,
  snapshot: CloudVolumeSnapshot | undefined,
  force: boolean | undefined,
): string | undefined {
  if (snapshot && snapshot.volumeId !== volumeId) {
    return 'Invalid snapshot: The snapshot is not of the volume to be backed up.';
  }
  if (!['available', 'in-use'].includes(status)) {
    return `Invalid volume: Volume to be backed up must be available or in-use, but the current status is "${status}".`;
  }
  if (status === 'in-use' && !snapshot && !force) {
    return 'Invalid volume: Backing up an in-use volume must use the force flag.';
  }
  return snapshot && snapshot.status !== 'available'
    ? `Invalid snapshot: Snapshot to be backed up must be available, but the current status is "${snapshot.status}".`
    : undefined;
}

/** Why a quota refuses another backup; undefined if it does not. */
function backupQuota(region: Region, size: number): string | undefined {
  const { volumeBackups: all, maxVolumeBackups: most, maxVolumeBackupGigabytes: limit } = region;
  if (all.length >= most) {
    return `BackupLimitExceeded: Maximum number of backups allowed (${most}) exceeded`;
  }
  const used = all.reduce((sum, one) => sum + one.size, 0);
  return used + size > limit
    ? `VolumeBackupSizeExceedsAvailableQuota: Requested backup exceeds allowed Backup gigabytes quota. Requested ${size}G, quota is ${limit}G and ${used}G has been consumed.`
    : undefined;
}

/** The backup that an incremental one with data of this time would depend on. */
function parentOf(region: Region, volumeId: string, dataAt: Date): CloudVolumeBackup | undefined {
  return region.volumeBackups
    .filter((one) => one.volumeId === volumeId && one.status === 'available' && one.dataAt < dataAt)
    .sort((a, b) => b.dataAt.getTime() - a.dataAt.getTime())[0];
}

function hasDependents({ id }: CloudVolumeBackup, region: Region): boolean {
  return region.volumeBackups.some(({ parentId }) => parentId === id);
}

function backupJson(backup: CloudVolumeBackup, region: Region, withMetadata: boolean) {
  const created_at = cinderTime(backup.createdAt);
  return {
    id: backup.id,
    name: backup.name,
    description: backup.description,
    status: backup.status,
    volume_id: backup.volumeId,
    snapshot_id: backup.snapshotId,
    size: backup.size,
    object_count: backup.status === 'available' ? 1 : 0,
    availability_zone: 'nova',
    container: 'volumebackups',
    created_at,
    updated_at: created_at,
    data_timestamp: cinderTime(backup.dataAt),
    fail_reason: backup.status === 'error' ? 'The backup store refused the data.' : null,
    is_incremental: backup.parentId !== null,
    has_dependent_backups: hasDependents(backup, region),
    ...(withMetadata ? { metadata: backup.metadata } : {}),
    links: [],
  };
}
