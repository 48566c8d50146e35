import { describe, expect } from 'vitest';
import { backupQuotas } from '../../lib/openstack/quota.ts';
import { connect, type Session } from '../../lib/openstack/session.ts';
import {
  createVolumeBackup,
  deleteVolumeBackup,
  getVolumeBackup,
  listVolumeBackups,
} from '../../lib/openstack/volume-backups.ts';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { credentialsOf, receivedBy, test, unhurried } from './connected.ts';

const sessionWith = (cloud: Cloud): Promise<Session> =>
  connect(async () => credentialsOf(cloud, 'password'), unhurried);

/** A volume with a finished snapshot, and a request for a backup of it. */
function world(cloud: Cloud) {
  const region = cloud.region('DFW');
  const volume = region.addVolume({ name: 'db-data', size: 10 });
  const snapshot = region.addVolumeSnapshot({ volumeId: volume.id });
  const wanted = {
    ...{ volumeId: volume.id, snapshotId: snapshot.id, name: 'a backup', description: 'a description' },
    ...{ metadata: { kind: 'test' }, incremental: false },
  };
  return { region, volume, snapshot, wanted };
}

/** An answer of a cloud before volume API 3.43 to a request with a later microversion. */
const isTooNew = {
  when: (c: { req: { header(name: string): string | undefined } }) =>
    c.req.header('openstack-api-version') !== undefined,
};
const TOO_NEW = {
  status: 406,
  body: { computeFault: { code: 406, message: 'Version 3.43 is not supported by the API.' } },
};

test('all volume backups of a project are listed, from every page', async ({ cloud }) => {
  cloud.pageSize = 2;
  const { region, volume } = world(cloud);
  const added = Array.from({ length: 5 }, (_, i) =>
    region.addVolumeBackup({ volumeId: volume.id, metadata: { i: String(i) } }),
  );
  const found = await listVolumeBackups(await sessionWith(cloud), 'DFW');
  expect(found.map(({ id, metadata }) => [id, metadata]).sort()).toEqual(
    added.map(({ id, metadata }) => [id, metadata]).sort(),
  );
});

test('a failed page fails the whole listing', async ({ cloud }) => {
  cloud.pageSize = 2;
  const { region, volume } = world(cloud);
  for (let i = 0; i < 3; i++) region.addVolumeBackup({ volumeId: volume.id });
  cloud.faults.push({
    ...{ service: 'volume', path: /backups/, skip: 1 },
    answer: { status: 403, body: { forbidden: { code: 403, message: 'No.' } } },
  });
  await expect(listVolumeBackups(await sessionWith(cloud), 'DFW')).rejects.toMatchObject({
    code: 'FORBIDDEN',
  });
});

