import { describe, expect, test } from 'vitest';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import {
  addSnapshot,
  daysIn,
  decisionOn,
  deletions,
  history,
  idsIn,
  idsOf,
  MIDNIGHT,
  slotOf,
  take,
} from '../history.ts';

// Losses in other tools that confused series, servers, or images of people with their own.

const addManual = ({ cloud }: Harness, name: string, properties: Record<string, string> = {}) =>
  cloud.region('DFW').addImage({ name, owner: cloud.account.projectId, createdAt: new Date(0), properties });

test('L7 (borgbackup/borg#6513): lost 588 GB of other series, because one list contained several series', async () => {
  setTime('2026-11-23T06:00:00Z');
  const h = await harness();
  const servers = ['a', 'b', 'c', 'd'].map((name) => h.cloud.region('DFW').addServer({ name }));
  const policies = ['hourly', 'daily', 'weekly'];
  // The series follow one another in time: a rule over the whole list would keep some series
  // completely and others not at all.
  const images = Array.from({ length: 48 }, (_, i) =>
    addSnapshot(h, servers[i % 4]!, i / 4, {
      properties: { autosnap_policy: policies[Math.floor(i / 4) % 3]! },
    }),
  );
  for (const name of policies) {
    const { totals } = await h.run('cleanup', policy({ policy: name, keep: { last: 2 } }));
    expect(totals).toEqual({ deleted: 8, kept: 8 });
  }
  expect(idsIn(h)).toEqual(idsOf(images.slice(0, 24)));
});

test('L8 (wefixit-AT/oVirtBackup#62): deleted the backups of another VM, because names were matched by their beginning', async () => {
  const h = await history(5);
  const others = ['web2', 'web golden'].flatMap((name) => {
    const server = h.cloud.region('DFW').addServer({ name });
    return [10, 11].map((age) => addSnapshot(h, server, age));
  });
  const golden = addManual(h, 'web golden');
  await h.run('cleanup', policy({ servers: { names: ['web'] }, keep: { last: 2 } }));
  expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 2), ...others, golden]));
});

test('L9 (NAUbackup/VmBackup#96): deleted a live VM, because the owner was derived from a name', async () => {
  const h = await harness();
  const web = h.cloud.region('DFW').addServer({ name: 'web' });
  for (let age = 4; age >= 0; age--) await take(h, slotOf(age));
  const ours = h.cloud.region('DFW').images;
  const alike = ours.map(({ name }) => addManual(h, name, { image_type: 'snapshot', instance_uuid: web.id }));
  await h.run('cleanup', policy());
  expect(idsIn(h)).toEqual(idsOf([...ours.slice(0, 3), ...alike]));
  expect(deletions(h).every(({ service }) => service === 'image')).toBe(true);
});

describe('L10 (bdrewery/zfstools#18): lost manual snapshots, because cleanup selected snapshots by their source', () => {
  test.each<[string, Record<string, unknown>]>([
    ['the smallest policy', { keep: { last: 1 } }],
    ['adopting', { adopt: 'autosnap.py' }],
    ['orphans', { orphans: { after: '1h', keep: 1 } }],
    ['no limit', { maxDeletes: 1_000_000 }],
    ['everything at once', { adopt: 'autosnap.py', orphans: { after: '1h', keep: 1 }, maxDeletes: 1000 }],
  ])('an image without a marker stays: %s', async (_, changes) => {
    const h = await history(5);
    const from = (id: string) => ({ image_type: 'snapshot', instance_uuid: id });
    const manual = [
      addManual(h, 'before the upgrade', from(h.web.id)),
      addManual(h, 'web-daily', from(h.web.id)),
      addManual(h, 'of a server that is gone', from('gone')),
      addManual(h, 'half a marker', {
        ...from(h.web.id),
        autosnap_policy: 'daily',
        autosnap_server: h.web.id,
      }),
      addManual(h, ''),
    ];
    expect((await h.run('cleanup', policy(changes))).totals.deleted).toBeGreaterThanOrEqual(2);
    expect(idsIn(h)).toEqual(expect.arrayContaining(idsOf(manual)));
  });
});

test('X1 (autosnap.py): 8 snapshots became 3, then 2, because the daily, weekly and monthly cron jobs of a server used the same name', async () => {
  const h = await harness();
  h.cloud.region('DFW').addServer({ name: 'web' });
  const plans = [
    { policy: 'daily', schedule: 'cron(0 0 * * ? *)', keep: { last: 7 }, isDue: () => true },
    {
      policy: 'weekly',
      schedule: 'cron(0 1 ? * SUN *)',
      keep: { last: 2 },
      isDue: (d: Date) => d.getUTCDay() === 0,
    },
    {
      policy: 'monthly',
      schedule: 'cron(0 2 1 * ? *)',
      keep: { last: 1 },
      isDue: (d: Date) => d.getUTCDate() === 1,
    },
  ];
  for (let age = 24; age >= 0; age--) {
    for (const [hour, { isDue, ...plan }] of plans.entries()) {
      const slot = slotOf(age - hour / 24);
      if (!isDue(slot)) continue;
      expect((await take(h, slot, plan)).totals).toEqual({ taken: 1 });
      await h.run('cleanup', policy(plan));
    }
  }
  const series = Object.groupBy(
    h.cloud.region('DFW').images,
    ({ properties }) => properties.autosnap_policy ?? '',
  );
  const slots = Object.entries(series).map(([name, images = []]) => [
    name,
    images.map(({ properties }) => properties.autosnap_slot?.slice(5, 10)),
  ]);
  expect(Object.fromEntries(slots)).toEqual({
    daily: ['11-23', '11-22', '11-21', '11-20', '11-19', '11-18', '11-17'],
    weekly: ['11-22', '11-15'],
    monthly: ['11-01'],
  });
});

