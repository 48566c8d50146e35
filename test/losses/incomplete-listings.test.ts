import { expect, test } from 'vitest';
import { blueprintText } from '../../lib/snapshots/blueprint.ts';
import { leavingOut } from '../../local/cloud/faults.ts';
import { addLookalike, drillEvent, drillWorld, record, sent } from '../drill/world.ts';
import { textsOf } from '../finding-texts.ts';
import { harness, policy, setTime } from '../harness.ts';
import { addSnapshot, decisionOn, history, take } from '../history.ts';
import { again, later, leaveOut, restoredIn, TO_NEW, world } from '../restore/world.ts';
import { person } from './person.ts';

// Losses caused by a single listing that lacked a server: conclusions from a listing are verified
// by a second request.

const LISTING = { service: 'compute', path: /\/servers\/detail/ } as const;

test('the image from which a restore is creating a server stays, although a listing lacks that server', async () => {
  const h = await history(4);
  const oldest = h.images[3]!;
  const { restored } = await h.run('restore', { server: 'web', to: 'new', at: oldest.id });
  h.cloud.faults.push({ ...LISTING, region: 'DFW', answer: leavingOut(restored!) });
  const report = await h.run('cleanup', policy({ keep: { last: 3 } }));
  expect(decisionOn(report, oldest)).toBe('kept: a restore to a new server has begun with it');
});

test.each([
  ['a person rebuilds a server from', true],
  ['a person makes a new server from', false],
])('the image that %s stays until the restore is done', async (_, isRebuild) => {
  const h = await history(4);
  const dfw = h.cloud.region('DFW');
  const [oldest, other] = [h.images[3]!, h.images[2]!];
  const somebody = await person(h);
  const { flavorRef } = somebody;
  const answer = isRebuild
    ? await somebody.action(dfw.servers[0]!.id, { rebuild: { imageRef: oldest.id } })
    : await somebody.send('compute', 'POST', '/servers', {
        server: { name: 'mine', imageRef: oldest.id, flavorRef },
      });
  expect(answer).toMatchObject({ status: 202 });
  const building = isRebuild ? dfw.servers[0]! : dfw.servers.at(-1)!;
  h.cloud.faults.push({ ...LISTING, region: 'DFW', answer: leavingOut(building.id) });
  const during = await h.run('cleanup', policy({ keep: { last: 1 } }));
  expect(decisionOn(during, oldest)).toBe('kept: a server is being made from it');
  expect(decisionOn(during, other)).toMatch('deleted');
  h.cloud.advance(3_600_000);
  setTime('2026-11-23T07:00:00Z');
  expect(decisionOn(await h.run('cleanup', policy({ keep: { last: 1 } })), oldest)).toMatch('deleted');
});

test('the volume snapshots of an image from which a restore is creating a server stay as well', async () => {
  setTime('2026-11-20T00:00:10Z');
  const h = await harness({ timing: { queuedMs: 0, savingMs: 0, buildMs: 3_600_000 } });
  h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
  const dfw = h.cloud.region('DFW');
  dfw.addServer({ name: 'web', image: '', volumeIds: ['root', 'data'] });
  for (const day of [20, 21, 22, 23]) await take(h, `2026-11-${day}T00:00:00Z`);
  const oldest = dfw.images.at(-1)!;
  setTime('2026-11-23T06:00:00Z');
  const { restored } = await h.run('restore', { server: 'web', to: 'new', at: oldest.id });
  h.cloud.faults.push({ ...LISTING, answer: leavingOut(restored!) });
  await h.run('cleanup', policy({ servers: { names: ['web'] }, keep: { last: 3 } }));
  expect(dfw.images).toContain(oldest);
  expect(dfw.volumeSnapshots).toHaveLength(8);
});

test('two servers with the nonce of one drill both stay, although a listing lacks one of them', async () => {
  const h = await drillWorld();
  const image = h.newest[0]!;
  record(image);
  const createdAt = new Date('2026-11-23T05:59:30Z');
  const real = addLookalike(h, image, { createdAt });
  const production = addLookalike(h, image, { name: 'production-drill-20261123T055900Z', createdAt });
  h.cloud.faults.push({ ...LISTING, region: 'DFW', answer: leavingOut(real.id) });
  const { report } = await h.fail('drill', drillEvent());
  expect(textsOf(report?.failures).join()).toContain('another server has the same metadata');
  expect(h.dfw.servers).toContain(production);
  expect(sent(h, 'DELETE')).toEqual([]);
});

test('a restore requests one server only, although no listing ever shows it', async () => {
  const h = await world();
  const event = { ...TO_NEW, request: 'mine' };
  const first = await h.run('restore', event);
  const showAll = leaveOut(h, (id) => id === first.restored);
  const { error, report } = await h.fail('restore', event);
  expect(error.message).toContain('an earlier call of this request has requested a server');
  expect(restoredIn(h)).toHaveLength(1);
  showAll();
  expect(await h.run('restore', again(report!))).toMatchObject({ restored: first.restored });
});

test('a restore whose answer was lost requests one server only', async () => {
  const h = await world();
  h.cloud.faults.push({ service: 'compute', method: 'POST', answer: 'lose' });
  leaveOut(h, (id) => restoredIn(h).some((server) => server.id === id));
  const event = { ...TO_NEW, request: 'mine' };
  await h.fail('restore', event);
  await h.fail('restore', event);
  expect(restoredIn(h)).toHaveLength(1);
});

test('a restore that the cloud refused can be corrected and sent again', async () => {
  const h = await world();
  const { error } = await h.fail('restore', { ...TO_NEW, request: 'mine', networks: ['nowhere'] });
  expect(error.message).toContain('Nothing was made or changed');
  later(h, 1);
  expect(await h.run('restore', { ...TO_NEW, request: 'mine' })).toMatchObject({ state: 'building' });
});

test.each([
  ['names it', true, "was in ORD, which the account's catalogue does not name"],
  ['names none', false, 'says in which region it was'],
])(
  'a server does not count as deleted because the catalogue lacks its region, if its snapshot %s',
  async (_, isNamed, why) => {
    const h = await history(0, ['DFW', 'ORD']);
    h.cloud.secrets.set('autosnap/test/rackspace', h.cloud.secret('password'));
    const [dfw, ord] = h.cloud.catalogue;
    // Both regions have the same image service.
    Object.assign(ord!, { imageUrl: dfw!.imageUrl });
    const mail = h.cloud.region('ORD').addServer({ name: 'mail' });
    const images = Array.from({ length: 7 }, (_, i) => {
      const image = addSnapshot(h, mail, i + 3);
      const server = { ...h.web, region: 'ORD', flavorId: 'f', keyName: undefined };
      image.properties.autosnap_restore_as = isNamed ? blueprintText(server, image.name) : 'unknown';
      return image;
    });
    h.cloud.catalogue.splice(1, 1);
    const orphans = { after: '2d', keep: 1 };
    const { warnings } = await h.run('cleanup', policy({ servers: { names: ['mail'] }, orphans }));
    const doubtful = warnings.filter(({ code }) => code === 'SERVER_DOUBTFUL');
    expect(textsOf(doubtful)).toEqual([expect.stringContaining(mail.id)]);
    const remedy = 'if the server is gone, delete its snapshots by hand, or remove `orphans` from the policy';
    expect(textsOf(doubtful).join()).toContain(`${why}: ${remedy}`);
    expect(h.cloud.region('DFW').images).toEqual(expect.arrayContaining(images));
  },
);
