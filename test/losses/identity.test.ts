import { describe, expect, test } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { runImageSchedule } from '../../local/cloud/image-schedule.ts';
import type { CloudImage, CloudServer } from '../../local/cloud/state.ts';
import { textsOf } from '../finding-texts.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, daysIn, decisionOn, deletions, history, idsOf, slotOf, take } from '../history.ts';
import type { CloudClient } from '../local/client.ts';
import { person } from './person.ts';

// Losses found in this product: images of others that were taken for ours, and snapshots of ours
// that were not recognised.

const AT_KEYSTONE = { account: 'keystone' };

/** A server that was rebuilt by the cloud's API from its one snapshot of ours, on the 20th. */
async function rebuilt() {
  setTime('2026-11-20T00:00:00Z');
  const h = await harness();
  h.cloud.secrets.set('autosnap/test/keystone', h.cloud.secret('password'));
  const web = h.cloud.region('DFW').addServer({ name: 'web' });
  const somebody = await person(h);
  await take(h, '2026-11-20T00:00:00Z');
  const [snapshot] = ours(h);
  await rebuild(somebody, web, snapshot!);
  return { ...h, web, somebody, snapshot: snapshot! };
}

async function rebuild(somebody: CloudClient, { id }: CloudServer, image: CloudImage): Promise<void> {
  expect(await somebody.action(id, { rebuild: { imageRef: image.id } })).toMatchObject({ status: 202 });
  await somebody.reach(id, 'ACTIVE');
}

const ours = ({ cloud }: Pick<Harness, 'cloud'>) =>
  cloud.region('DFW').images.filter(({ name }) => /-(daily|adhoc)-\d{8}T\d{6}Z$/.test(name));

/** Takes snapshots and rotates them for three more days. Returns the last report of a cleanup. */
async function threeMoreDays(h: Harness): Promise<Report> {
  let report: Report | undefined;
  for (const day of ['21', '22', '23']) {
    await take(h, `2026-11-${day}T00:00:00Z`);
    report = await h.run('cleanup', policy());
  }
  return report!;
}

type Rebuilt = Awaited<ReturnType<typeof rebuilt>>;

/** Others who create an image of the server. Each returns the image's id. */
const MAKERS: Record<string, (h: Rebuilt) => Promise<string> | string> = {
  'a person': async ({ somebody, web }) => (await somebody.makeImage(web.id, 'golden')).id,
  'a person, as a backup': async ({ somebody, web }) => {
    const createBackup = { name: 'golden', backup_type: 'daily', rotation: 5 };
    const { location } = await somebody.action(web.id, { createBackup });
    await somebody.reach(web.id, 'ACTIVE');
    return location!.split('/').at(-1)!;
  },
  "Rackspace's own schedule": async ({ cloud, somebody, web }) => {
    const { id } = runImageSchedule(
      cloud.region('DFW'),
      Object.assign(web, { imageSchedule: { retention: 9 } }),
    )!;
    await somebody.reach(web.id, 'ACTIVE');
    return id;
  },
  'another deployment, for a policy of the same name': async ({ somebody, web }) => {
    const slot = new Date('2026-11-20T00:00:00Z');
    const metadata = { autosnap_owner: 'autosnap_test_2', autosnap_slot: '2026-11-20T00:00:00Z' };
    return (await somebody.makeImage(web.id, imageName(web, 'daily', slot), metadata)).id;
  },
  'a person, on the same day, with the name of the snapshot in its name': async ({
    somebody,
    snapshot,
    web,
  }) => (await somebody.makeImage(web.id, `golden-from-${snapshot.name}`)).id,
  'a tool that copies the name of the image, a day later': async ({ somebody, snapshot, web }) => {
    setTime('2026-11-21T00:00:10Z');
    await somebody.logIn();
    return (await somebody.makeImage(web.id, snapshot.name)).id;
  },
};

