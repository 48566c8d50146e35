import { describe, expect, test } from 'vitest';
import { addSnapshot } from '../history.ts';
import {
  again,
  changes,
  IN_PLACE,
  inPlace,
  later,
  leaveOut,
  restoredIn,
  safetySnapshotsIn,
  serversIn,
  TO_NEW,
  type World,
  world,
} from './world.ts';

/** A second server with its own snapshot, in the region of the first. */
async function two() {
  const h = await world(['DFW', 'ORD']);
  const mail = h.cloud.region('DFW').addServer({ name: 'mail' });
  return { ...h, mail, mailImage: addSnapshot(h, mail, 0) };
}
type Two = Awaited<ReturnType<typeof two>>;

const EDITS: [string, (h: Two) => object, RegExp][] = [
  [
    'server',
    (h) => ({ server: h.mail.id, at: h.mailImage.id, confirm: 'mail' }),
    /server: the restore "mine"/,
  ],
  ['server, by its name', () => ({ server: 'mail', at: 'latest', confirm: 'mail' }), /server: the restore/],
  ['at', (h) => ({ at: h.images[1]!.id }), /at: the restore "mine" has begun with \S+, the snapshot of/],
  ['at, to a date before it', () => ({ at: '2026-11-22' }), /at: the restore "mine" has begun with/],
];

describe('a resumed event is refused if it differs from the one with which the restore began', () => {
  test.each([
    ...EDITS,
    ['to', () => ({ to: 'in-place', confirm: 'web' }), /to: the restore .* with new/],
  ] as typeof EDITS)('to a new server, with another %s', async (_, edit, problem) => {
    const h = await two();
    const first = await h.run('restore', { ...TO_NEW, request: 'mine' });
    for (const next of [again(first), { ...TO_NEW, request: 'mine' }]) {
      const { confirm, ...rest } = { ...next, ...edit(h) } as Record<string, unknown>;
      const event = rest.to === 'in-place' ? { ...rest, confirm } : rest;
      const { error } = await h.fail('restore', event);
      expect(error.name).toBe('ValidationError');
      expect(error.message).toMatch(problem);
    }
    expect(serversIn(h)).toHaveLength(3);
    expect(changes(h)).toHaveLength(1);
  });

  test.each([
    ...EDITS,
    ['to', () => ({ to: 'new', confirm: undefined, safetySnapshots: undefined }), /to: .* with in-place/],
  ] as typeof EDITS)('in place, before and after the rebuild, with another %s', async (_, edit, problem) => {
    const h = await two();
    const first = await h.run('restore', { ...IN_PLACE, request: 'mine' });
    const edited = async (next: object) => {
      const event = JSON.parse(JSON.stringify({ ...next, ...edit(h) }));
      const { error } = await h.fail('restore', event);
      expect(error.name).toBe('ValidationError');
      expect(error.message).toMatch(problem);
    };
    const before = { ...IN_PLACE, request: 'mine' };
    await edited(again(first));
    await edited(before);
    later(h, 30);
    await edited(again(first));
    expect(h.rebuilt).toHaveLength(0);
    const second = await h.run('restore', again(first));
    await edited(again(second));
    await edited(before);
    expect(h.rebuilt).toHaveLength(1);
    expect(safetySnapshotsIn(h)).toHaveLength(1);
    expect(serversIn(h)).toHaveLength(2);
  });

  test.each(['new', 'in-place'] as const)('with another region or account, to: %s', async (to) => {
    const h = await two();
    const first = await h.run('restore', to === 'new' ? TO_NEW : IN_PLACE);
    const elsewhere = await h.fail('restore', { ...again(first), region: 'ORD' });
    expect(elsewhere.error.message).toMatch(/server: there is no ".*" in ORD/);
    const account = await h.fail('restore', { ...again(first), account: 'customer-b' });
    expect(account.error.name).not.toBe('the run did not fail');
    expect(changes(h)).toHaveLength(1);
  });

  test('a region that is another name for the same cloud is accepted', async () => {
    const h = await world(['DFW', 'ORD']);
    const first = await h.run('restore', TO_NEW);
    h.cloud.region('ORD').servers.push(...serversIn(h));
    const { error } = await h.fail('restore', { ...again(first), region: 'ORD' });
    expect(error.message).toMatch(/region: the restore .* has begun with DFW/);
  });

  test.each<[string, object, RegExp]>([
    ['has not made', { restored: 'web' }, /restored: server \S+ was not made or rebuilt by/],
    [
      'has made, and which was deleted since',
      { restored: 'aaaaaaaa-0000-4000-8000-000000000000' },
      /restored: there is no server \S+ in DFW: it has been deleted since/,
    ],
  ])('it names a server that the restore %s', async (_, edit, problem) => {
    const h = await world();
    const first = await h.run('restore', TO_NEW);
    const ids = (edit as { restored: string }).restored === 'web' ? { restored: h.web.id } : edit;
    const { error } = await h.fail('restore', { ...again(first), ...ids });
    expect(error.message).toMatch(problem);
    expect(changes(h)).toHaveLength(1);
  });

  test('it names an image that is not a safety snapshot', async () => {
    const h = await world();
    const first = await h.run('restore', IN_PLACE);
    later(h, 30);
    const { error } = await h.fail('restore', { ...again(first), safetySnapshots: [h.images[0]!.id] });
    expect(error.message).toMatch(/safetySnapshots: image \S+ is not a safety snapshot of the restore/);
    expect(h.rebuilt).toHaveLength(0);
  });
});

