import { beforeEach, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import type { Region } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';

const SECRET = 'autosnap/test/rackspace';

let h: Harness;
let region: Region;

beforeEach(async () => {
  setTime('2026-11-23T09:00:00Z');
  h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0 } });
  h.cloud.secrets.set(SECRET, h.cloud.secret('password'));
  region = h.cloud.region('DFW');
  deploy([policy()]);
});

async function said(): Promise<{ doctor: string[]; audit: string[] }> {
  const { report } = await h.fail('doctor', {});
  const { warnings } = await h.run('audit', {});
  return {
    doctor: report!.checks.flatMap(({ check, verdict, detail }) =>
      check === 'quota' ? [`${verdict} ${detail}`] : [],
    ),
    audit: textsOf(warnings).filter((line) => / room for /.test(line)),
  };
}

test('doctor and the audit say for how many days there is room, and the quota runs out on that day', async () => {
  region.addServer({ name: 'web-1' });
  region.addServer({ name: 'db-1' });
  region.imageQuota.count = 5;
  const line =
    'DFW: room for 2 more days: 0 of 5 images used; the policies will exceed the quota: ask the cloud for a higher quota, or keep fewer snapshots';
  expect(await said()).toEqual({ doctor: [`warn ${line}`], audit: [line] });
  for (const day of ['2026-11-24', '2026-11-25', '2026-11-26']) {
    expect(region.images.length).toBeLessThanOrEqual(5);
    setTime(`${day}T00:00:10Z`);
    await h.run('snapshot', { policy: 'daily' });
    await h.run('cleanup', { policy: 'daily' });
  }
  expect(region.images).toHaveLength(6);
});

test('no room for the next run fails in doctor', async () => {
  region.addServer({ name: 'web-1' });
  region.imageQuota.count = 0;
  const { doctor } = await said();
  expect(doctor).toEqual([
    expect.stringMatching(/^fail DFW: no room for the next day: 0 of 0 images used; /),
  ]);
});

test('a quota for the size of images is said with the days that it lasts for', async () => {
  region.addServer({ name: 'web-1' });
  setTime('2026-11-23T00:00:10Z');
  await h.run('snapshot', { policy: 'daily' });
  setTime('2026-11-23T09:00:00Z');
  const mib = Math.ceil(region.images[0]!.size! / 2 ** 20);
  region.imageQuota.sizeMib = 3 * mib;
  expect((await said()).doctor).toEqual([
    expect.stringMatching(/^warn DFW: room for 2 more days: .* GB of .* GB for images used; /),
  ]);
});

test('quotas of volume snapshots and of gigabytes are said, too, where servers are on volumes', async () => {
  const root = region.addVolume({ size: 20 });
  region.addServer({ name: 'db-1', image: '', volumeIds: [root.id] });
  region.maxVolumeSnapshots = 2;
  region.maxVolumeGigabytes = 45;
  expect((await said()).audit).toEqual([
    expect.stringMatching(/^DFW: room for 2 more days: 0 of 2 volume snapshots used; /),
    expect.stringMatching(/^DFW: room for 1 more day: 20 of 45 GB for volumes and volume snapshots used; /),
  ]);
});

test('a cloud that shows no quotas, or refuses to, is no trouble', async () => {
  region.addServer({ name: 'web-1' });
  region.imageQuota.count = 1;
  h.cloud.faults.push({ service: 'image', path: /usage$/, times: 9, answer: answers.forbidden });
  expect(await said()).toEqual({ doctor: [], audit: [] });
  h.cloud.faults.splice(0);
  h.cloud.faults.push({
    service: 'image',
    path: /usage$/,
    times: 9,
    answer: { status: 200, body: { usage: {} } },
  });
  expect(await said()).toEqual({ doctor: [], audit: [] });
});

test('Rackspace shows none, and is not asked', async () => {
  h.cloud.secrets.set(SECRET, h.cloud.secret('rackspace'));
  region.addServer({ name: 'web-1' });
  await said();
  expect(h.cloud.received.filter(({ path }) => /usage$/.test(path))).toEqual([]);
});

test('a server whose image would contain more volume snapshots than there is room for fails before', async () => {
  const volumes = [20, 30].map((size) => region.addVolume({ size }));
  const [root] = volumes;
  const volumeIds = volumes.map(({ id }) => id);
  region.addServer({ name: 'db-1', image: '', volumeIds, rootVolume: root!.id });
  for (const [most, gigabytes, needs] of [
    [1, 1000, 'needs 2 volume snapshots and the quota of the cloud has room for 1'],
    [10, 90, 'need 50 GB and the quota of the cloud has room for 40 GB'],
  ] as const) {
    Object.assign(region, { maxVolumeSnapshots: most, maxVolumeGigabytes: gigabytes });
    for (const volumes of ['attached', 'none']) {
      deploy([policy({ volumes })]);
      for (const dryRun of [true, false]) {
        const { report, error } = await h.fail('snapshot', { policy: 'daily', dryRun });
        expect(report!.entries[0]).toMatchObject({ outcome: 'failed', code: 'VOLUMES_OVER_QUOTA' });
        if (!dryRun) expect(error.message).toContain(`${needs}, so no image of it is made`);
      }
    }
    expect([region.images.length, region.volumeSnapshots.length]).toEqual([0, 0]);
  }
  Object.assign(region, { maxVolumeSnapshots: 2, maxVolumeGigabytes: 100 });
  expect((await h.run('snapshot', { policy: 'daily' })).totals).toEqual({ taken: 1 });
});

test('the snapshots with the image of one server leave no room for the volumes of another', async () => {
  const root = region.addVolume({ size: 20 });
  const data = region.addVolume({ name: 'data', size: 20 });
  region.addServer({ name: 'on-volume', image: '', volumeIds: [root.id], rootVolume: root.id });
  region.addServer({ name: 'with-data', volumeIds: [data.id] });
  region.maxVolumeSnapshots = 1;
  const { report } = await h.fail('snapshot', { policy: 'daily' });
  expect(
    report!.entries.map(({ name, outcome, code, cause }) => [name, outcome, cause ?? code]).sort(),
  ).toEqual([
    ['on-volume', 'taken', 'TAKEN'],
    ['with-data', 'failed', 'VOLUMES_OVER_QUOTA'],
  ]);
});

test('a dry run and doctor say that only the image of a server would be taken', async () => {
  const data = region.addVolume({ name: 'data', size: 20 });
  region.addServer({ name: 'db-1', volumeIds: [data.id] });
  region.maxVolumeSnapshots = 0;
  const { report } = await h.fail('snapshot', { policy: 'daily', dryRun: true });
  expect(report!.entries[0]!.reason).toBe(
    'without the volume data: the server needs 1 volume snapshot and the quota of the cloud has room for 0, so only its image is taken, and no snapshot of any of its volumes: ask the cloud for a higher quota, or keep fewer',
  );
  expect(region.images).toEqual([]);
  expect((await said()).doctor).toEqual([
    expect.stringMatching(
      /^fail DFW: no room for the next day: 0 of 0 volume snapshots used; .*; a server that does not fit gets its image alone, and no image if it boots from a volume$/,
    ),
  ]);
});
