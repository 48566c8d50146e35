import { expect, test } from 'vitest';
import { isoSeconds } from '../../lib/config/dates.ts';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { textsOf } from '../finding-texts.ts';
import { setTime } from '../harness.ts';
import { bench, idsOf, policyOf, slotAt, slotOf, takeSlots } from './bench.ts';
import { environment } from './environment.ts';
import { watchTraffic } from './traffic.ts';

const { serverIds } = environment;
const server = serverIds[0]!;

test('after five slots with last: 3 each server has its three newest slots, and everything else is unchanged', async () => {
  const running = await bench();
  const { cloud, createImage, ours, owner, run } = running;
  const byHand = await createImage(server, 'by hand');
  const anothersName = imageName({ id: server, name: 'another' }, 'daily', new Date(slotOf(slotAt(-11))));
  const anothers = await createImage(server, anothersName, {
    autosnap_owner: `${owner}-other`,
    autosnap_policy: 'daily',
    autosnap_server: server,
    autosnap_slot: slotOf(slotAt(-11)),
    autosnap_hold: 'none',
  });
  // One more than the policy keeps, of another policy.
  await takeSlots(running, [server], [-10, -9, -8, -7], { policy: 'other' });
  const others = idsOf(await ours());
  expect(others).toHaveLength(4);

  for (const slot of [-5, -4, -3, -2, -1]) {
    await takeSlots(running, serverIds, [slot]);
    await run('cleanup', policyOf(serverIds));
  }

  const slots = [-3, -2, -1].map((day) => slotOf(slotAt(day)));
  for (const id of serverIds) {
    const daily = (await ours(id)).filter((image) => image.autosnap_policy === 'daily');
    expect(daily).toEqual(
      slots.map((slot) =>
        expect.objectContaining({
          status: 'active',
          visibility: 'private',
          image_type: 'snapshot',
          instance_uuid: id,
          autosnap_owner: owner,
          autosnap_policy: 'daily',
          autosnap_server: id,
          autosnap_slot: slot,
          autosnap_hold: 'none',
        }),
      ),
    );
  }
  expect(idsOf((await ours()).filter((image) => image.autosnap_policy === 'other'))).toEqual(others);
  expect((await cloud.image(byHand))?.status).toBe('active');
  expect((await cloud.image(anothers))?.status).toBe('active');
});

test.for([
  { mark: { protected: true }, what: 'protected', reason: 'held: the image is protected' },
  { mark: { autosnap_hold: 'forever' }, what: 'held forever', reason: 'held forever' },
])('a snapshot that is $what is kept and reported, and the others are rotated', async ({ mark, reason }) => {
  const running = await bench();
  const { cloud, ours, run } = running;
  await takeSlots(running, [server], [-4, -3, -2, -1]);
  const [oldest, second, third, newest] = await ours();
  await cloud.patchImage(second!.id, mark);

  const report = await run('cleanup', policyOf([server], { keep: { last: 1 } }));
  expect(idsOf(await ours())).toEqual(idsOf([second!, newest!]));
  const lines = new Map(report.entries[0]?.snapshots?.map((line) => [line.image, line]));
  expect(lines.get(second!.id)).toMatchObject({ outcome: 'kept', reasons: [reason] });
  expect([oldest, third].map((image) => lines.get(image!.id)?.outcome)).toEqual(['deleted', 'deleted']);
});

test('snapshots beyond maxDeletes wait for the next cleanup, and the oldest is deleted first', async () => {
  const running = await bench();
  const { ours, run } = running;
  await takeSlots(running, [server], [-3, -2, -1]);
  const [, second, newest] = await ours();
  const oneAtATime = policyOf([server], { keep: { last: 1 }, maxDeletes: 1 });
  await run('cleanup', oneAtATime);
  expect(idsOf(await ours())).toEqual(idsOf([second!, newest!]));
  await run('cleanup', oneAtATime);
  expect(idsOf(await ours())).toEqual([newest!.id]);
  await run('cleanup', oneAtATime);
  expect(idsOf(await ours())).toEqual([newest!.id]);
});

test('a dry run plans and changes nothing', async () => {
  const running = await bench();
  const { ours, run } = running;
  await takeSlots(running, [server], [-3, -2]);
  const before = await ours();
  const { exchanges } = watchTraffic();
  setTime(slotAt(-1));
  const dry = policyOf([server], { dryRun: true, keep: { last: 1 } });
  expect((await run('snapshot', dry)).totals).toEqual({ planned: 1 });
  expect((await run('cleanup', dry)).totals).toEqual({ planned: 1, kept: 1 });
  expect(new Set(exchanges.map(({ method }) => method))).toEqual(new Set(['GET']));
  expect(await ours()).toEqual(before);
});

test('an ad-hoc snapshot stays until it expires, and is deleted afterwards', async () => {
  const { ours, run, settle } = await bench();
  setTime(slotAt(-3));
  await run('snapshot', {
    adhoc: true,
    expires: '1h',
    regions: [environment.region],
    servers: { ids: [server] },
  });
  await settle();
  const [adhoc] = await ours();
  const end = new Date(slotAt(-3).getTime() + 3_600_000);
  expect(adhoc).toMatchObject({
    autosnap_policy: 'adhoc',
    autosnap_expires: expect.stringMatching(`^${isoSeconds(end)} `),
  });
  setTime(new Date(end.getTime() - 1000));
  await run('cleanup', policyOf([server]));
  expect(idsOf(await ours())).toEqual([adhoc!.id]);
  setTime(end);
  await run('cleanup', policyOf([server]));
  expect(await ours()).toEqual([]);
});

// The properties that a cloud copies from a server's image into images of that server include our
// marker.
test('images of a server that was restored from a snapshot of ours do not count as snapshots of the first server', async () => {
  const running = await bench();
  const { cloud, createImage, ours, owner, restore, run } = running;
  await takeSlots(running, [server], [-4]);
  const [origin] = await ours();
  await cloud.patchImage(origin!.id, { autosnap_hold: 'forever' });
  const restored = await restore('restored', origin!.id, server);
  await cloud.patchImage(origin!.id, { autosnap_hold: 'none' });

  const byHand = await createImage(restored, 'restored by hand');
  expect(await cloud.image(byHand)).toMatchObject({
    autosnap_owner: owner,
    autosnap_server: server,
    instance_uuid: restored,
  });
  await cloud.patchImage(byHand, { autosnap_hold: 'none' });
  await takeSlots(running, [server, restored], [-3, -2]);
  expect((await ours(restored)).map((image) => [image.instance_uuid, image.autosnap_hold])).toEqual([
    [restored, 'none'],
    [restored, 'none'],
  ]);

  const { warnings } = await run('cleanup', policyOf([server, restored], { keep: { last: 1 } }));
  expect((await cloud.image(byHand))?.status).toBe('active');
  expect(textsOf(warnings)).toEqual([
    expect.stringContaining(`(${byHand}) is marked as ours, but its name does not end in`),
  ]);
  const left = (await ours()).filter(({ id }) => id !== byHand);
  expect(left.map((image) => [image.autosnap_server, image.autosnap_slot]).sort()).toEqual(
    [server, restored].sort().map((id) => [id, slotOf(slotAt(-2))]),
  );
});