describe('a restore is only done for the server that it created or rebuilt, from its image', () => {
  test('a server with copied metadata is only mentioned', async () => {
    const h = await world();
    const first = await h.run('restore', TO_NEW);
    const [made] = restoredIn(h);
    const copy = h.cloud.region('DFW').addServer({
      name: 'copy',
      image: made!.image,
      metadata: { ...made!.metadata },
      createdAt: h.cloud.now(),
    });
    later(h, 5);
    const second = await h.run('restore', again(first));
    expect(second).toMatchObject({ state: 'done', restored: made!.id });
    expect(second.codes).toEqual(['RESTORED', 'RESTORE_SOURCE', 'RESTORE_TWIN']);
    expect(second.lines.at(-1)).toContain(copy.id);
  });

  test('metadata of a server restored in place have no effect on another server', async () => {
    const h = await world();
    const first = await h.run('restore', IN_PLACE);
    const mark = `${first.request} in-place DFW ${h.web.id} ${first.image} 2026-11-23T06:10:00Z`;
    h.cloud
      .region('DFW')
      .addServer({ name: 'copy', image: first.image, metadata: { autosnap_restore: mark } });
    later(h, 30);
    expect(await h.run('restore', again(first))).toMatchObject({ state: 'building', restored: h.web.id });
  });

  test.each(['new', 'in-place'] as const)(
    'a server that was rebuilt from another image since is refused, to: %s',
    async (to) => {
      const h = await world();
      let report = await h.run('restore', to === 'new' ? TO_NEW : IN_PLACE);
      later(h, 30);
      if (to === 'in-place') report = await h.run('restore', again(report));
      const event = again(report);
      const server = serversIn(h).find(({ id }) => id === report.restored)!;
      server.image = h.images[1]!.id;
      later(h, 30);
      const { error } = await h.fail('restore', { ...event, restored: server.id });
      expect(error.message).toMatch(/has been rebuilt since, from image/);
    },
  );

  test('the deletion of the new server between two calls is reported, and no other server is created', async () => {
    const h = await world();
    const first = await h.run('restore', TO_NEW);
    serversIn(h).pop();
    const { error } = await h.fail('restore', again(first));
    expect(error.message).toMatch(/it has been deleted since/);
    expect(restoredIn(h)).toEqual([]);
  });

  test('the new server is still followed if the original and its snapshots are deleted between two calls', async () => {
    const h = await world();
    const first = await h.run('restore', TO_NEW);
    serversIn(h).splice(0, 1);
    for (const { id } of h.images) h.cloud.region('DFW').removeImage(id);
    later(h, 5);
    expect(await h.run('restore', again(first))).toMatchObject({ state: 'done', restored: first.restored });
  });
});

