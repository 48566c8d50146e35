import { describe, expect, test } from 'vitest';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { textsOf } from '../finding-texts.ts';
import { setTime } from '../harness.ts';
import { bench, daysLater, idsOf, policyOf, slotAt, slotOf, takeSlots } from './bench.ts';
import { environment } from './environment.ts';
import { eventually } from './openstack.ts';

const { region, regionTwo, serverIds } = environment;
const server = serverIds[0]!;

describe("Y1: somebody's golden image of a server that was rebuilt from a snapshot of ours", () => {
  test('stays without counting through three more slots', async () => {
    const running = await bench();
    const { cloud, createImage, ours, restore, run } = running;
    await takeSlots(running, [server], [-9]);
    const [first] = await ours(server);
    // A server of this test's own, because it is rebuilt.
    const own = await restore('rebuilt', first!.id, server);
    await takeSlots(running, [own], [-8]);
    const [snapshot] = await ours(own);
    await cloud.rebuild(own, snapshot!.id);
    const golden = await createImage(own, 'golden');
    const another = await createImage(
      own,
      imageName({ id: own, name: 'rebuilt' }, 'daily', new Date(slotOf(slotAt(-30)))),
    );
    expect(await cloud.image(golden)).toMatchObject({
      autosnap_server: own,
      instance_uuid: own,
      autosnap_slot: slotOf(slotAt(-8)),
    });
    let warnings: string[] = [];
    for (const slot of [-7, -6, -5]) {
      await takeSlots(running, [own], [slot]);
      warnings = textsOf((await run('cleanup', policyOf([own], { keep: { last: 2 } }))).warnings);
    }
    for (const id of [golden, another]) {
      expect((await cloud.image(id))?.status).toBe('active');
      expect(warnings.join('\n')).toContain(`(${id}) is marked as ours, but its name does not end in`);
    }
    const left = (await ours(own)).filter(({ id }) => id !== golden && id !== another);
    expect(left.map((image) => image.autosnap_slot)).toEqual([-6, -5].map((index) => slotOf(slotAt(index))));
  });
});

test('Y29: a snapshot that is shared or hidden is found, counts for its slot, and stays', async () => {
  const running = await bench();
  const { cloud, ours, run } = running;
  await takeSlots(running, [server], [-6, -5, -4, -3]);
  const [oldest, second, third, newest] = await ours();
  await cloud.patchImage(oldest!.id, { visibility: 'shared' });
  await cloud.patchImage(newest!.id, { os_hidden: true });
  setTime(new Date(slotAt(-3).getTime() + 10_000));
  const again = await run('snapshot', policyOf([server]));
  expect(again.entries[0]?.reason).toBe(`already taken: image ${newest!.id} is active`);
  const report = await run('cleanup', policyOf([server], { keep: { last: 2 } }));
  expect(await cloud.image(second!.id)).toBeUndefined();
  for (const image of [oldest, third, newest]) expect((await cloud.image(image!.id))?.status).toBe('active');
  for (const how of ['shared', 'hidden']) {
    expect(textsOf(report.warnings).join('\n')).toContain(`the image is ${how}: it stays`);
  }
  await cloud.patchImage(newest!.id, { os_hidden: false });
});

test.skipIf(!regionTwo)(
  'Y4: orphans, if two regions share an image service: only if the server was deleted in both (needs REGION_TWO)',
  async () => {
    const running = await bench();
    const { cloud, ours, restore, run } = running;
    await takeSlots(running, [server], [-9]);
    const [base] = await ours();
    const own = await restore('to be gone', base!.id, server);
    await takeSlots(running, [own], [-8, -7, -6]);
    const before = idsOf(await ours(own));
    const shrinking = policyOf([server], {
      regions: [region, regionTwo],
      keep: { last: 30 },
      orphans: { after: '30d', keep: 1 },
    });
    setTime(daysLater(40));
    await run('cleanup', shrinking);
    expect(idsOf(await ours(own))).toEqual(before);

    await cloud.deleteServer(own);
    await eventually('gone', async () => ((await cloud.server(own)) ? undefined : true));
    const { warnings } = await run('cleanup', shrinking);
    expect(textsOf(warnings).join('\n')).toContain(`(${own}) no longer exists: 1 of 3 daily snapshots stays`);
    expect((await ours(own)).map((image) => image.autosnap_slot)).toEqual([slotOf(slotAt(-6))]);
  },
);