describe("Y1: lost somebody's golden image, because its server had been rebuilt from a snapshot of ours", () => {
  test.each(Object.entries(MAKERS))('an image created by %s stays', async (_, make) => {
    const h = await rebuilt();
    const id = await make(h);
    expect(h.cloud.region('DFW').image(id)!.properties.autosnap_server).toBe(h.web.id);
    const report = await threeMoreDays(h);
    expect(h.cloud.region('DFW').image(id)).toBeDefined();
    expect(decisionOn(report, { id })).toBeUndefined();
    // The image does not count: the newest three of ours stay, and the first one is deleted.
    const left = ours(h).filter((image) => image.id !== id);
    expect(left.map(({ properties }) => properties.autosnap_slot?.slice(5, 10))).toEqual([
      '11-23',
      '11-22',
      '11-21',
    ]);
  });

  test('each report names the image with the reason', async () => {
    const h = await rebuilt();
    const id = await MAKERS['a person']!(h);
    const { warnings } = await threeMoreDays(h);
    expect(textsOf(warnings)).toContainEqual(
      `DFW: golden (${id}) is marked as ours, but its name does not end in -daily-20261120T000000Z: it was renamed, or something else made it: it is kept and not counted`,
    );
  });

  test('an image created after the snapshot was deleted stays', async () => {
    const h = await rebuilt();
    await h.somebody.send('image', 'DELETE', `/images/${h.snapshot.id}`);
    const id = await MAKERS['a person']!(h);
    await threeMoreDays(h);
    expect(h.cloud.region('DFW').image(id)).toBeDefined();
  });

  test('an image of a new server created from the snapshot stays', async () => {
    const h = await rebuilt();
    const copy = await h.somebody.makeServer('copy', { imageRef: h.snapshot.id, flavorRef: h.web.flavor });
    const { id } = await h.somebody.makeImage(copy, h.snapshot.name);
    await threeMoreDays(h);
    expect(h.cloud.region('DFW').image(id)).toBeDefined();
  });

  test('an image of a server that was rebuilt from an expiring ad-hoc snapshot stays', async () => {
    const h = await rebuilt();
    await h.run('snapshot', { adhoc: true, expires: '1h', servers: { all: true } });
    setTime('2026-11-20T01:30:00Z');
    const adhoc = ours(h).find(({ properties }) => properties.autosnap_policy === 'adhoc')!;
    await rebuild(h.somebody, h.web, adhoc);
    const { id } = await h.somebody.makeImage(h.web.id, 'golden');
    expect(h.cloud.region('DFW').image(id)!.properties.autosnap_expires).toMatch(/^2026-11-20T01:/);
    await threeMoreDays(h);
    expect(h.cloud.region('DFW').image(id)).toBeDefined();
    expect(h.cloud.region('DFW').image(adhoc.id)).toBeUndefined();
  });

  test('a renamed snapshot is no longer rotated, and is reported', async () => {
    const h = await history(4);
    h.images[3]!.name = 'golden';
    const report = await h.run('cleanup', policy({ keep: { last: 1 } }));
    expect(report.totals).toEqual({ deleted: 2, kept: 1 });
    expect(h.cloud.region('DFW').image(h.images[3]!.id)).toBeDefined();
    expect(textsOf(report.warnings).join()).toContain('golden');
  });
});

describe('Y6: lost five real snapshots to three newer fakes', () => {
  /**
   * An image of one byte with our marker and name, as anyone who may create images could make it.
   */
  const fake = (h: Awaited<ReturnType<typeof history>>, age: number, changes: Partial<CloudImage> = {}) => {
    const image = addSnapshot(h, h.web, age, { size: 1, ...changes });
    delete image.properties.instance_uuid;
    return image;
  };

  test('fakes do not count, and stay', async () => {
    const h = await history(5);
    const later = [-1, -2, -3].map((age) => fake(h, age));
    setTime('2026-11-26T06:00:00Z');
    const report = await h.run('cleanup', policy({ keep: { last: 3 } }));
    expect(report.totals).toEqual({ deleted: 2, kept: 3 });
    expect(idsOf(h.cloud.region('DFW').images)).toEqual(idsOf([...h.images.slice(0, 3), ...later]));
    expect(
      textsOf(report.warnings).filter((line) =>
        line.includes('it was made from another server than the one in its marker'),
      ),
    ).toHaveLength(3);
  });

  test('the slot of a fake does not count as taken', async () => {
    const h = await history(0);
    setTime('2026-11-23T00:00:10Z');
    fake(h, 0);
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: 1 });
  });
});

describe('Y7: lost the snapshots of another deployment', () => {
  test.each([
    [
      'whose service and stage give the same text when joined',
      { AUTOSNAP_SERVICE: 'autosnap-eu', AUTOSNAP_STAGE: 'prod' },
      'us-east-1',
    ],
    ['of the same name in another AWS region', {}, 'eu-west-1'],
  ])('%s', async (_, other, region) => {
    const { vi } = await import('vitest');
    const h = await history(0);
    const as = async (environment: Record<string, string>, awsRegion: string, slot: string) => {
      const names = {
        AUTOSNAP_OWNER: '',
        AUTOSNAP_SERVICE: 'autosnap',
        AUTOSNAP_STAGE: 'eu-prod',
        ...environment,
      };
      for (const [name, value] of Object.entries(names)) vi.stubEnv(name, value);
      h.cloud.secrets.set(
        `${names.AUTOSNAP_SERVICE}/${names.AUTOSNAP_STAGE}/rackspace`,
        h.cloud.secret('rackspace'),
      );
      h.cold();
      setTime(new Date(new Date(slot).getTime() + 10_000));
      const arn = `arn:aws:lambda:${awsRegion}:000000000000:function:f`;
      await h.run('snapshot', policy(), { arn });
      setTime(new Date(new Date(slot).getTime() + 1_800_000));
      return h.run('cleanup', policy({ keep: { last: 1 } }), { arn });
    };
    await as({}, 'us-east-1', '2026-11-20T00:00:00Z');
    await as(other, region, '2026-11-21T00:00:00Z');
    const report = await as({}, 'us-east-1', '2026-11-22T00:00:00Z');
    expect(report.totals).toEqual({ deleted: 1, kept: 1 });
    expect(daysIn(h)).toEqual(['11-22', '11-21']);
  });
});

