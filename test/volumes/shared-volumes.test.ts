import { beforeEach, expect, test } from 'vitest';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';

// A volume that several servers have has one snapshot for a slot, which is a part of each set.

const LAST_ONE = { keep: { last: 1 } };

let h: Harness;
let region: Region;
let shared: CloudVolume;
let first: CloudServer;
let second: CloudServer;

beforeEach(async () => {
  setTime('2026-11-23T00:00:10Z');
  h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0, volumeMs: 1000 } });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  region = h.cloud.region('DFW');
  shared = region.addVolume({ name: 'shared', size: 10, multiattach: true });
  // The snapshot is that of the server with the smaller id.
  first = region.addServer({
    id: '11111111-1111-4111-8111-111111111111',
    name: 'first',
    volumeIds: [shared.id],
  });
  const own = region.addVolume({ name: 'own', size: 5 });
  second = region.addServer({
    ...{ id: '22222222-2222-4222-8222-222222222222', name: 'second', volumeIds: [own.id, shared.id] },
  });
});

async function takeDays(last: number): Promise<void> {
  for (let day = 23; day <= last; day++) {
    setTime(`2026-11-${day}T00:00:10Z`);
    await h.run('snapshot', policy(LAST_ONE));
  }
  setTime(`2026-11-${last + 1}T12:00:00Z`);
}

const imageOf = ({ id }: CloudServer, day = 23) =>
  region.images.find(
    ({ properties: { autosnap_server, autosnap_slot } }) =>
      autosnap_server === id && autosnap_slot?.startsWith(`2026-11-${day}`),
  )!;
const sharedDays = () =>
  region.volumeSnapshots
    .filter(({ volumeId }) => volumeId === shared.id)
    .map(({ metadata }) => Number(metadata!.autosnap_slot!.slice(8, 10)))
    .sort();

test.each([true, false])('a restore of either server makes the volume; server there: %s', async (isThere) => {
  await takeDays(23);
  expect(sharedDays()).toEqual([23]);
  const servers = [first, second];
  if (!isThere) for (const server of servers) region.removeServer(server);
  for (const { name } of servers) {
    const plan = await h.run('restore', { server: name, to: 'new', dryRun: true });
    expect(plan.codes.filter((code) => code === 'RESTORE_VOLUME')).toHaveLength(name === 'first' ? 1 : 2);
    expect(plan.codes).not.toContain('RESTORE_WITHOUT_VOLUME');
    expect(plan.lines.join()).toContain('shared');
  }
});

test('one volume alone is found once', async () => {
  await takeDays(23);
  const plan = await h.run('restore', { volume: 'shared', dryRun: true });
  expect(plan.codes).toContain('RESTORE_VOLUME_SNAPSHOT');
});

test('a hold of the set of either server holds it, and a release of the other one does not lose it', async () => {
  await takeDays(25);
  for (const server of [first, second]) {
    const report = await h.run('hold', { hold: imageOf(server).id });
    expect(report.entries[0]!.volumes!.some(({ volume }) => volume === shared.id)).toBe(true);
  }
  await h.run('hold', { release: imageOf(first).id });
  await h.run('cleanup', policy(LAST_ONE));
  expect(sharedDays()).toEqual([23, 25]);
  expect(imageOf(first)).toBeUndefined();
  await h.run('hold', { release: imageOf(second).id });
  await h.run('cleanup', policy(LAST_ONE));
  expect(sharedDays()).toEqual([25]);
});

test('the last complete set of the second server stays while its next image has failed', async () => {
  await takeDays(24);
  imageOf(second, 24).status = 'error';
  await h.run('cleanup', policy(LAST_ONE));
  expect(imageOf(second)).toBeDefined();
  expect(sharedDays()).toEqual([23, 24]);
});

test('a volume that fails fails each of its servers', async () => {
  shared.status = 'error';
  const { report } = await h.fail('snapshot', policy());
  expect(report!.entries.map(({ name, outcome, code }) => [name, outcome, code]).sort()).toEqual([
    ['first', 'failed', 'WITHOUT_VOLUMES'],
    ['second', 'failed', 'WITHOUT_VOLUMES'],
  ]);
});

test('while the first server is busy, the second one waits for the volume', async () => {
  first.taskState = 'image_snapshot';
  const report = await h.run('snapshot', policy());
  expect(report.entries.find(({ name }) => name === 'second')).toMatchObject({
    ...{ outcome: 'skipped', code: 'WITHOUT_VOLUMES', cause: 'SHARED_VOLUME_WAITS' },
  });
  first.taskState = null;
  expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 2 });
  expect(sharedDays()).toEqual([23]);
});

test('the lists of servers and of snapshots have it for each server', async () => {
  await takeDays(23);
  deploy([policy(LAST_ONE)]);
  const { servers } = await h.run('audit', { list: 'servers' });
  expect(servers!.map(({ name, volumes }) => [name, volumes]).sort()).toEqual([
    ['first', 1],
    ['second', 2],
  ]);
  for (const of of ['first', 'second']) {
    const { snapshots } = await h.run('audit', { list: 'snapshots', of });
    expect(snapshots!.map(({ name, volume }) => [name, volume?.name])).toContainEqual([of, 'shared']);
  }
  const { snapshots } = await h.run('audit', { list: 'snapshots' });
  expect(snapshots!.filter(({ volume }) => volume?.name === 'shared')).toHaveLength(1);
});

test('a drill with volumes of the second server boots with it', async () => {
  await takeDays(23);
  const drill = { schedule: 'rate(1 day)', volumes: true, networks: [], atOnce: 5 };
  const report = await h.run('drill', policy({ ...LAST_ONE, drill, dryRun: true }));
  const entry = JSON.stringify(report.entries.find(({ name }) => name === 'second'));
  expect(entry).toContain('shared');
  expect(entry).not.toContain('without');
});
