import { describe, expect, test } from 'vitest';
import { leavingOut } from '../../local/cloud/faults.ts';
import { textsOf } from '../finding-texts.ts';
import { deploy, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, decisionOn, deletions, history, idsIn, idsOf, take } from '../history.ts';

// Losses and wrong reports that people found who were asked to attack the product.

describe("two policies that adopt the same images of autosnap.py would rotate each other's snapshots", () => {
  const adopting = (name: string, last: number) =>
    policy({ policy: name, adopt: 'autosnap.py', keep: { last } });

  test('two adopting policies leave an adopted image alone, and the report says so', async () => {
    const h = await history(2);
    const legacy = Array.from({ length: 5 }, (_, age) =>
      addSnapshot(h, h.web, age, {
        name: `web-autosnap-${h.web.id}`,
        properties: { autosnap_owner: undefined as unknown as string },
      }),
    );
    for (const { properties } of legacy) {
      for (const key of Object.keys(properties).filter((one) => one.startsWith('autosnap_')))
        delete properties[key];
    }
    deploy([adopting('daily', 2), adopting('weekly', 10)]);
    const report = await h.run('cleanup', { policy: 'daily' });
    expect(deletions(h)).toEqual([]);
    expect(textsOf(report.warnings).join()).toContain(
      'adopt: the policies daily, weekly adopt the images of autosnap.py',
    );
    deploy([adopting('daily', 2)]);
    expect((await h.run('cleanup', { policy: 'daily' })).totals.deleted).toBe(5);
  });
});

test('a restore to a time uses no snapshot whose data are newer, whatever its slot', async () => {
  const h = await history(2);
  const late = addSnapshot(h, h.web, 0, { createdAt: new Date('2026-11-23T05:00:00Z') });
  await h.cloud.region('DFW').removeImage(h.images[0]!.id);
  setTime('2026-11-23T06:00:00Z');
  const at = (moment: string) => h.run('restore', { server: 'web', to: 'new', dryRun: true, at: moment });
  const early = await at('2026-11-23T04:00:00Z');
  expect(early.image).toBe(h.images[1]!.id);
  const now = await at('latest');
  expect(now.image).toBe(late.id);
  expect(now.lines[0]).toContain('the snapshot of 2026-11-23T00:00:00Z');
  expect(now.lines[0]).toContain('made at 2026-11-23T05:00:00Z, 1 h old');
});

test.each([
  ['by some minutes', 'cron(30 0 * * ? *)'],
  ['to another day', 'cron(0 0 ? * MON *)'],
])(
  'a schedule that is moved %s takes no snapshot for a slot before that of an existing snapshot',
  async (_, moved) => {
    setTime('2026-11-24T00:00:10Z');
    const h = await harness();
    h.cloud.region('DFW').addServer({ name: 'web' });
    await take(h, '2026-11-24T00:00:00Z');
    setTime('2026-11-24T00:25:00Z');
    const report = await h.run('snapshot', policy({ schedule: moved }));
    expect(report.entries[0]?.reason).toMatch(/^already taken/);
    expect(h.cloud.region('DFW').images).toHaveLength(1);
  },
);

test('two regions that share one image service rotate each image once, and report none as disappeared', async () => {
  const h = await history(6, ['DFW', 'ORD']);
  const db = h.cloud.region('ORD').addServer({ name: 'db' });
  const [dfw, ord] = h.cloud.catalogue;
  Object.assign(ord!, { imageUrl: dfw!.imageUrl });
  for (let age = 0; age < 6; age++) addSnapshot(h, db, age);
  const report = await h.run('cleanup', policy({ keep: { last: 3 } }));
  expect(report.failures).toEqual([]);
  expect(report.totals).toEqual({ deleted: 6, kept: 6 });
  expect(h.cloud.region('DFW').images).toHaveLength(6);
});

test('an image that still exists after its deletion was accepted is not reported as deleted, even if a listing lacks the image', async () => {
  const h = await history(4);
  const [oldest] = h.images.slice(-1);
  h.cloud.faults.push(
    { service: 'image', method: 'DELETE', times: 9, answer: { status: 204, body: '' } },
    { service: 'image', method: 'GET', path: /\/images$/, skip: 4, times: 9, answer: leavingOut(oldest!.id) },
  );
  const { report } = await h.fail('cleanup', policy());
  expect(decisionOn(report, oldest!)).toMatch(
    /^failed: the cloud accepted the deletion, but the image is still there/,
  );
  expect(idsIn(h)).toEqual(idsOf(h.images));
});