test('X4 (FairwindsOps/gemini): lost 15 of 15 snapshots, because a series was identified by the text of its interval', async () => {
  const h = await harness();
  h.cloud.region('DFW').addServer({ name: 'web' });
  for (let age = 3; age > 0; age--) await take(h, slotOf(age));
  const edited = { schedule: 'rate(1 day)' };
  expect((await h.run('cleanup', policy(edited))).totals).toEqual({ kept: 3 });
  expect((await take(h, MIDNIGHT, edited)).totals).toEqual({ taken: 1 });
  expect((await h.run('cleanup', policy(edited))).totals).toEqual({ deleted: 1, kept: 3 });
  expect(daysIn(h)).toEqual(['11-23', '11-22', '11-21']);
});

test('X5 (rackerlabs/image_backup): deleted images of another server, because a variable still had the previous server', async () => {
  const h = await history(5, ['DFW', 'ORD']);
  const mail = h.cloud.region('ORD').addServer({ name: 'mail' });
  const gone = { id: 'gone', name: 'gone' };
  const kept = [0, 1, 2, 3, 4].flatMap((age) => [
    addSnapshot(h, gone, age),
    ...(age < 3 ? [addSnapshot(h, mail, age, {}, 'ORD')] : []),
  ]);
  const servers = { ids: [h.web.id, 'gone', mail.id] };
  await h.run('cleanup', policy({ servers }));
  expect(idsIn(h)).toEqual(idsOf([...h.images.slice(0, 3), ...kept]));

  setTime('2026-11-24T00:00:10Z');
  const { report } = await h.fail('snapshot', policy({ servers }));
  expect(report?.entries.map(({ server, outcome }) => [server, outcome])).toEqual([
    ['gone', 'failed'],
    [mail.id, 'taken'],
    [h.web.id, 'taken'],
  ]);
  const made = [...h.cloud.region('DFW').images, ...h.cloud.region('ORD').images].filter(
    ({ status }) => status === 'queued',
  );
  expect(made.map(({ properties }) => properties.instance_uuid)).toEqual([h.web.id, mail.id]);
});

test.each([
  ['backwards', ['a', 'b', 'c', 'd', 'e']],
  ['at random', ['9', '10', 'Web', 'ä', '']],
])(
  'X8 (Nexenture/openstack-instances-backups): lost the newest snapshot, because the oldest was chosen by name: %s',
  async (_, names) => {
    const h = await history(0);
    const images = names.map((name, age) =>
      addSnapshot(h, h.web, age, { name: imageName({ id: h.web.id, name }, 'daily', slotOf(age)) }),
    );
    await h.run('cleanup', policy());
    expect(idsIn(h)).toEqual(idsOf(images.slice(0, 3)));
  },
);

describe('a series whose server was deleted', () => {
  const ORPHANS = policy({ account: 'keystone', keep: { last: 30 }, orphans: { after: '30d', keep: 1 } });

  /**
   * That many snapshots of a deleted server, and a newer image that looks like one but has the data
   * of another server.
   */
  async function withTheirs(count: number) {
    const h = await history(0);
    h.cloud.secrets.set('autosnap/test/keystone', h.cloud.secret('password'));
    const dfw = h.cloud.region('DFW');
    const images = Array.from({ length: count }, (_, i) => addSnapshot(h, h.web, 40 + i));
    dfw.servers.splice(0);
    const slot = slotOf(35);
    const { id } = dfw.addVolumeSnapshot({
      name: `snapshot for ${imageName(h.web, 'daily', slot)}`,
      volumeId: 'of another server',
      createdAt: new Date(slot.getTime() + 20_000),
    });
    const theirs = addSnapshot(h, h.web, 35, {
      size: 0,
      properties: { block_device_mapping: JSON.stringify([{ source_type: 'snapshot', snapshot_id: id }]) },
    });
    return { h, dfw, images, theirs };
  }

  test('an image whose data are in volume snapshots displaces no other, because its owner can no longer be proven', async () => {
    const { h, images, theirs } = await withTheirs(8);
    const report = await h.run('cleanup', ORPHANS);
    expect(idsIn(h)).toEqual(idsOf([images[0]!, theirs]));
    expect(decisionOn(report, theirs)).toContain('it is kept and not counted');
  });

  test('the check before a deletion does not count an image whose data are in volume snapshots either', async () => {
    const { h, dfw, images } = await withTheirs(3);
    const path = new RegExp(`/images/${images[2]!.id}`);
    h.cloud.faults.push({
      service: 'image',
      method: 'GET',
      path,
      answer: () => dfw.removeImage(images[0]!.id),
    });
    await h.fail('cleanup', ORPHANS);
    expect(dfw.images).toContain(images[1]);
  });
});
