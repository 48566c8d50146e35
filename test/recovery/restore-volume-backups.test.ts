import { beforeEach, expect, test } from 'vitest';
import { newVolumeSnapshot } from '../../lib/volumes/marker.ts';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudVolumeBackup, Region } from '../../local/cloud/state.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';

// One volume from a backup, once the volume and its snapshots are gone.

const VOLUME = '22222222-2222-4333-8444-555555555555';
const SERVER = '11111111-2222-4333-8444-555555555555';

let h: Harness;
let region: Region;

beforeEach(async () => {
  setTime('2026-11-23T06:00:00Z');
  h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0, volumeMs: 60_000 } });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  deploy([policy()]);
  region = h.cloud.region('DFW');
});

/** The marked name, description and metadata of a day's snapshot, or of its backup. */
function marked(day: number) {
  const slot = new Date(Date.UTC(2026, 10, day));
  const { volumeId, ...marker } = newVolumeSnapshot(
    { id: VOLUME, name: 'db-data', device: '/dev/vdb', type: 'SSD' },
    { owner: 'autosnap-test', policy: 'daily', server: SERVER, slot },
  );
  return { volumeId, ...marker, size: 10, createdAt: new Date(slot.getTime() + 20_000) };
}

function addBackup(day: number, changes: Partial<CloudVolumeBackup> = {}): CloudVolumeBackup {
  const { createdAt, ...marker } = marked(day);
  const at = { createdAt: new Date(createdAt.getTime() + 3_600_000), dataAt: createdAt };
  return region.addVolumeBackup({ ...marker, ...at, snapshotId: `gone-${day}`, ...changes });
}

test.each(['db-data', VOLUME])('the newest good backup is restored: %s', async (volume) => {
  addBackup(21);
  const newest = addBackup(22);
  addBackup(23, { status: 'error' });
  const first = await h.run('restore', { volume });
  expect(first).toMatchObject({ state: 'waiting', image: newest.id, server: SERVER, name: 'db-data' });
  expect(first.codes).toEqual(expect.arrayContaining(['RESTORE_VOLUME_BACKUP', 'RESTORE_PASSED_OVER']));
  expect(newest.status).toBe('restoring');
  setTime('2026-11-23T06:10:00Z');
  const last = await h.run('restore', first.next);
  expect(last).toMatchObject({ state: 'done', restored: region.volumes[0]!.id });
  expect(region.volumes).toMatchObject([{ name: 'db-data', size: 10, type: 'SSD' }]);
});

test('a backup is chosen by its id or by a day, and a dry run makes nothing', async () => {
  const older = addBackup(21);
  addBackup(22);
  for (const at of [older.id, '2026-11-21']) {
    const report = await h.run('restore', { volume: 'db-data', at, dryRun: true });
    expect(report).toMatchObject({ image: older.id, codes: ['RESTORE_VOLUME_BACKUP', 'RESTORE_VOLUME'] });
    expect(report.lines).toContain(`a new volume "db-data" (10 GB) from backup ${older.id}`);
  }
  expect(region.volumes).toEqual([]);
});

test('the newest slot is restored, from its volume snapshot, or without that from its backup', async () => {
  addBackup(20);
  addBackup(21);
  const snapshot = region.addVolumeSnapshot(marked(21));
  const dryRun = { volume: 'db-data', dryRun: true };
  expect(await h.run('restore', dryRun)).toMatchObject({ image: snapshot.id });
  const backup = addBackup(22);
  const newest = await h.run('restore', dryRun);
  expect(newest).toMatchObject({ image: backup.id, codes: ['RESTORE_VOLUME_BACKUP', 'RESTORE_VOLUME'] });
  expect(await h.run('restore', { ...dryRun, at: '2026-11-21' })).toMatchObject({ image: snapshot.id });
});

test('a volume snapshot that is named by its id needs no backups', async () => {
  const snapshot = region.addVolumeSnapshot(marked(21));
  await h.run('restore', { volume: 'db-data', at: snapshot.id });
  expect(h.cloud.received.filter(({ path }) => path.includes('backups'))).toEqual([]);
});

test('a backup of others, or one that can not be listed, is not restored', async () => {
  addBackup(22, { name: 'golden' });
  const { error } = await h.fail('restore', { volume: 'db-data' });
  expect(error.message).toContain('volume: there is no snapshot of a volume "db-data" in DFW');
  addBackup(21);
  h.cloud.faults.push({ service: 'volume', path: /backups/, times: 9, answer: answers.forbidden });
  await expect(h.run('restore', { volume: 'db-data' })).rejects.toThrow('there is no snapshot of a volume');
  expect(region.volumes).toEqual([]);
});