test('the report of a release says what cleanup will do with the image', async () => {
  const h = await history(1);
  const [snapshot] = h.images;
  const reason = async (id: string) => (await h.run('hold', { release: id })).entries[0]?.reason;
  expect(await reason(snapshot!.id)).toBe('rotated again by its policy');
  Object.assign(snapshot!, { protected: true });
  expect(await reason(snapshot!.id)).toBe('the image is protected: it stays until you remove the protection');
  const mine = h.cloud.region('DFW').addImage({ name: 'mine', owner: h.cloud.account.projectId });
  expect(await reason(mine.id)).toBe('it is no snapshot of this deployment, so nothing here deletes it');
});

describe('images that one listing lacks', () => {
  test('the age of an orphaned series is that of its newest snapshot, although one listing lacks this snapshot', async () => {
    const h = await history(0);
    const gone = { id: 'gone-1', name: 'old' };
    const images = [10, 40, 41, 42, 43].map((age) => addSnapshot(h, gone, age));
    h.cloud.faults.push({
      service: 'image',
      region: 'DFW',
      path: /\/images$/,
      answer: leavingOut(images[0]!.id),
    });
    const event = policy({ keep: { last: 30 }, orphans: { after: '30d', keep: 1 } });
    await h.run('cleanup', event);
    expect(idsIn(h)).toEqual(idsOf(images));
  });

  test('good snapshots that disappear during a run that deletes nothing are a failure', async () => {
    const h = await history(3);
    h.cloud.faults.push({
      service: 'image',
      region: 'DFW',
      path: /\/images$/,
      skip: 2,
      answer: () => {
        for (const { id } of h.images) h.cloud.region('DFW').removeImage(id);
      },
    });
    const { report } = await h.fail('cleanup', policy({ keep: { last: 3 } }));
    expect(report?.failures).toHaveLength(3);
  });
});

test('images that fail each deletion do not prevent the deletion of others', async () => {
  const h = await history(7);
  const stuck = new Set(h.images.slice(5).map(({ id }) => id));
  h.cloud.faults.push({
    service: 'image',
    method: 'DELETE',
    when: (c) => stuck.has(c.req.path.split('/').at(-1)!),
    times: 999,
    answer: { status: 500, body: { message: 'broken' } },
  });
  const { report } = await h.fail('cleanup', policy({ keep: { last: 2 }, maxDeletes: 2 }));
  expect(report?.totals).toMatchObject({ deleted: 2, failed: 2 });
});

test('an image that the cloud accepted but does not have is not reported as taken', async () => {
  const h = await history(0);
  const location = `http://glance/images/${crypto.randomUUID()}`;
  h.cloud.faults.push({
    service: 'compute',
    method: 'POST',
    answer: { status: 202, headers: { location }, body: '' },
  });
  const { report } = await h.fail('snapshot', policy());
  expect(report?.entries).toEqual([
    expect.objectContaining({
      outcome: 'failed',
      reason: expect.stringMatching(/accepted the request, but image .* does not exist/),
    }),
  ]);
});

test('no snapshot is begun for a slot once the next slot has begun, because it would not count', async () => {
  setTime('2026-11-23T00:59:58Z');
  const h = await harness();
  h.cloud.region('DFW').addServer({ name: 'web' });
  const { report } = await h.fail('snapshot', policy({ schedule: 'cron(0 * * * ? *)' }));
  expect(report?.entries[0]).toMatchObject({
    outcome: 'deferred',
    reason: "the slot ended before this server's turn",
  });
  expect(h.cloud.region('DFW').images).toEqual([]);
});

test('the report warns of an ad-hoc snapshot that expires in a region that no policy covers', async () => {
  const h = await history(0, ['DFW', 'ORD']);
  h.cloud.region('ORD').addServer({ name: 'far' });
  deploy([policy({ regions: ['DFW'] })]);
  const report = await h.run('snapshot', { adhoc: true, expires: '1h', servers: { all: true } });
  expect(report.totals).toEqual({ taken: 2 });
  expect(textsOf(report.warnings)).toEqual([
    'expires: no policy covers ORD of this account, so nothing deletes these snapshots there',
  ]);
});