describe('servers and images that a listing lacks', () => {
  test('the new server is found by its id', async () => {
    const h = await world();
    const first = await h.run('restore', TO_NEW);
    leaveOut(h, (id) => id === first.restored);
    later(h, 5);
    expect(await h.run('restore', again(first))).toMatchObject({ state: 'done', restored: first.restored });
    expect(restoredIn(h)).toHaveLength(1);
  });

  test.each<[string, (h: World) => string]>([
    ['by its name', () => 'web'],
    ['by its id', (h) => h.web.id],
  ])('the original does not count as deleted if it is named %s', async (_, server) => {
    const h = await world();
    for (const image of h.images)
      image.name = `web-daily-${image.properties.autosnap_slot!.replace(/[-:]/g, '')}`;
    leaveOut(h, (id) => id === h.web.id);
    const report = await h.run('restore', { server: server(h), to: 'new', dryRun: true });
    expect(report.lines.join('\n')).toMatch(/flavor 2 GB General Purpose v1, as the original has/);
  });

  test('an original without any snapshot of ours is found by its id', async () => {
    const h = await world(['DFW', 'ORD']);
    const mail = h.cloud.region('ORD').addServer({ name: 'mail' });
    const image = h.cloud.region('ORD').addImage({
      name: 'by hand',
      owner: h.cloud.account.projectId,
      properties: { instance_uuid: mail.id },
    });
    leaveOut(h, (id) => id === mail.id);
    const report = await h.run('restore', { server: mail.id, to: 'new', at: image.id, dryRun: true });
    expect(report).toMatchObject({ name: 'mail', region: 'ORD' });
    expect(report.codes[0]).toBe('RESTORE_IMAGE');
  });

  test('if it is unknown whether the original was deleted, nothing is created', async () => {
    const h = await world();
    leaveOut(h, (id) => id === h.web.id);
    const down = { status: 403, body: { forbidden: { code: 403, message: 'no' } } };
    h.cloud.faults.push({ service: 'compute', path: /\/servers\/[^/]+$/, times: 9, answer: down });
    const { error } = await h.fail('restore', { ...TO_NEW, server: h.web.id });
    expect(error.name).toBe('CloudError');
    expect(changes(h)).toEqual([]);
  });

  test('an image is found by its id', async () => {
    const h = await world();
    leaveOut(h, (id) => id === h.images[1]!.id);
    const report = await h.run('restore', { ...TO_NEW, at: h.images[1]!.id });
    expect(report).toMatchObject({ state: 'building', image: h.images[1]!.id });
  });
});

test('of two simultaneous calls with the same request only one requests a server', async () => {
  const h = await world();
  const event = { ...TO_NEW, request: 'mine' };
  const both = await Promise.all([h.run('restore', event), h.run('restore', event)]);
  expect(restoredIn(h)).toHaveLength(1);
  expect(both.map(({ state }) => state).sort()).toEqual(['building', 'waiting']);
  expect(both.flatMap(({ codes }) => codes)).toContain('RESTORE_STEP_BY_OTHER_CALL');
  later(h, 5);
  expect(await h.run('restore', event)).toMatchObject({ state: 'done' });
});

test.each([TO_NEW, IN_PLACE])('a resumed event with another policy is refused: $to', async (event) => {
  const h = await world();
  const first = await h.run('restore', { ...event, request: 'mine' });
  later(h, 30);
  const { error } = await h.fail('restore', { ...again(first), policy: 'weekly' });
  expect(error.message).toContain('policy: the restore "mine" has begun with daily');
  expect(h.rebuilt).toEqual([]);
});

test('an ad-hoc snapshot with the same request is taken once, after the server was rebuilt from the safety snapshot', async () => {
  const h = await world();
  await inPlace(h, { ...IN_PLACE, request: 'mine' });
  const [safety] = safetySnapshotsIn(h);
  await inPlace(h, { ...IN_PLACE, at: safety!.id, request: 'back' });
  const event = { adhoc: true, request: 'mine', servers: { names: ['web'] } };
  expect((await h.run('snapshot', event)).totals).toEqual({ taken: 1 });
  later(h, 60);
  expect((await h.run('snapshot', event)).totals).toEqual({ skipped: 1 });
});

test('an invalid server id is never part of a URL', async () => {
  const h = await world();
  const odd = '../../../../..';
  h.cloud
    .region('DFW')
    .addImage({ name: 'odd', owner: h.cloud.account.projectId, properties: { instance_uuid: odd } });
  const { error } = await h.fail('restore', { server: odd, to: 'new' });
  expect(error.message).toContain('there is no');
  expect(h.cloud.received.filter(({ path }) => path.includes('..') || path.includes('%2F'))).toEqual([]);
});
