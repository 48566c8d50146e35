import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Bucket } from '../../lib/offsite/bucket.ts';
import { BucketError } from '../../lib/offsite/bucket-error.ts';
import { newVolumeSnapshot } from '../../lib/volumes/marker.ts';
import { leavingOut } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, CloudVolumeBackup, Region } from '../../local/cloud/state.ts';
import { type MemoryBucket, memoryBucket } from '../faults/memory-bucket.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot } from '../history.ts';

// The copies of a server are a set as its snapshots are: the copy of its image in S3, and the
// backups of its volumes. Rackspace has no backups of volumes.

let bucket: MemoryBucket;
vi.mock('../../lib/offsite/bucket.ts', () => ({ bucketNamed: (): Bucket => bucket }));
// No module of another file may keep the real one, nor this one.
beforeAll(() => void vi.resetModules());
afterAll(() => void vi.resetModules());

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;
let logs: CloudVolume;

const rules = (keep: object) =>
  policy({ offsite: { schedule: 'rate(6 hours)', keep, volumes: 'backup' }, keep: { last: 9 } });
const rotate = (keep: object = { last: 1 }) => {
  deploy([rules(keep)]);
  h.cold();
  return h.run('offsite', { policy: 'daily' });
};

beforeEach(async () => {
  setTime('2026-11-26T06:00:00Z');
  h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0, volumeMs: 1000 } });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  bucket = memoryBucket();
  vi.stubEnv('AUTOSNAP_COPIES_BUCKET', 'copies');
  region = h.cloud.region('DFW');
  data = region.addVolume({ name: 'db-data', size: 10 });
  logs = region.addVolume({ name: 'db-logs', size: 10 });
  db = region.addServer({ name: 'db', volumeIds: [data.id, logs.id] });
});

function addBackup(day: number, volume: CloudVolume): CloudVolumeBackup {
  const slot = new Date(Date.UTC(2026, 10, day));
  const { volumeId, ...marker } = newVolumeSnapshot(
    { id: volume.id, name: volume.name },
    { owner: 'autosnap-test', policy: 'daily', server: db.id, slot },
  );
  const dataAt = new Date(slot.getTime() + 20_000);
  const at = { createdAt: new Date(slot.getTime() + 3_600_000), dataAt };
  return region.addVolumeBackup({ volumeId, ...marker, ...at, size: 10, snapshotId: `gone-${day}` });
}

const backupOf = (day: number, volume: CloudVolume) =>
  region.volumeBackups.find(({ volumeId, dataAt }) => volumeId === volume.id && dataAt.getUTCDate() === day)!;
const backupDays = (volume: CloudVolume) =>
  region.volumeBackups
    .filter(({ volumeId }) => volumeId === volume.id)
    .map(({ dataAt }) => dataAt.getUTCDate())
    .sort();
const copyKeys = () => [...bucket.objects.keys()].filter((key) => /^copies\/.*\.json$/.test(key));
const copyDays = () =>
  copyKeys()
    .map((key) => Number(/2026-11-(\d+)T/.exec(key)![1]))
    .sort();

function addBackups(days: readonly number[]): void {
  for (const day of days) for (const volume of [data, logs]) addBackup(day, volume);
}

/** Adds an image and backups of each day, and copies the images. */
async function copyDaily(first: number, last: number): Promise<void> {
  deploy([rules({ last: 9 })]);
  for (let day = first; day <= last; day++) {
    setTime(`2026-11-${day}T06:00:00Z`);
    addSnapshot(h, db, 23 - day, { size: 1_000, diskFormat: 'qcow2', containerFormat: 'bare' });
    addBackups([day]);
    await h.run('offsite', { policy: 'daily' });
  }
}

test('the last whole set of backups stays while the backups of two volumes fail in turns', async () => {
  addBackups([23, 24, 25]);
  backupOf(24, data).status = 'error';
  backupOf(25, logs).status = 'error';
  deploy([rules({ last: 1 })]);
  await h.fail('offsite', { policy: 'daily' });
  expect(backupDays(data)).toEqual(expect.arrayContaining([23, 25]));
  expect(backupDays(logs)).toEqual(expect.arrayContaining([23, 24]));
});

test('whole sets of backups are rotated by the rules', async () => {
  addBackups([23, 24, 25]);
  await rotate();
  expect([backupDays(data), backupDays(logs)]).toEqual([[25], [25]]);
});

