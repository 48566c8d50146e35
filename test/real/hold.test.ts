import { expect, test } from 'vitest';
import { setTime } from '../harness.ts';
import { bench, daysLater, idsOf, policyOf, takeSlots } from './bench.ts';
import { environment } from './environment.ts';

const server = environment.serverIds[0]!;
const keepOne = policyOf([server], { keep: { last: 1 } });
const until = daysLater(30).toISOString().slice(0, 10);

test('a snapshot that is held until a date survives cleanups until its release', async () => {
  const running = await bench();
  const { cloud, ours, run } = running;
  await takeSlots(running, [server], [-3, -2, -1]);
  const [oldest, , newest] = await ours();
  expect((await run('hold', { hold: oldest!.id, until })).entries).toEqual([
    expect.objectContaining({
      server,
      image: oldest!.id,
      outcome: 'held',
      reason: expect.stringContaining(`when ${until} has ended in every time zone`),
    }),
  ]);
  expect(await cloud.image(oldest!.id)).toMatchObject({ autosnap_hold: until });

  const { entries } = await run('cleanup', keepOne);
  expect(idsOf(await ours())).toEqual(idsOf([oldest!, newest!]));
  expect(entries[0]?.snapshots).toContainEqual(
    expect.objectContaining({
      image: oldest!.id,
      outcome: 'kept',
      reasons: [expect.stringMatching(/^held until /)],
    }),
  );

  expect((await run('hold', { release: oldest!.id })).totals).toEqual({ released: 1 });
  await run('cleanup', keepOne);
  expect(idsOf(await ours())).toEqual([newest!.id]);
});

test('a hold ends by itself once its date has passed in every time zone', async () => {
  const running = await bench();
  const { ours, run } = running;
  await takeSlots(running, [server], [-2, -1]);
  const [older, newer] = await ours();
  await run('hold', { hold: older!.id, until });
  const endsMs = Date.parse(until) + 36 * 3_600_000;
  setTime(new Date(endsMs - 1000));
  await run('cleanup', keepOne);
  expect(idsOf(await ours())).toEqual(idsOf([older!, newer!]));
  setTime(new Date(endsMs));
  await run('cleanup', keepOne);
  expect(idsOf(await ours())).toEqual([newer!.id]);
});

test('a hold for ever replaces one until a date, and a dry run changes neither', async () => {
  const running = await bench();
  const { cloud, ours, run } = running;
  await takeSlots(running, [server], [-1]);
  const { id } = (await ours())[0]!;
  await run('hold', { hold: id, until });
  expect((await run('hold', { hold: id, dryRun: true })).totals).toEqual({ planned: 1 });
  expect(await cloud.image(id)).toMatchObject({ autosnap_hold: until });
  await run('hold', { hold: id });
  expect(await cloud.image(id)).toMatchObject({ autosnap_hold: 'forever' });
});

test('an image without a marker can be held and released', async () => {
  const { cloud, createImage, run } = await bench();
  const image = await createImage(server, 'by hand');
  expect(await cloud.image(image)).not.toHaveProperty('autosnap_hold');
  await run('hold', { hold: image });
  expect(await cloud.image(image)).toMatchObject({ autosnap_hold: 'forever' });
  await run('hold', { release: image });
  expect(await cloud.image(image)).toMatchObject({ autosnap_hold: 'none' });
});

test('an image that does not exist and that of another project are refused', async () => {
  const { cloud, fail } = await bench();
  const base = (await cloud.server(server))!.image.id;
  expect((await cloud.image(base))?.visibility).toBe('public');
  for (const id of [crypto.randomUUID(), base]) {
    expect((await fail('hold', { hold: id, dryRun: true })).message).toContain(
      `hold: this project has no image ${id} in ${environment.region}`,
    );
  }
});
