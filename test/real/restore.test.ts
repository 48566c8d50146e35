import { expect, test } from 'vitest';
import type { Restoration } from '../../lib/restore/restoration.ts';
import { textsOf } from '../finding-texts.ts';
import { setTime } from '../harness.ts';
import { type Bench, bench, daysLater, idsOf, policyOf, slotAt, takeSlots } from './bench.ts';
import { environment } from './environment.ts';
import { eventually } from './openstack.ts';
import { untilDone } from './restoring.ts';

const server = environment.serverIds[0]!;
const { region } = environment;

/** A server of this test's own, like those of the environment, with a snapshot of yesterday. */
async function withSnapshot() {
  const running = await bench();
  const { cloud, ours, restore } = running;
  const base = (await cloud.server(server))!.image.id;
  const own = await restore('restore-me', base, server);
  await takeSlots(running, [own], [-1]);
  const [snapshot] = await ours(own);
  setTime(slotAt(0));
  return { ...running, own, snapshot: snapshot! };
}

/** Calls again, as a person would, until there is no `next`. */
async function untilEnd({ run }: Pick<Bench, 'run'>, first: Restoration): Promise<Restoration[]> {
  const reports = [first];
  return eventually('restored', async () => {
    const { next } = reports.at(-1)!;
    if (!next) return reports;
    reports.push(await run('restore', next));
    return undefined;
  });
}

test('a new server is created once from the newest snapshot, like the original', async () => {
  const running = await withSnapshot();
  const { cloud, own, snapshot, run, track } = running;
  const planned = await run('restore', { server: own, region, to: 'new', dryRun: true });
  expect(planned).toMatchObject({ state: 'planned', image: snapshot.id, region });
  const reports = await untilEnd(running, await run('restore', planned.apply));
  const { restored, state, request } = reports.at(-1)!;
  track(restored!);
  expect(state).toBe('done');
  expect(new Set(reports.map((report) => report.restored))).toEqual(new Set([restored]));
  const original = await cloud.server(own);
  expect(await cloud.server(restored!)).toMatchObject({
    status: 'ACTIVE',
    name: expect.stringMatching(/^restore-me-restored-\d{4}/),
    image: { id: snapshot.id },
    flavor: { id: original!.flavor.id },
    metadata: {
      autosnap_restore: expect.stringContaining(`${request} new ${region} ${own} ${snapshot.id} `),
    },
    addresses: {},
  });
});

test('a rebuild in place: first a safety snapshot, then the same server, and other images do not count despite the marker', async () => {
  const running = await withSnapshot();
  const { cloud, createImage, own, snapshot, owner, run, ours, turn, release } = running;
  const before = await cloud.server(own);
  expect(before!.image.id).not.toBe(snapshot.id);
  await turn('fake_snapshot_delay', '3');
  const first = await run('restore', { server: own, region, to: 'in-place', confirm: 'restore-me' });
  expect(first.state).toBe('waiting');
  const second = await run('restore', first.next);
  expect(second).toMatchObject({ state: 'waiting', safety: first.safety });
  await release();
  const reports = await untilEnd(running, second);
  expect([...new Set(reports.map(({ state }) => state))]).toEqual(['waiting', 'building', 'done']);

  expect(await cloud.server(own)).toMatchObject({
    id: own,
    name: 'restore-me',
    status: 'ACTIVE',
    image: { id: snapshot.id },
    metadata: {
      autosnap_restore: expect.stringContaining(`${first.request} in-place ${region} ${own} ${snapshot.id} `),
    },
  });
  const safety = await cloud.image(first.safety!);
  expect(safety).toMatchObject({
    status: 'active',
    autosnap_policy: 'adhoc',
    autosnap_expires: expect.stringMatching(`^never ${first.request} \\{"region":`),
  });

  // From now on Nova copies the complete marker to every image of the server.
  const byHand = await createImage(own, 'golden');
  expect(await cloud.image(byHand)).toMatchObject({
    autosnap_owner: owner,
    autosnap_server: own,
    autosnap_slot: snapshot.autosnap_slot,
    instance_uuid: own,
  });
  await takeSlots(running, [own], [1, 2, 3]);
  const { warnings } = await run('cleanup', policyOf([own], { keep: { last: 1 } }));
  expect(textsOf(warnings).join()).toContain(byHand);
  // The source of a restore stays for a day.
  expect(idsOf(await ours())).toEqual(expect.arrayContaining([byHand, first.safety, snapshot.id]));
  setTime(daysLater(2));
  await run('cleanup', policyOf([own], { keep: { last: 1 } }));
  const left = idsOf(await ours());
  expect(left).toEqual(expect.arrayContaining([byHand, first.safety]));
  expect(left).not.toContain(snapshot.id);
});

