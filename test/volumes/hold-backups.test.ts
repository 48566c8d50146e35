import { beforeEach, expect, test, vi } from 'vitest';
import { newVolumeSnapshot } from '../../lib/volumes/marker.ts';
import { answers, type Fault } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, CloudVolumeBackup, Region } from '../../local/cloud/state.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';

// A hold of a set includes the backups of its volumes, and a held backup is never rotated.

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;

const offsite = { schedule: 'rate(6 hours)', keep: { last: 1 }, volumes: 'backup' };

beforeEach(async () => {
  setTime('2026-11-23T06:00:00Z');
  h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0, volumeMs: 60_000 } });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  await reportBucket();
  vi.stubEnv('AUTOSNAP_COPIES_BUCKET', 'copies');
  deploy([policy({ offsite })]);
  region = h.cloud.region('DFW');
  data = region.addVolume({ name: 'db-data', size: 10 });
  db = region.addServer({ name: 'db', volumeIds: [data.id] });
});

function marked(day: number, volume = data) {
  const slot = new Date(Date.UTC(2026, 10, day));
  const { volumeId, ...marker } = newVolumeSnapshot(
    { id: volume.id, name: volume.name },
    { owner: 'autosnap-test', policy: 'daily', server: db.id, slot },
  );
  return { volumeId, ...marker, size: 10, createdAt: new Date(slot.getTime() + 20_000) };
}

function addBackup(day: number, volume = data, snapshotId = `gone-${day}`): CloudVolumeBackup {
  const { createdAt, ...marker } = marked(day, volume);
  const at = { createdAt: new Date(createdAt.getTime() + 3_600_000), dataAt: createdAt };
  return region.addVolumeBackup({ ...marker, ...at, snapshotId });
}

const rotate = () => h.run('offsite', { policy: 'daily' });
const left = () => region.volumeBackups.map(({ id }) => id);

/** The answer of a cloud before a microversion. */
const before = (version: RegExp): Fault => ({
  ...{ service: 'volume', path: /backups/, times: Infinity },
  answer: { status: 406, body: { computeFault: { code: 406, message: 'Version is not supported.' } } },
  when: (c) => version.test(c.req.header('openstack-api-version') ?? ''),
});

test('a hold by a part of the set holds its backups, and after the release they are rotated again', async () => {
  const part = region.addVolumeSnapshot(marked(21));
  const held = addBackup(21, data, part.id);
  const [other, newest] = [addBackup(22), addBackup(23)];
  const report = await h.run('hold', { hold: part.id });
  expect(report.entries[0]!.volumes).toMatchObject([
    { volume: data.id, snapshot: part.id, outcome: 'held' },
    { volume: data.id, backup: held.id, outcome: 'held', code: 'HELD' },
  ]);
  expect(held.metadata).toMatchObject({ autosnap_owner: 'autosnap-test', autosnap_hold: 'forever' });
  expect(other.metadata).not.toHaveProperty('autosnap_hold');
  await rotate();
  expect(left()).toEqual([held.id, newest.id]);
  await h.run('hold', { release: part.id });
  await rotate();
  expect(left()).toEqual([newest.id]);
});

test('a hold by the id of a backup holds its whole set, even if only backups are left', async () => {
  const logs = region.addVolume({ name: 'db-logs', size: 5 });
  db.volumeIds.push(logs.id);
  const both = [addBackup(21), addBackup(21, logs)];
  const newest = [addBackup(23), addBackup(23, logs)];
  const report = await h.run('hold', { hold: both[0]!.id, until: '2026-12-31' });
  expect(report.entries[0]).toMatchObject({ server: db.id, outcome: 'held' });
  expect(report.entries[0]!.volumes!.map((line) => line.backup).sort()).toEqual(
    both.map(({ id }) => id).sort(),
  );
  await rotate();
  expect(left().sort()).toEqual([...both, ...newest].map(({ id }) => id).sort());
  await h.run('hold', { release: both[1]!.id });
  await rotate();
  expect(left().sort()).toEqual(newest.map(({ id }) => id).sort());
});

test('a dry run names the backups, and changes nothing', async () => {
  const backup = addBackup(21);
  const report = await h.run('hold', { hold: backup.id, dryRun: true });
  expect(report.entries[0]!.volumes).toMatchObject([{ backup: backup.id, outcome: 'planned' }]);
  expect(backup.metadata).not.toHaveProperty('autosnap_hold');
});

test('in clouds before volume API 3.43 the description holds a backup', async () => {
  h.cloud.faults.push(before(/3\.43/));
  const [held, newest] = [addBackup(21), addBackup(23)];
  for (const backup of [held, newest]) backup.metadata = {};
  await h.run('hold', { hold: held.id });
  expect(held.description).toMatch(/ forever /);
  await rotate();
  expect(left()).toEqual([held.id, newest.id]);
  await h.run('hold', { release: held.id });
  await rotate();
  expect(left()).toEqual([newest.id]);
});

test('where no backup can be changed, the hold is refused by name and not said to be kept', async () => {
  h.cloud.faults.push(before(/3\./));
  const backup = addBackup(21);
  const { error } = await h.fail('hold', { hold: backup.id });
  expect(error.message).toContain(`the cloud did not keep the hold of volume backup ${backup.id}`);
});

test('a backup that is made of a held volume snapshot is held, too', async () => {
  region.addVolumeBackup({ volumeId: 'another', createdAt: new Date(0) });
  const part = region.addVolumeSnapshot(marked(23));
  await h.run('hold', { hold: part.id });
  await rotate();
  const made = region.volumeBackups.find(({ volumeId }) => volumeId === data.id)!;
  expect(made.metadata.autosnap_hold).toBe('forever');
});

test('a backup of others, or one that can not be read, is no reason to hold anything', async () => {
  const foreign = region.addVolumeBackup({ volumeId: data.id });
  const { error } = await h.fail('hold', { hold: foreign.id });
  expect(error.message).toContain(`this project has no image ${foreign.id}`);
  const own = addBackup(21);
  h.cloud.faults.push({ service: 'volume', path: /backups/, times: 99, answer: answers.forbidden });
  await h.fail('hold', { hold: own.id });
  expect(own.metadata).not.toHaveProperty('autosnap_hold');
});

const NOT_FOUND = { status: 404, body: { itemNotFound: { code: 404, message: 'Not found.' } } };

test('where the cloud has no backups, the volume snapshots are held as before', async () => {
  const part = region.addVolumeSnapshot(marked(21));
  h.cloud.faults.push({ service: 'volume', path: /backups/, times: 99, answer: NOT_FOUND });
  const report = await h.run('hold', { hold: part.id });
  expect(report.entries[0]!.volumes).toMatchObject([{ snapshot: part.id, outcome: 'held' }]);
});
