import { expect, test, vi } from 'vitest';
import { setTime } from '../harness.ts';
import { bench, daysLater, idsOf, policyOf, secondAfter, takeNow } from './bench.ts';
import { environment } from './environment.ts';
import { killedOnItsWay } from './killing.ts';
import type { GlanceImage } from './openstack.ts';
import { seeded } from './seeded.ts';

const server = environment.serverIds[0]!;
const daily = policyOf([server], { drill: { schedule: 'rate(1 day)' } });

async function withSnapshot() {
  const running = await bench();
  await takeNow(running, [server]);
  const [snapshot] = await running.ours();
  return { ...running, snapshot: snapshot!, before: idsOf(await running.cloud.servers()) };
}

/** Expects that the snapshot is the only one, and that its record says that it booted. */
function expectProven(id: string, [proven, ...others]: GlanceImage[]): void {
  expect(others).toEqual([]);
  expect(proven).toMatchObject({ id, status: 'active' });
  expect(proven!.autosnap_proven).toMatch(new RegExp(`^${id} \\d{4}-`));
  expect(proven!.autosnap_drilled).toBe(proven!.autosnap_proven);
}

test('the newest snapshot is booted, proven and kept, and the throw-away server is deleted', async () => {
  const { cloud, run, snapshot, before, ours } = await withSnapshot();
  expect(await run('drill', daily)).toMatchObject({ totals: { proven: 1 } });
  expect(idsOf(await cloud.servers())).toEqual(before);
  expectProven(snapshot.id, await ours());
});

test('killed at request after request, it proves the snapshot and leaves no server behind', async () => {
  const { cloud, snapshot, before, ours } = await withSnapshot();
  await killedOnItsWay('drill', daily, { chance: seeded(), stride: 3 });
  expect(idsOf(await cloud.servers())).toEqual(before);
  expectProven(snapshot.id, await ours());
});

test('a snapshot that the cloud cannot boot is recorded as failed, and leaves no server', async () => {
  const { cloud, fail, snapshot, before } = await withSnapshot();
  await cloud.patchImage(snapshot.id, { hw_architecture: 'sparc' });
  const { message } = await fail('drill', daily);
  expect(message).toMatch(/the server does not boot: .*No valid host/);
  const image = await cloud.image(snapshot.id);
  expect(image).toMatchObject({ autosnap_drilled: expect.stringMatching(snapshot.id) });
  expect(image).not.toHaveProperty('autosnap_proven');
  expect(idsOf(await cloud.servers())).toEqual(before);
});

test('a server that no drill created stays, whatever its metadata', async () => {
  const { cloud, fail, owner, restore, snapshot, before } = await withSnapshot();
  const base = (await cloud.server(server))!.image.id;
  const nonce = crypto.randomUUID();
  const mark = (its = owner, id: string = nonce) => ({ autosnap_drill: `${its} daily ${snapshot.id} ${id}` });
  const others = [
    await restore('of another image', base, server, mark()),
    await restore('of another deployment', snapshot.id, server, mark(`${owner}x`)),
    await restore('with a time for a nonce', snapshot.id, server, mark(owner, '2020-01-01T00:00:00Z')),
  ];
  await killedOnItsWay('drill', daily, { chance: seeded(), stride: 6 });
  expect((await cloud.image(snapshot.id))!.autosnap_proven).toMatch(snapshot.id);
  // The server might belong to a drill, so it counts as one, and that is a failure.
  const unnamed = await restore('that the image does not name', snapshot.id, server, mark());
  others.push(unnamed);
  // A drill that began after all of these were created, and was interrupted.
  await secondAfter((await cloud.server(unnamed))!.created);
  const record = `${snapshot.id} ${nonce}/${new Date().toISOString().slice(0, 19)}Z/`;
  await cloud.patchImage(snapshot.id, { autosnap_drill: record });
  setTime(daysLater(2));
  expect((await fail('drill', daily)).message).toContain('its name is not the one that the drill gave it');
  expect(idsOf(await cloud.servers())).toEqual([...before, ...others].sort());
});

test('a server of an interrupted run is identified by its image, judged, and deleted', async () => {
  const { cloud, owner, restore, run, snapshot, before } = await withSnapshot();
  const nonce = crypto.randomUUID();
  // Nova and Glance use the real time, whatever the time of this test.
  const now = `${new Date(vi.getRealSystemTime()).toISOString().slice(0, 19)}Z`;
  await cloud.patchImage(snapshot.id, { autosnap_drill: `${snapshot.id} ${nonce}/${now}/` });
  const name = `left behind-drill-${now.replace(/[-:]/g, '')}`;
  const left = await restore(name, snapshot.id, server, {
    autosnap_drill: `${owner} daily ${snapshot.id} ${nonce}`,
  });
  expect(await run('drill', daily)).toMatchObject({ totals: { proven: 1 } });
  expect((await cloud.image(snapshot.id))!.autosnap_drill).toContain(left);
  expect(idsOf(await cloud.servers())).toEqual(before);
});
