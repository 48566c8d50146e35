import { beforeEach, describe, expect, test } from 'vitest';
import type { Restoration } from '../../lib/restore/restoration.ts';
import { answers } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, CloudVolumeBackup, Region } from '../../local/cloud/state.ts';
import { type Harness, policy, setTime } from '../harness.ts';
import { finishRestore, twoVolumes } from '../restore/two-volumes.ts';

// A server with two volumes; the snapshot of one of them is gone, and its backup is there.

const TO_NEW = { server: 'db', to: 'new' };
const IN_PLACE = { server: 'db', to: 'in-place', confirm: 'db' };

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;
let logs: CloudVolume;
let backup: CloudVolumeBackup;

beforeEach(async () => {
  ({ h, region, db, data, logs } = await twoVolumes({ buildMs: 60_000 }));
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  await h.run('snapshot', policy());
  setTime('2026-11-22T06:00:00Z');
  backup = backUp(data);
  removeSnapshot(data);
});

const snapshotOf = ({ id }: CloudVolume) => region.volumeSnapshots.find(({ volumeId }) => volumeId === id)!;
const removeSnapshot = (volume: CloudVolume) =>
  region.volumeSnapshots.splice(region.volumeSnapshots.indexOf(snapshotOf(volume)), 1);
const newVolumes = () => region.volumes.filter((one) => one !== data && one !== logs);

/** Adds the backup of the snapshot of a volume. */
function backUp(volume: CloudVolume): CloudVolumeBackup {
  const { id, name, description = null, metadata = {}, createdAt } = snapshotOf(volume);
  const { id: volumeId, size } = volume;
  return region.addVolumeBackup({
    ...{ volumeId, name, description, metadata, size, snapshotId: id },
    ...{ dataAt: createdAt!, createdAt: new Date('2026-11-22T03:00:00Z') },
  });
}

const finish = async (first: Restoration) => (await finishRestore(h, first, 15)).at(-1)!;

/** Both volumes were made once: one from the backup, and the other one from its snapshot. */
function expectBoth(server: CloudServer): void {
  expect(newVolumes()).toHaveLength(2);
  const made = newVolumes().find(({ name }) => name === 'db-data');
  expect(made).toMatchObject({ size: 10, type: 'SSD' });
  expect(made!.snapshotId ?? null).toBeNull();
  expect(server.volumeIds.toSorted()).toEqual(
    newVolumes()
      .map(({ id }) => id)
      .sort(),
  );
}

describe.each([
  ['new', TO_NEW],
  ['in-place', IN_PLACE],
] as const)('a restore to %s', (to, event) => {
  const restored = () => (to === 'new' ? region.servers.find(({ id }) => id !== db.id)! : db);

  test('makes the volume from the backup of the slot, and says so', async () => {
    const plan = await h.run('restore', { ...event, dryRun: true });
    expect(plan.lines).toContain(`a new volume "db-data" (10 GB) from backup ${backup.id}`);
    expect(plan.codes).not.toContain('RESTORE_WITHOUT_VOLUME');
    expect(newVolumes()).toEqual([]);
    const first = await h.run('restore', event);
    expect(first.lines).toContain(`a new volume "db-data" (10 GB) from backup ${backup.id}`);
    expect(backup.status).toBe('restoring');
    const last = await finish(first);
    expect(last).toMatchObject({ state: 'done' });
    expect(last.codes).not.toContain('RESTORE_WITHOUT_VOLUME');
    expectBoth(restored());
  });

  test('goes on after a call whose answers were lost, and makes nothing twice', async () => {
    const mine = { ...event, request: 'mine' };
    h.cloud.faults.push({ service: 'volume', method: 'POST', path: /volumes$/, times: 2, answer: 'lose' });
    await h.fail('restore', mine);
    h.cloud.faults.length = 0;
    // The cloud still fills the volume, and the backup is "restoring".
    await finish(await h.run('restore', mine));
    expectBoth(restored());
  });

  test('goes on if the snapshot of a volume that it has made is deleted meanwhile', async () => {
    backUp(logs);
    const first = await h.run('restore', event);
    removeSnapshot(logs);
    expect(await finish(first)).toMatchObject({ state: 'done' });
    expectBoth(restored());
  });

  test('is refused while the backup is used by another restore, and made once that has ended', async () => {
    Object.assign(backup, { status: 'restoring', availableAt: new Date('2026-11-22T07:00:00Z') });
    const { error } = await h.fail('restore', event);
    expect(error.message).toContain(`at: the snapshot ${backup.id} of the volume db-data is still restoring`);
    setTime('2026-11-22T07:30:00Z');
    expect(await finish(await h.run('restore', event))).toMatchObject({ state: 'done' });
    expectBoth(restored());
  });
});

test('a good volume snapshot comes before its backup', async () => {
  const other = backUp(logs);
  const plan = await h.run('restore', { ...TO_NEW, dryRun: true });
  expect(plan.lines.join()).toContain(`from volume snapshot ${snapshotOf(logs).id}`);
  expect(plan.lines.join()).not.toContain(other.id);
});

test('the backup of a snapshot that has failed since is used', async () => {
  const other = backUp(logs);
  snapshotOf(logs).status = 'error';
  const plan = await h.run('restore', { ...TO_NEW, dryRun: true });
  expect(plan.lines).toContain(`a new volume "db-logs" (5 GB) from backup ${other.id}`);
  expect(plan.codes).not.toContain('RESTORE_WITHOUT_VOLUME');
});

test('a server that is gone with all volumes and their snapshots gets them from the backups', async () => {
  backUp(logs);
  removeSnapshot(logs);
  region.removeServer(db);
  for (const { id } of [data, logs]) region.removeVolume(id);
  const last = await finish(await h.run('restore', { ...TO_NEW, flavor: 'general1-2' }));
  expect(last.state).toBe('done');
  expect(region.volumes.map(({ name, type }) => `${name} ${type}`).sort()).toEqual([
    'db-data SSD',
    expect.stringContaining('db-logs'),
  ]);
  expect(region.servers[0]!.volumeIds).toHaveLength(2);
});

test('backups that the user may not list are said, and the others are restored', async () => {
  h.cloud.faults.push({ service: 'volume', path: /backups/, times: 99, answer: answers.forbidden });
  const plan = await h.run('restore', { ...TO_NEW, dryRun: true });
  expect(plan.codes).toEqual(expect.arrayContaining(['RESTORE_WITHOUT_VOLUME', 'RESTORE_BACKUPS_UNREAD']));
});

test('while the backups can not be read, no server is restored without a volume that may have one', async () => {
  h.cloud.faults.push({ service: 'volume', path: /backups/, times: 99, answer: answers.unavailable });
  await h.fail('restore', TO_NEW);
  expect(newVolumes()).toEqual([]);
  h.cloud.faults.length = 0;
  expect((await finish(await h.run('restore', TO_NEW))).state).toBe('done');
});