describe("a server created from an image of Rackspace's schedule that was deleted since", () => {
  /** The properties that snapshots of the server would inherit. */
  const inherits = { 'org.openstack__1__created_by': 'scheduled_images_service' };

  test('its snapshots are recognised as ours', async () => {
    setTime('2026-11-23T00:00:10Z');
    const h = await harness();
    const base = h.cloud.region('DFW').addImage({ name: 'scheduled', properties: inherits });
    h.cloud.region('DFW').addServer({ name: 'web', image: base.id });
    await h.run('snapshot', policy());
    h.cloud.region('DFW').removeImage(base.id);
    setTime('2026-11-23T00:30:00Z');
    expect((await h.run('snapshot', policy())).entries[0]?.reason).toMatch(/^already taken/);
  });

  test('if the cloud does not let us overwrite the property, the snapshot is taken without it', async () => {
    setTime('2026-11-23T00:00:10Z');
    const h = await harness();
    h.cloud.region('DFW').addServer({ name: 'web' });
    h.cloud.faults.push({
      service: 'compute',
      method: 'POST',
      answer: {
        status: 403,
        body: { forbidden: { code: 403, message: 'Property org.openstack__1__created_by is protected' } },
      },
    });
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
    expect(h.cloud.region('DFW').images[0]!.properties).not.toHaveProperty('org.openstack__1__created_by');
  });
});

test('a report with a series that is too long for a log line still has all actions and the other servers', async () => {
  const h = await history(0);
  setTime('2026-11-23T06:00:00Z');
  const hourly = { schedule: 'cron(0 * * * ? *)' };
  for (let i = 0; i < 1_500; i++) addSnapshot(h, h.web, i / 24);
  const db = h.cloud.region('DFW').addServer({ name: 'db' });
  addSnapshot(h, db, 0);
  const report = await h.run('cleanup', policy({ ...hourly, keep: { last: 1_490 }, dryRun: true }));
  expect(report.omitted).toBe(0);
  const [web] = report.entries.filter(({ name }) => name === 'web');
  expect(web?.snapshots?.filter(({ outcome }) => outcome === 'planned')).toHaveLength(10);
  expect(web!.snapshots!.length + web!.omittedSnapshots!).toBe(1_500);
  expect(report.entries.map(({ name }) => name).sort()).toEqual(['db', 'web']);
});

describe('cleanup keeps the snapshot that a restore builds a new server from', () => {
  /**
   * A server and its snapshots. A restore has begun from the oldest one; returns what cleanup does
   * with that snapshot over time.
   */
  async function restoring(server: object) {
    setTime('2026-11-20T00:00:10Z');
    const h = await harness({
      regions: ['DFW', 'ORD'],
      timing: { queuedMs: 0, savingMs: 0, buildMs: 3_600_000 },
    });
    h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
    const dfw = h.cloud.region('DFW');
    dfw.addServer({ name: 'web', ...server });
    for (const day of [20, 21, 22, 23]) await take(h, `2026-11-${day}T00:00:00Z`);
    const oldest = dfw.images.at(-1)!;
    setTime('2026-11-23T06:00:00Z');
    await h.run('restore', { server: 'web', to: 'new', at: oldest.id });
    const cleanUp = async (time: string) => {
      setTime(`2026-11-${time}Z`);
      return decisionOn(await h.run('cleanup', policy({ servers: { names: ['web'] } })), oldest);
    };
    return { dfw, oldest, cleanUp };
  }

  test.each([
    ['an image', {}, 0],
    ['an image and the volume snapshots that it names', { image: '', volumeIds: ['root', 'data'] }, 8],
  ])('%s, for a day', async (_, server, volumeSnapshots) => {
    const { dfw, oldest, cleanUp } = await restoring(server);
    expect(await cleanUp('24T05:59:59')).toBe('kept: a restore to a new server has begun with it');
    expect(dfw.volumeSnapshots).toHaveLength(volumeSnapshots);
    expect(await cleanUp('24T06:00:01')).toBe('deleted: no rule keeps it');
    expect(dfw.images).not.toContain(oldest);
  });
});