test('a paused server is refused, a locked one with its remedy, and a stopped one stays stopped', async () => {
  const running = await withSnapshot();
  const { cloud, own, snapshot, run, fail, ours } = running;
  const event = { server: own, region, to: 'in-place', confirm: 'restore-me' };
  await cloud.act(own, 'pause', 'PAUSED');
  expect((await fail('restore', event)).message).toMatch(
    /restore-me is PAUSED; .* needs it ACTIVE or SHUTOFF/,
  );
  await cloud.act(own, 'unpause', 'ACTIVE');
  expect(idsOf(await ours())).toEqual([snapshot.id]);

  await cloud.act(own, 'os-stop', 'SHUTOFF');
  await cloud.act(own, 'lock', 'SHUTOFF');
  expect((await fail('restore', event)).message).toMatch(/restore-me is locked.*: unlock it/);
  expect(idsOf(await ours())).toEqual([snapshot.id]);
  await cloud.act(own, 'unlock', 'SHUTOFF');
  const first = await run('restore', event);
  await running.settle();
  await cloud.act(own, 'lock', 'SHUTOFF');
  expect((await fail('restore', first.next)).message).toMatch(/locked.*unlock it/);
  await cloud.act(own, 'unlock', 'SHUTOFF');
  const reports = await untilEnd(running, await run('restore', first.next));
  expect(reports.at(-1)!.state).toBe('done');
  expect(reports.at(-1)!.lines.join('\n')).toMatch(/is SHUTOFF, as it was before: start it/);
  expect(await cloud.server(own)).toMatchObject({ status: 'SHUTOFF', image: { id: snapshot.id } });
});

test('killed at any of its requests, a restore creates one server', async () => {
  const running = await withSnapshot();
  const { cloud, own, snapshot, trackRestore } = running;
  const before = idsOf(await cloud.servers());
  const event = { server: own, region, to: 'new', request: crypto.randomUUID() };
  trackRestore(event.request);
  const { restored } = await untilDone(event);
  expect(await cloud.server(restored!)).toMatchObject({ status: 'ACTIVE', image: { id: snapshot.id } });
  expect(idsOf(await cloud.servers())).toEqual([...before, restored].sort());
  expect(idsOf(await running.ours())).toEqual([snapshot.id]);
});

test('killed at any of its requests, a restore in place takes one safety snapshot and rebuilds once', async () => {
  const running = await withSnapshot();
  const { cloud, own, snapshot, ours } = running;
  const before = idsOf(await cloud.servers());
  const event = { server: own, region, to: 'in-place', confirm: 'restore-me', request: crypto.randomUUID() };
  await untilDone(event);
  expect(await cloud.server(own)).toMatchObject({ status: 'ACTIVE', image: { id: snapshot.id } });
  expect(await cloud.actions(own)).toEqual(['rebuild', 'createImage', 'createImage', 'create']);
  expect(idsOf(await cloud.servers())).toEqual(before);
  const [its, safety, ...others] = (await ours()).sort(
    (a, b) => Number(b.id === snapshot.id) - Number(a.id === snapshot.id),
  );
  expect(others).toEqual([]);
  expect(its).toMatchObject({ id: snapshot.id, status: 'active' });
  expect(safety).toMatchObject({
    status: 'active',
    autosnap_policy: 'adhoc',
    autosnap_expires: expect.stringMatching(`^never ${event.request} \\{"region":`),
  });
});