describe('a server whose disk is a volume', () => {
  /** Four days of snapshots of a server with a root volume and a data volume. */
  async function volumeHistory(prepare?: (h: Harness, somebody: CloudClient) => Promise<CloudServer>) {
    setTime('2026-11-20T00:00:00Z');
    const h = await harness();
    h.cloud.secrets.set('autosnap/test/keystone', h.cloud.secret('password'));
    const somebody = await person(h);
    const db = prepare
      ? await prepare(h, somebody)
      : h.cloud.region('DFW').addServer({ name: 'db', image: '', volumeIds: ['root', 'data'] });
    for (const day of ['20', '21', '22', '23']) {
      const report = await take(h, `2026-11-${day}T00:00:00Z`, { ...AT_KEYSTONE, servers: { ids: [db.id] } });
      expect(report.totals).toEqual({ taken: 1 });
    }
    return { ...h, somebody, db };
  }

  const rotated = (h: Harness, db: CloudServer) =>
    h.run('cleanup', policy({ ...AT_KEYSTONE, servers: { ids: [db.id] }, keep: { last: 2 } }));

  test.each<[string, (h: Awaited<ReturnType<typeof volumeHistory>>) => unknown]>([
    ['is detached', ({ db }) => db.volumeIds.splice(1, 1)],
    [
      'is moved to another server',
      ({ cloud, db }) =>
        cloud.region('DFW').addServer({ name: 'other', volumeIds: db.volumeIds.splice(1, 1) }),
    ],
    ['is added', ({ db }) => db.volumeIds.push('more')],
  ])(
    'Y16: its earlier snapshots still count, rotate and can be restored if a volume %s',
    async (_, change) => {
      const h = await volumeHistory();
      change(h);
      const report = await rotated(h, h.db);
      expect(report.totals).toEqual({ deleted: 2, kept: 2 });
      expect(report.warnings).toEqual([]);
      const again = await h.run('snapshot', policy({ ...AT_KEYSTONE, servers: { ids: [h.db.id] } }));
      expect(again.entries[0]?.reason).toMatch(/^already taken/);
      const dry = { server: h.db.id, to: 'new', dryRun: true, account: 'keystone' };
      const [newest] = ours(h);
      expect(await h.run('restore', dry)).toMatchObject({ state: 'planned', image: newest!.id });
    },
  );

  test.each<[string, Partial<{ name: string; createdAt: Date; volumeId: string }>]>([
    ["somebody's own", { name: 'before the migration' }],
    ['of another image', { name: 'snapshot for web-daily-20261101T000000Z' }],
    ['older than the image', { createdAt: new Date('2026-10-01T00:00:00Z') }],
    ['of a volume of another server', { volumeId: 'of another' }],
  ])('Y18: a volume snapshot that an image with our marker names stays if it is %s', async (_, changes) => {
    const h = await volumeHistory();
    const dfw = h.cloud.region('DFW');
    const slot = slotOf(10);
    const name = imageName(h.db, 'daily', slot);
    const createdAt = new Date(slot.getTime() + 20_000);
    const precious = dfw.addVolumeSnapshot({
      name: `snapshot for ${name}`,
      volumeId: 'root',
      createdAt,
      ...changes,
    });
    const forged = addSnapshot(h, h.db, 10, {
      size: 0,
      properties: {
        block_device_mapping: JSON.stringify([{ source_type: 'snapshot', snapshot_id: precious.id }]),
      },
    });
    const report = await rotated(h, h.db);
    expect(report.totals).toEqual({ deleted: 2, kept: 2 });
    expect(dfw.volumeSnapshots).toContain(precious);
    expect(dfw.image(forged.id)).toBeDefined();
    expect(textsOf(report.warnings).join()).toContain(`(${forged.id}) is marked as ours, but`);
  });

  /**
   * The root volume was created from a snapshot of ours of another server, which has a local disk.
   */
  const fromAnother = async (h: Harness, somebody: CloudClient) => {
    const web = h.cloud.region('DFW').addServer({ name: 'web' });
    await take(h, '2026-11-19T00:00:00Z', { servers: { ids: [web.id] } });
    const [snapshot] = ours(h);
    const { name: _, ...metadata } = { ...snapshot!.properties, name: '' };
    const volume = await somebody.makeVolume('root', metadata);
    const id = await somebody.makeServerOn(volume, 'db');
    return h.cloud.region('DFW').servers.find((server) => server.id === id)!;
  };
  /**
   * The server was created from an image whose data are in volume snapshots. It shows that image,
   * although its root disk is a volume.
   */
  const showingAnImage = async (h: Harness, somebody: CloudClient) => {
    const first = await somebody.makeServerOn(await somebody.makeVolume('root'), 'first');
    const image = await somebody.makeImage(first, 'of a volume');
    const id = await somebody.makeServer('db', { imageRef: image.id, flavorRef: 'general1-2' });
    const server = h.cloud.region('DFW').servers.find((one) => one.id === id)!;
    expect(server.image).toBe(image.id);
    expect(server.volumeIds).toHaveLength(1);
    return server;
  };

  test.each([
    ['made from an image of another server', fromAnother],
    ['although an image is shown', showingAnImage],
  ])(
    'Y30: its snapshots are recognised, taken once a slot and rotated, if its root is %s',
    async (_, prepare) => {
      const h = await volumeHistory(prepare);
      const again = await h.run('snapshot', policy({ ...AT_KEYSTONE, servers: { ids: [h.db.id] } }));
      expect(again.entries[0]?.reason).toMatch(/^already taken/);
      const its = () => ours(h).filter(({ properties }) => properties.autosnap_server === h.db.id);
      expect(its()).toHaveLength(4);
      const report = await rotated(h, h.db);
      expect(
        report.entries.find(({ server }) => server === h.db.id)?.snapshots?.map(({ outcome }) => outcome),
      ).toEqual(['kept', 'kept', 'deleted', 'deleted']);
      expect(its()).toHaveLength(2);
    },
  );
});

