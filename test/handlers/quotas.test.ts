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