test('a safety snapshot that fails leaves the server unchanged', async () => {
  const running = await withSnapshot();
  const { cloud, own, run, turn } = running;
  const before = await cloud.server(own);
  await turn('fake_snapshot_fail', 'stuck');
  const first = await run('restore', { server: own, region, to: 'in-place', confirm: 'restore-me' });
  await cloud.idle([own]);
  setTime(daysLater(1));
  const error = await running.fail('restore', first.next);
  expect(error.message).toMatch(
    /the safety snapshot \S+ has failed \(queued\), so the disk of restore-me is not replaced/,
  );
  expect((await cloud.server(own))!.image.id).toBe(before!.image.id);
});

test.each<[string, object, RegExp]>([
  [
    'an unknown network',
    { networks: ['5b9c0c4e-0000-4000-8000-000000000001'] },
    /"networks": the ids of existing networks/,
  ],
  ['an unknown key pair', { keyName: 'nobody' }, /Invalid key_name provided: .*the "keyName" of one/],
  [
    'an unknown security group',
    { securityGroups: ['nobody'] },
    /"securityGroups": the names of existing groups/,
  ],
  ['an unknown flavor', { flavor: 'nobody' }, /flavor: there is no flavor "nobody"/],
])('%s is refused, and no server is created', async (_, given, problem) => {
  const { own, run, fail, cloud } = await withSnapshot();
  const error = await fail('restore', { server: own, region, to: 'new', request: 'refused', ...given });
  expect(error.name).toBe('ValidationError');
  expect(error.message).toMatch(problem);
  expect(
    await run('restore', { server: own, region, to: 'new', request: 'refused', dryRun: true }),
  ).toMatchObject({
    state: 'planned',
  });
  await cloud.idle([own]);
});

test('of a deleted server', async () => {
  const running = await withSnapshot();
  const { cloud, own, snapshot, run, track } = running;
  const { flavor } = (await cloud.server(own))!;
  await cloud.deleteServer(own);
  const planned = await run('restore', {
    server: 'restore-me',
    region,
    to: 'new',
    networks: [],
    dryRun: true,
  });
  expect(planned).toMatchObject({ server: own, image: snapshot.id });
  const reports = await untilEnd(running, await run('restore', planned.apply));
  const restored = reports.at(-1)!.restored!;
  track(restored);
  expect(reports.at(-1)).toMatchObject({ state: 'done' });
  expect(await cloud.server(restored)).toMatchObject({ flavor: { id: flavor.id } });
});

const { volumeServerId } = environment;

test.skipIf(!volumeServerId)('of a volume-backed server (needs VOLUME_SERVER_ID)', async () => {
  const running = await bench();
  const { cloud, fail, ours, run, track } = running;
  await takeSlots(running, [volumeServerId], [-1]);
  const [snapshot] = await ours();
  const event = { server: volumeServerId, region };
  const refused = await fail('restore', { ...event, to: 'in-place', dryRun: true });
  expect(refused.message).toMatch(/has its disk on a volume, which can't be rebuilt/);
  const reports = await untilEnd(running, await run('restore', { ...event, to: 'new' }));
  const restored = reports.at(-1)!.restored!;
  track(restored);
  expect(reports.at(-1)).toMatchObject({ state: 'done' });
  expect(reports[0]).toMatchObject({ image: snapshot!.id });
  const volumes = (await cloud.server(restored))!['os-extended-volumes:volumes_attached'];
  expect(volumes).toHaveLength(1);
});