test('a cloud without backups, such as Cloud Block Storage, answers NOT_FOUND', async ({ cloud }) => {
  const session = await connect(async () => credentialsOf(cloud), unhurried);
  await expect(listVolumeBackups(session, 'DFW')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

describe('a backup of a volume snapshot', () => {
  test('is created with its metadata, and read with its volume, snapshot and time', async ({ cloud }) => {
    const { region, volume, snapshot, wanted } = world(cloud);
    const session = await sessionWith(cloud);
    const id = await createVolumeBackup(session, 'DFW', wanted);
    expect(snapshot.status).toBe('backing-up');
    expect(await getVolumeBackup(session, 'DFW', id)).toMatchObject({
      ...{ id, region: 'DFW', name: 'a backup', description: 'a description', status: 'creating' },
      ...{ volumeId: volume.id, snapshotId: snapshot.id, sizeGb: 10, metadata: { kind: 'test' } },
      ...{ isIncremental: false, hasDependents: false, failReason: undefined },
      dataAt: new Date(Math.floor(snapshot.createdAt!.getTime() / 1000) * 1000),
    });
    expect(region.volumeBackups).toHaveLength(1);
  });

  test('an incremental one depends on the one before it, which can not be deleted then', async ({
    cloud,
  }) => {
    const { region, volume, wanted } = world(cloud);
    const earlier = region.addVolumeBackup({ volumeId: volume.id, createdAt: new Date(0) });
    const session = await sessionWith(cloud);
    const id = await createVolumeBackup(session, 'DFW', { ...wanted, incremental: true });
    expect(await getVolumeBackup(session, 'DFW', id)).toMatchObject({ isIncremental: true });
    expect(await getVolumeBackup(session, 'DFW', earlier.id)).toMatchObject({ hasDependents: true });
    await expect(deleteVolumeBackup(session, 'DFW', earlier.id)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
  });

  test.for<[string, (at: ReturnType<typeof world>) => object, string]>([
    ['an incremental one without a backup before it', () => ({ incremental: true }), 'BAD_REQUEST'],
    [
      'one of a snapshot that is not available',
      ({ snapshot }) => {
        snapshot.status = 'creating';
        return {};
      },
      'BAD_REQUEST',
    ],
    [
      'one above the quota',
      ({ region }) => {
        region.maxVolumeBackups = 0;
        return {};
      },
      'OVER_QUOTA',
    ],
    [
      'one above the quota of gigabytes',
      ({ region }) => {
        region.maxVolumeBackupGigabytes = 9;
        return {};
      },
      'OVER_QUOTA',
    ],
    ['one of a snapshot that does not exist', () => ({ snapshotId: 'gone' }), 'NOT_FOUND'],
  ])('the cloud refuses %s', async ([, change, code], { cloud }) => {
    const at = world(cloud);
    const wanted = { ...at.wanted, ...change(at) };
    const session = await sessionWith(cloud);
    await expect(createVolumeBackup(session, 'DFW', wanted)).rejects.toMatchObject({ code });
    expect(at.region.volumeBackups).toEqual([]);
  });
});

test('a cloud before volume API 3.43 gets the same requests without metadata', async ({ cloud }) => {
  const { region, wanted } = world(cloud);
  cloud.faults.push({ service: 'volume', times: 99, ...isTooNew, answer: TOO_NEW });
  const session = await sessionWith(cloud);
  const id = await createVolumeBackup(session, 'DFW', wanted);
  expect(region.volumeBackups).toMatchObject([{ id, description: 'a description', metadata: {} }]);
  expect(await listVolumeBackups(session, 'DFW')).toMatchObject([{ id }]);
  expect(await getVolumeBackup(session, 'DFW', id)).toMatchObject({ id });
});

test('a backup that is gone, or being deleted, counts as deleted', async ({ cloud }) => {
  const { region, volume } = world(cloud);
  const slow = region.addVolumeBackup({ volumeId: volume.id, deletesSlowly: true });
  const session = await sessionWith(cloud);
  await deleteVolumeBackup(session, 'DFW', 'gone');
  for (let i = 0; i < 2; i++) await deleteVolumeBackup(session, 'DFW', slow.id);
  expect(await getVolumeBackup(session, 'DFW', slow.id)).toMatchObject({ status: 'deleting' });
  expect(await getVolumeBackup(session, 'DFW', 'gone')).toBeUndefined();
  expect(receivedBy(cloud, 'volume').filter(({ method }) => method === 'DELETE')).toHaveLength(3);
});

test('the quotas of backups are read, and none at a cloud that shows none', async ({ cloud }) => {
  const { region, volume } = world(cloud);
  region.maxVolumeBackups = 10;
  region.addVolumeBackup({ volumeId: volume.id });
  const session = await sessionWith(cloud);
  expect(await backupQuotas(session, 'DFW')).toEqual([
    { kind: 'backups', limit: 10, used: 1 },
    { kind: 'backupGigabytes', limit: 100_000, used: 10 },
  ]);
  region.maxVolumeBackups = -1;
  region.maxVolumeBackupGigabytes = -1;
  expect(await backupQuotas(session, 'DFW')).toEqual([]);
});
