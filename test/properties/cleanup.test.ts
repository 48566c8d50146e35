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

// The invariants of rotation, by their numbers, of the real cleanup job on random clouds where
// nothing goes wrong.

const shared = oneCloud();

/** Makes the cloud be `world`, and cleans it up once. */
async function cleaned(world: World) {
  become(shared.cloud, world);
  return clean(shared.session, world);
}

test('1: of each series the good ones that are left are atLeast, or all that there were', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      await cleaned(world);
      expectTheFloor(world, present(shared.cloud));
    }),
  );
});

test('2: what is unmarked, foreign, unknown, pending or held is never deleted, nor does a run try to', async () => {
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

test('3: what becomes of one series depends on no other', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      const [{ series } = { series: '' }] = world.images;
      // What is nobody's of ours may speak against adopting an image, whatever series it looks
      // like.
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

test('4: a second cleanup deletes nothing but what the first has deferred', async () => {
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

test('5: the size of the pages and the order of images of one moment change nothing', async () => {
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

test('10: what is reported deleted is absent afterwards, and nothing else is', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      const report = await cleaned(world);
      expect(report.failures).toEqual([]);
      expectAnHonestReport(world, report, present(shared.cloud));
    }),
  );
});

test('a dry run sends no deletion and plans what the next run deletes; in the place of what the cloud refuses goes what was deferred', async () => {
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

test('two cleanups at once leave what one would', async () => {
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