test('Y25: an ad-hoc snapshot of a server that was created from a held snapshot still expires', async () => {
  const h = await rebuilt();
  await h.run('hold', { hold: h.snapshot.id });
  await rebuild(h.somebody, h.web, h.snapshot);
  await h.run('snapshot', { adhoc: true, expires: '1h', servers: { all: true } });
  setTime('2026-11-20T03:00:00Z');
  const adhoc = ours(h).find(({ properties }) => properties.autosnap_policy === 'adhoc')!;
  const report = await h.run('cleanup', policy());
  expect(decisionOn(report, adhoc)).toMatch(/^deleted: ad hoc, ended/);
  expect(h.cloud.region('DFW').image(h.snapshot.id)).toBeDefined();
});

describe('Y29: a slot was taken twice, and a restore used the snapshot of the day before, because the newest had been shared', () => {
  const seenBy = (visibility: string) => (somebody: CloudClient, id: string) =>
    somebody.patch(id, { op: 'replace', path: '/visibility', value: visibility });
  const changes: Record<string, (somebody: CloudClient, id: string, h: Harness) => unknown> = {
    shared: seenBy('shared'),
    community: seenBy('community'),
    // Only an administrator of the cloud may do this.
    public: (_, id, { cloud }) => Object.assign(cloud.region('DFW').image(id)!, { visibility: 'public' }),
    hidden: (somebody, id) => somebody.patch(id, { op: 'replace', path: '/os_hidden', value: true }),
  };

  test.each(Object.entries(changes))(
    '%s: the snapshot is found, counted, kept and reported',
    async (how, change) => {
      const h = await history(4);
      const somebody = await person(h);
      const [newest, ...older] = h.images;
      await change(somebody, newest!.id, h);
      await change(somebody, older[2]!.id, h);
      const again = await h.run('snapshot', policy());
      expect(again.entries[0]?.reason).toBe(`already taken: image ${newest!.id} is active`);
      const dry = { server: 'web', to: 'new', dryRun: true };
      expect(await h.run('restore', dry)).toMatchObject({ image: newest!.id });
      const report = await h.run('cleanup', policy({ keep: { last: 2 } }));
      expect(idsOf(h.cloud.region('DFW').images.filter(({ name }) => name !== 'base'))).toEqual(
        idsOf([newest!, older[0]!, older[2]!]),
      );
      expect(decisionOn(report, older[2]!)).toMatch(`kept: the image is ${how}: it stays until`);
      expect(textsOf(report.warnings).filter((line) => line.includes(`the image is ${how}`))).toHaveLength(2);
      expect(deletions(h)).toHaveLength(1);
    },
  );
});