test('a backup that one listing lacks is a part of its set', async () => {
  addBackups([23, 24, 25]);
  backupOf(24, data).status = 'error';
  backupOf(25, data).status = 'error';
  h.cloud.faults.push({
    ...{ service: 'volume', path: /\/backups\/detail$/ },
    answer: leavingOut(backupOf(23, data).id),
  });
  deploy([rules({ last: 1 })]);
  await h.fail('offsite', { policy: 'daily' });
  expect(backupDays(logs)).toContain(23);
});

test('an incremental backup that its set keeps keeps the backup that it depends on', async () => {
  addBackups([22, 23, 24, 25]);
  backupOf(23, data).parentId = backupOf(22, data).id;
  backupOf(24, logs).status = 'error';
  backupOf(25, logs).status = 'error';
  deploy([rules({ last: 1 })]);
  await h.fail('offsite', { policy: 'daily' });
  expect(backupDays(data)).toEqual([22, 23, 25]);
  expect(backupDays(logs)).toContain(23);
});

test('no backup of a set is deleted if the set that replaces it is bad by then', async () => {
  addBackups([24, 25]);
  const replacing = backupOf(25, logs);
  h.cloud.faults.push({
    ...{ service: 'volume', method: 'GET', path: /\/backups\/(?!detail)/ },
    answer: () => Object.assign(replacing, { status: 'error' }),
  });
  deploy([rules({ last: 1 })]);
  await h.run('offsite', { policy: 'daily' }).catch(() => undefined);
  expect([backupDays(data), backupDays(logs)]).toEqual([
    [24, 25],
    [24, 25],
  ]);
});

test('copies of images and backups of volumes are rotated together', async () => {
  await copyDaily(23, 25);
  expect([copyDays(), backupDays(data)]).toEqual([
    [23, 24, 25],
    [23, 24, 25],
  ]);
  await rotate();
  expect([copyDays(), backupDays(data), backupDays(logs)]).toEqual([[25], [25], [25]]);
});

test.each<[string, () => void]>([
  [
    'the copy and a backup of the newest sets are missing in turns',
    () => {
      region.volumeBackups.splice(region.volumeBackups.indexOf(backupOf(25, data)), 1);
      for (const key of bucket.objects.keys()) if (key.includes('2026-11-24T')) bucket.objects.delete(key);
    },
  ],
  [
    'the backups of the newest sets are missing',
    () => {
      for (const day of [24, 25]) {
        region.volumeBackups.splice(region.volumeBackups.indexOf(backupOf(day, data)), 1);
      }
    },
  ],
])('the last whole set of a copy and backups stays when %s', async (_, happen) => {
  await copyDaily(23, 25);
  happen();
  deploy([rules({ last: 1 })]);
  await h.run('offsite', { policy: 'daily' }).catch(() => undefined);
  expect(copyDays()).toContain(23);
  expect(backupDays(data)).toContain(23);
  expect(backupDays(logs)).toContain(23);
});

test('no copy is deleted while the backups can not be listed, and no backup while the copies can not', async () => {
  await copyDaily(24, 25);
  deploy([rules({ last: 1 })]);
  h.cloud.faults.push({
    ...{ service: 'volume', path: /\/backups\/detail$/, times: 9 },
    answer: { status: 403, body: { forbidden: { code: 403, message: 'No.' } } },
  });
  await h.fail('offsite', { policy: 'daily' });
  h.cloud.faults.splice(0);
  bucket.list = async () => {
    throw new BucketError('FAILED', 'The bucket can not be listed.');
  };
  await h.fail('offsite', { policy: 'daily' });
  expect([copyDays(), backupDays(data)]).toEqual([
    [24, 25],
    [24, 25],
  ]);
});

test('a backup is made of a volume of two servers of which the policy selects only the second one', async () => {
  const shared = region.addVolume({ name: 'shared', size: 10, multiattach: true });
  db.volumeIds.push(shared.id);
  region.addServer({ name: 'second', volumeIds: [shared.id] });
  const event = { ...rules({ last: 1 }), servers: { names: ['second'] } };
  deploy([event]);
  setTime('2026-11-26T00:00:10Z');
  await h.run('snapshot', { policy: 'daily' });
  for (const { id } of region.images) region.removeImage(id);
  region.addVolumeBackup({ volumeId: 'another', createdAt: new Date(0) });
  setTime('2026-11-26T06:00:00Z');
  await h.run('offsite', { policy: 'daily' });
  expect(region.volumeBackups.map(({ volumeId }) => volumeId)).toContain(shared.id);
});
