import { expect, test } from 'vitest';
import { textsOf } from '../finding-texts.ts';
import { setTime } from '../harness.ts';
import { type Bench, bench, idsOf, policyOf, secondAfter, slotAt } from './bench.ts';
import { environment } from './environment.ts';
import type { GlanceImage } from './openstack.ts';

const [server, another] = environment.serverIds as [string, string];
const adopting = policyOf([server], { keep: { last: 1 }, adopt: 'autosnap.py' });

test('with adopt, images of autosnap.py are rotated, and one whose name does not match stays', async () => {
  const running = await bench();
  const { cloud, createImage, run } = running;
  const name = (await cloud.server(server))!.name;
  const legacy = await makeLegacy(running, 3);
  const strangers = [
    await createImage(server, `${name}-autosnap-${another}`),
    await createImage(server, `${name}2-autosnap-${server}`),
    await createImage(server, `${name}-autosnap-${server} (copy)`),
    await createImage(another, `${name}-autosnap-${server}`),
    await createImage(another, `${(await cloud.server(another))!.name}-autosnap-${another}`),
  ];

  const { totals, warnings } = await run('cleanup', adopting);
  expect(totals).toEqual({ deleted: 2, kept: 1 });
  expect(textsOf(warnings)).toEqual([
    expect.stringContaining(`3 images of ${name} made by autosnap.py are adopted`),
    // The name has this server's id, but another server name.
    expect.stringContaining(`${name}2-autosnap-${server} (${strangers[1]}) is of autosnap.py`),
  ]);
  const left = idsOf(await cloud.images());
  expect(left).toEqual(expect.arrayContaining([legacy[2]!.id, ...strangers]));
  expect(legacy.slice(0, 2).filter(({ id }) => left.includes(id))).toEqual([]);
});

test('images of autosnap.py stay if no policy adopts them', async () => {
  const running = await bench();
  const { cloud, run } = running;
  const legacy = await makeLegacy(running, 2);
  const { totals } = await run('cleanup', policyOf([server], { keep: { last: 1 } }));
  expect(totals).toEqual({});
  expect(idsOf(await cloud.images())).toEqual(expect.arrayContaining(idsOf(legacy)));
});

test('adopted images and those of the policy are one series, in which a held image stays', async () => {
  const running = await bench();
  const { cloud, ours, run, settle } = running;
  const [held, second, third] = await makeLegacy(running, 3);
  await run('hold', { hold: held!.id });
  // A future slot, because today's slot is older than the images that were just created.
  setTime(slotAt(0));
  await run('snapshot', adopting);
  await settle();
  await run('cleanup', { ...adopting, keep: { last: 2 } });
  const left = idsOf(await cloud.images());
  expect(left).toEqual(expect.arrayContaining([held!.id, third!.id, ...idsOf(await ours())]));
  expect(left).not.toContain(second!.id);
});

/** Images as the original script creates them, oldest first. */
async function makeLegacy({ cloud, createImage }: Bench, count: number): Promise<GlanceImage[]> {
  const name = (await cloud.server(server))!.name;
  const images: GlanceImage[] = [];
  for (let i = 0; i < count; i++) {
    const id = await createImage(server, `${name}-autosnap-${server}`);
    const image = (await cloud.image(id))!;
    images.push(image);
    // Two images of the same second would have the same slot.
    await secondAfter(image.created_at);
  }
  return images;
}
