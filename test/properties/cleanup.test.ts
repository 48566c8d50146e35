import fc from 'fast-check';
import { expect, test } from 'vitest';
import { always } from './always.ts';
import {
  become,
  clean,
  deletionsIn,
  expectAnHonestReport,
  expectTheFloor,
  expectTheUntouchable,
  oneCloud,
  present,
  REGIONS,
  reported,
  seeAll,
  willing,
} from './embedded.ts';
import { type World, worlds } from './worlds.ts';

// The invariants of rotation, by their numbers, for the real cleanup job on random clouds without
// faults.

const shared = oneCloud();

/** Gives the cloud the state of `world`, and cleans up once. */
async function cleaned(world: World) {
  become(shared.cloud, world);
  return clean(shared.session, world);
}

test('1: atLeast good snapshots of each series stay, or all if there were fewer', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      await cleaned(world);
      expectTheFloor(world, present(shared.cloud));
    }),
  );
});

test('2: unmarked, foreign, unknown, pending and held images are never deleted, and no deletion of them is requested', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      become(shared.cloud, world);
      seeAll(shared.cloud);
      await clean(shared.session, world);
      const deletions = REGIONS.flatMap((region) => deletionsIn(shared.cloud, region));
      const asked = new Set(deletions.map(({ path }) => path.split('/').at(-1)!));
      const left = present(shared.cloud);
      expectTheUntouchable(world, new Set([...left].filter((id) => !asked.has(id))));
    }),
  );
});

test('3: the result for one series depends on no other', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      const [{ series } = { series: '' }] = world.images;
      // An image that no deployment of ours made may prevent the adoption of an image, whatever
      // series it looks like.
      const images = world.images.filter((known) => known.series === series || !known.ours);
      const alone = { ...world, images };
      const ids = images.filter((known) => known.series === series).map(({ image }) => image.id);
      await cleaned(world);
      const among = ids.filter((id) => present(shared.cloud).has(id));
      await cleaned(alone);
      expect(ids.filter((id) => present(shared.cloud).has(id))).toEqual(among);
    }),
  );
});

test('4: a second cleanup deletes only what the first deferred', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      const first = await cleaned(world);
      const second = await clean(shared.session, world, { maxDeletes: 100 });
      expect(reported(second, 'deleted')).toEqual(willing(world, reported(first, 'deferred')));
      const third = await clean(shared.session, world);
      expect(third.totals.deleted ?? 0).toBe(0);
    }),
  );
});

test('5: the page size and the order of images with equal times change nothing', async () => {
  await always(
    fc.asyncProperty(worlds(), fc.integer({ min: 1, max: 20 }), async (world, pageSize) => {
      const report = await cleaned(world);
      const left = present(shared.cloud);
      const again = await cleaned({ ...world, images: world.images.toReversed(), pageSize });
      expect(present(shared.cloud)).toEqual(left);
      expect(again.totals).toEqual(report.totals);
    }),
  );
});

test('10: exactly the images that are reported as deleted are gone afterwards', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      const report = await cleaned(world);
      expect(report.failures).toEqual([]);
      expectAnHonestReport(world, report, present(shared.cloud));
    }),
  );
});

test('a dry run sends no deletion and plans what the next run deletes; deferred images replace those whose deletion the cloud refuses', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      become(shared.cloud, world);
      const planned = await clean(shared.session, world, { dryRun: true });
      expect(shared.cloud.received.filter(({ method }) => method !== 'GET')).toEqual([]);
      const deleted = reported(await clean(shared.session, world), 'deleted');
      const expected = willing(world, reported(planned, 'planned'));
      expect(deleted).toEqual(expect.arrayContaining(expected));
      const instead = deleted.filter((id) => !expected.includes(id));
      expect(reported(planned, 'deferred')).toEqual(expect.arrayContaining(instead));
      expect(instead.length).toBeLessThanOrEqual(reported(planned, 'planned').length - expected.length);
    }),
  );
});

test('two simultaneous cleanups leave the same images as one', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      await cleaned(world);
      const left = present(shared.cloud);
      become(shared.cloud, world);
      await Promise.all([clean(shared.session, world), clean(shared.session, world)]);
      expect(present(shared.cloud)).toEqual(left);
    }),
  );
});
