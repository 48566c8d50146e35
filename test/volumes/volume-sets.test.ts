import { beforeEach, describe, expect, test } from 'vitest';
import { leavingOut } from '../../local/cloud/faults.ts';
import type { CloudServer, CloudVolume, Region } from '../../local/cloud/state.ts';
import { KINDS } from '../cloud-kinds.ts';
import { deploy, type Harness, policy, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';
import { dbWorld } from './db-world.ts';

// The parts of a server belong together: its image, and the snapshots of its volumes.

const SECRET = 'autosnap/test/rackspace';
const LAST_ONE = { keep: { last: 1 } };

let h: Harness;
let region: Region;
let db: CloudServer;
let data: CloudVolume;

beforeEach(async () => {
  ({ h, region, db, data } = await dbWorld());
});

async function takeDays(first: number, last: number, changes: Record<string, unknown> = {}): Promise<void> {
  for (let day = first; day <= last; day++) {
    setTime(`2026-11-${day}T00:00:10Z`);
    await h.run('snapshot', policy(changes));
  }
  setTime(`2026-11-${last + 1}T12:00:00Z`);
}

const imageOf = (day: number) =>
  region.images.find(({ properties }) => properties.autosnap_slot?.startsWith(`2026-11-${day}`))!;
const partOf = (day: number) =>
  region.volumeSnapshots.find(({ metadata }) => metadata?.autosnap_slot?.startsWith(`2026-11-${day}`))!;
const days = (slots: (string | undefined)[]) => slots.map((slot) => Number(slot?.slice(8, 10))).sort();
const imageDays = () => days(region.images.flatMap(({ properties }) => properties.autosnap_slot ?? []));
const partDays = () => days(region.volumeSnapshots.map(({ metadata }) => metadata?.autosnap_slot));

const dataOf = (day: number) =>
  region.volumeSnapshots.find(
    ({ volumeId, metadata }) => volumeId === data.id && metadata?.autosnap_slot?.startsWith(`2026-11-${day}`),
  )!;
const imagesOn = (day: number, name: string) =>
  region.images.filter(
    (image) =>
      image.name.startsWith(`${name}-`) && image.properties.autosnap_slot?.startsWith(`2026-11-${day}`),
  );

/** Leaves an image out of the first listing. */
function leaveOutImageOnce(id: string): void {
  h.cloud.faults.push({ service: 'image', path: /\/images$/, answer: leavingOut(id) });
}

/** Leaves a volume snapshot out of the first listing. */
function leaveOutOnce(id: string): void {
  h.cloud.faults.push({ service: 'volume', path: /\/snapshots\/detail$/, answer: leavingOut(id) });
}

describe.each(KINDS)('in a cloud by %s', (kind) => {
  beforeEach(() => void h.cloud.secrets.set(SECRET, h.cloud.secret(kind)));

  test.each<[string, () => { status: string }]>([
    ['the image', () => imageOf(24)],
    ['the volume', () => partOf(24)],
  ])('the last complete set stays while %s of the next one has failed', async (_, failed) => {
    await takeDays(23, 24, LAST_ONE);
    Object.assign(failed(), { status: 'error' });
    const report = await h.run('cleanup', policy(LAST_ONE));
    expect(imageDays()).toContain(23);
    expect(partDays()).toContain(23);
    expect(report.codes.SET_KEPT).toBe(1);
  });

  test('sets that fail in turns leave as many complete ones as there were', async () => {
    await takeDays(23, 26, { keep: { last: 2 } });
    imageOf(25).status = 'error';
    partOf(26).status = 'error';
    await h.run('cleanup', policy({ keep: { last: 2 } }));
    const whole = imageDays().filter((day) => partDays().includes(day));
    expect(whole).toEqual(expect.arrayContaining([23, 24]));
  });

  test.each<[string, (image: ReturnType<typeof imageOf>) => unknown]>([
    ['protected in Glance', (image) => Object.assign(image, { protected: true })],
    ['held by hand', (image) => Object.assign(image.properties, { autosnap_hold: 'forever' })],
  ])('the parts of an image that is %s stay with it', async (_, holdIt) => {
    await takeDays(23, 25, LAST_ONE);
    holdIt(imageOf(23));
    await h.run('cleanup', policy(LAST_ONE));
    expect(partDays()).toEqual([23, 25]);
  });

  test('the image of a set stays while the snapshot of its volume is not finished', async () => {
    await takeDays(23, 25, LAST_ONE);
    partOf(24).status = 'creating';
    await h.run('cleanup', policy(LAST_ONE));
    expect(imageDays()).toEqual([24, 25]);
    expect(partDays()).toEqual(expect.arrayContaining([24, 25]));
  });

  test.each<[string, () => void]>([
    ['nothing else happens', () => {}],
    ['one listing lacks its image', () => leaveOutImageOnce(imageOf(23).id)],
    ['one listing lacks its volume snapshot', () => leaveOutOnce(partOf(23).id)],
    ['the volume is detached for now', () => db.volumeIds.splice(0)],
    [
      'the volume is attached to another server for now',
      () => region.addServer({ name: 'other', volumeIds: db.volumeIds.splice(0) }),
    ],
    [
      'the volume snapshot is being backed up',
      () => Object.assign(partOf(23), { status: kind === 'rackspace' ? 'available' : 'backing-up' }),
    ],
  ])('the last whole set stays while parts of the newer ones have failed, and %s', async (_, happen) => {
    await takeDays(23, 25, LAST_ONE);
    imageOf(24).status = 'error';
    partOf(25).status = 'error';
    happen();
    await h.run('cleanup', policy(LAST_ONE));
    expect(imageDays()).toEqual(expect.arrayContaining([23, 25]));
    expect(partDays()).toEqual(expect.arrayContaining([23, 24]));
  });

  test('the last whole set of a volume stays when newer sets have another volume as well', async () => {
    await takeDays(23, 23, LAST_ONE);
    db.volumeIds.push(region.addVolume({ name: 'db-logs', size: 5 }).id);
    await takeDays(24, 25, LAST_ONE);
    imageOf(24).status = 'error';
    for (const one of region.volumeSnapshots)
      if (one.volumeId === data.id && one.id === dataOf(25).id) one.status = 'error';
    await h.run('cleanup', policy(LAST_ONE));
    expect(imageDays()).toContain(23);
    expect(region.volumeSnapshots).toContain(dataOf(23));
  });

  test('sets rotate as single snapshots do, once newer sets have everything that they have', async () => {
    await takeDays(23, 24, LAST_ONE);
    db.volumeIds.push(region.addVolume({ name: 'db-logs', size: 5 }).id);
    await takeDays(25, 25, LAST_ONE);
    await h.run('cleanup', policy(LAST_ONE));
    await h.run('cleanup', policy(LAST_ONE));
    expect([imageDays(), partDays()]).toEqual([[25], [25, 25]]);
  });

  test('of a server that is gone with its volume, orphans keeps whole sets', async () => {
    await takeDays(23, 25, LAST_ONE);
    imageOf(25).status = 'error';
    region.removeServer(db);
    region.removeVolume(data.id);
    setTime('2026-11-30T12:00:00Z');
    await h.run('cleanup', policy({ ...LAST_ONE, orphans: { after: '1d', keep: 1 } }));
    expect(imageDays()).toContain(24);
    expect(partDays()).toEqual(expect.arrayContaining([24]));
  });

  test('a cleanup of one server deletes nothing of a set of another one that shares a volume', async () => {
    const other = region.addServer({ name: 'other', volumeIds: db.volumeIds });
    await takeDays(23, 25, LAST_ONE);
    partOf(24).status = 'error';
    partOf(25).status = 'error';
    const whole = ['db', 'other'].flatMap((name) => imagesOn(23, name));
    expect(whole).toHaveLength(2);
    deploy([policy(LAST_ONE)]);
    for (const name of ['db', other.name])
      await h.run('cleanup', { policy: 'daily', servers: { names: [name] } });
    expect(region.images).toEqual(expect.arrayContaining(whole));
    expect(partDays()).toContain(23);
  });

  test('a hold reaches a part that one listing lacks', async () => {
    await takeDays(23, 25, LAST_ONE);
    const { id } = partOf(23);
    leaveOutOnce(id);
    const report = await h.run('hold', { hold: imageOf(23).id });
    expect(report.entries[0]!.volumes).toHaveLength(1);
  });

  test.each<[string, () => void]>([
    ['the snapshot of a volume', () => Object.assign(partOf(25), { status: 'error' })],
    ['the image', () => Object.assign(imageOf(25), { status: 'error' })],
    [
      'a snapshot of a volume that is gone',
      () => void region.volumeSnapshots.splice(region.volumeSnapshots.indexOf(partOf(25)), 1),
    ],
  ])(
    'the last whole set stays if %s of the newest one is bad when the plan is carried out',
    async (_, happen) => {
      await takeDays(23, 25, LAST_ONE);
      h.cloud.faults.push({ service: 'image', method: 'GET', path: /\/images\/[^/]+$/, answer: happen });
      // The bad part is reported, too.
      await h.fail('cleanup', policy(LAST_ONE));
      expect(imageDays()).toContain(24);
      expect(partDays()).toContain(24);
    },
  );

  test('no part is deleted of a set whose image was protected after the plan', async () => {
    await takeDays(23, 25, LAST_ONE);
    const { id } = imageOf(24);
    h.cloud.faults.push({
      ...{ service: 'image', method: 'GET', path: /\/images\/[^/]+$/ },
      answer: () => Object.assign(region.images.find((one) => one.id === id)!, { protected: true }),
    });
    await h.run('cleanup', policy(LAST_ONE));
    expect([imageDays(), partDays()]).toEqual([
      [24, 25],
      [24, 25],
    ]);
  });

  test('a set is held by the id of one of its volume snapshots', async () => {
    await takeDays(23, 25, LAST_ONE);
    const report = await h.run('hold', { hold: partOf(23).id });
    expect(report.entries[0]).toMatchObject({ outcome: 'held', image: imageOf(23).id });
    await h.run('cleanup', policy(LAST_ONE));
    expect([imageDays(), partDays()]).toEqual([
      [23, 25],
      [23, 25],
    ]);
  });

  test('a cleanup deletes no part of a set that a restore has begun with', async () => {
    const logs = region.addVolume({ name: 'db-logs', size: 5 });
    db.volumeIds.push(logs.id);
    await takeDays(23, 24);
    h.cloud.faults.push({
      ...{ service: 'volume', method: 'POST', path: /\/volumes$/, skip: 1 },
      answer: {
        status: 413,
        headers: { 'retry-after': '0' },
        body: { overLimit: { code: 413, message: 'VolumeLimitExceeded', retryAfter: '0' } },
      },
    });
    await h.fail('restore', { server: 'db', to: 'new', at: imageOf(23).id, request: 'r' });
    await h.run('cleanup', policy(LAST_ONE));
    expect(
      region.volumeSnapshots.filter(({ metadata }) => metadata?.autosnap_slot?.startsWith('2026-11-23')),
    ).toHaveLength(2);
  });

  test('a part that an ad-hoc request takes later belongs to the set of the request', async () => {
    setTime('2026-11-23T06:00:00Z');
    const byHand = { adhoc: true, request: 'upgrade', expires: '30d', servers: { names: ['db'] } };
    data.status = 'attaching';
    await h.run('snapshot', byHand);
    data.status = 'available';
    setTime('2026-11-23T06:20:00Z');
    await h.run('snapshot', byHand);
    h.cloud.advance(60_000);
    const image = region.images.find(({ properties }) => properties.autosnap_policy === 'adhoc')!;
    const report = await h.run('hold', { hold: image.id });
    expect(report.entries[0]!.volumes).toHaveLength(1);
    const plan = await h.run('restore', { server: 'db', to: 'new', at: image.id, dryRun: true });
    expect(plan.codes).toContain('RESTORE_VOLUME');
  });

  test.each<[string, () => string]>([
    ['the volume snapshot', () => partOf(23).id],
    ['the image', () => imageOf(23).id],
  ])(
    'the last whole set stays while every listing lacks %s of it, and parts of newer ones failed',
    async (_, lacked) => {
      await takeDays(23, 25, LAST_ONE);
      imageOf(24).status = 'error';
      partOf(25).status = 'error';
      h.cloud.faults.push(
        ...(['image', 'volume'] as const).map((service) => ({
          ...{ service, path: /\/(images|snapshots\/detail)$/, times: 99 },
          answer: leavingOut(lacked()),
        })),
      );
      await h.run('cleanup', policy(LAST_ONE)).catch(() => undefined);
      expect(imageDays()).toEqual(expect.arrayContaining([23, 25]));
      expect(partDays()).toEqual(expect.arrayContaining([23, 24]));
    },
  );

  test('sets that lack a part are rotated once newer ones have as many parts as they were requested with', async () => {
    await takeDays(23, 25, LAST_ONE);
    region.volumeSnapshots.splice(region.volumeSnapshots.indexOf(partOf(23)), 1);
    await h.run('cleanup', policy(LAST_ONE));
    expect([imageDays(), partDays()]).toEqual([[25], [25]]);
  });

  test('an ad-hoc set goes at its end, also if its volume was detached since', async () => {
    await takeDays(23, 24);
    await h.run('snapshot', { adhoc: true, request: 'upgrade', expires: '1d', servers: { names: ['db'] } });
    db.volumeIds.splice(0);
    setTime('2026-11-27T06:00:00Z');
    await h.run('cleanup', policy(LAST_ONE));
    const left = [
      ...region.images.map(({ properties }) => properties),
      ...region.volumeSnapshots.map(({ metadata }) => metadata),
    ];
    expect(left.filter((marker) => marker?.autosnap_policy === 'adhoc')).toEqual([]);
    expect([imageDays(), partDays()]).toEqual([[24], [23, 24]]);
  });

  test('at the end of a slot the parts that are not taken are deferred, not left out', async () => {
    setTime('2026-11-23T00:00:10Z');
    h.cloud.faults.push({
      ...{ service: 'compute', method: 'POST', path: /\/action$/ },
      answer: () => setTime('2026-11-23T23:59:30Z'),
    });
    const { report } = await h.fail('snapshot', policy());
    expect(report!.entries[0]).toMatchObject({ outcome: 'deferred', volumes: [{ code: 'NEXT_SLOT' }] });
    expect(report!.left).toEqual({ outOfTime: 1 });
  });

  test('a request that is over takes no volume either', async () => {
    await reportBucket();
    h.cold();
    const byHand = { adhoc: true, request: 'old', servers: { names: ['db'] } };
    await h.run('snapshot', byHand);
    region.volumeSnapshots.splice(0);
    for (const { id, properties } of region.images) {
      if (properties.autosnap_policy === 'adhoc') region.removeImage(id);
    }
    setTime('2026-11-25T06:00:00Z');
    const { report } = await h.fail('snapshot', byHand);
    expect(report!.entries[0]).toMatchObject({ code: 'REQUEST_OVER' });
    expect(region.volumeSnapshots).toEqual([]);
  });

  test('a restore waits for a volume snapshot that is being backed up', async () => {
    await takeDays(23, 23);
    partOf(23).status = 'backing-up';
    const { error } = await h.fail('restore', { server: 'db', to: 'new' });
    expect(error.message).toContain('backing-up');
    expect(region.servers).toHaveLength(1);
  });

  test('orphans counts a newest snapshot that one listing lacks', async () => {
    const rules = { keep: { last: 8 }, orphans: { after: '2d', keep: 1 } };
    await takeDays(20, 23, rules);
    db.volumeIds = [];
    region.removeVolume(data.id);
    // A part whose image stays would stay with it.
    for (const { id } of region.images) region.removeImage(id);
    const { id } = partOf(23);
    leaveOutOnce(id);
    await h.run('cleanup', policy(rules));
    expect(partDays()).toEqual([20, 21, 22, 23]);
  });
});

test('the set of a server at Rackspace that boots from a volume is held by one of its snapshots', async () => {
  const root = region.addVolume({ name: 'root', size: 50 });
  region.addServer({ name: 'bfv', image: '', volumeIds: [root.id], rootVolume: root.id });
  await takeDays(23, 25, LAST_ONE);
  const first = region.volumeSnapshots.find(
    ({ volumeId, metadata }) => volumeId === root.id && metadata?.autosnap_slot?.startsWith('2026-11-23'),
  )!;
  const report = await h.run('hold', { hold: first.id });
  expect(report.entries[0]).toMatchObject({ outcome: 'held', volumes: [{ snapshot: first.id }] });
  await h.run('cleanup', policy(LAST_ONE));
  expect(region.volumeSnapshots.map(({ id }) => id)).toContain(first.id);
  await h.run('hold', { release: first.id });
  await h.run('cleanup', policy(LAST_ONE));
  expect(region.volumeSnapshots.map(({ id }) => id)).not.toContain(first.id);
});

test('at the end of a slot a server at Rackspace that boots from a volume is deferred', async () => {
  const root = region.addVolume({ name: 'root', size: 50 });
  region.addServer({ name: 'bfv', image: '', volumeIds: [root.id], rootVolume: root.id });
  setTime('2026-11-23T23:59:30Z');
  const { report } = await h.fail('snapshot', policy({ servers: { names: ['bfv'] } }));
  expect(report!.entries[0]).toMatchObject({ outcome: 'deferred' });
  expect(region.volumeSnapshots).toEqual([]);
});

test('Rackspace deletes one snapshot of a volume after the other: the rest is left to later runs', async () => {
  await takeDays(23, 27, LAST_ONE);
  for (const one of region.volumeSnapshots) one.deletesSlowly = true;
  const report = await h.run('cleanup', policy(LAST_ONE));
  expect(report.warnings.filter(({ code }) => code === 'NOT_DELETABLE')).toEqual([]);
  const asked = h.cloud.received.filter(({ method, path }) => method === 'DELETE' && /snapshots/.test(path));
  expect(asked.length).toBeLessThanOrEqual(2);
  for (const one of [...region.volumeSnapshots]) {
    if (one.status === 'deleting') region.volumeSnapshots.splice(region.volumeSnapshots.indexOf(one), 1);
  }
  expect(partDays()).toContain(27);
});

test('a server at Rackspace fails whose system disk is a volume that the policy excepts', async () => {
  const root = region.addVolume({ name: 'root', size: 50 });
  const more = region.addVolume({ name: 'more', size: 5 });
  const volumeIds = [root.id, more.id];
  region.addServer({
    name: 'bfv',
    image: '',
    volumeIds,
    rootVolume: root.id,
    devices: { [root.id]: '/dev/xvda' },
  });
  const event = policy({ servers: { names: ['bfv'] }, volumes: { except: { names: ['root'] } } });
  const { report } = await h.fail('snapshot', event);
  expect(report!.entries[0]).toMatchObject({ outcome: 'failed', code: 'VOLUME_SERVER_AT_RACKSPACE' });
});

test('a volume that one listing lacks gets its snapshot, although servers at Rackspace do not show their volumes', async () => {
  h.cloud.faults.push(
    { service: 'volume', path: /\/volumes\/detail$/, answer: leavingOut(data.id) },
    {
      ...{ service: 'compute', path: /\/servers\/detail$/, times: 9 },
      answer: {
        async edit(answer) {
          const body = (await answer.json()) as { servers: Record<string, unknown>[] };
          const servers = body.servers.map((one) => ({
            ...one,
            'os-extended-volumes:volumes_attached': undefined,
          }));
          return Response.json({ ...body, servers });
        },
      },
    },
  );
  await h.run('snapshot', policy());
  expect(region.volumeSnapshots.map(({ volumeId }) => volumeId)).toEqual([data.id]);
});
