import fc from 'fast-check';
import { expect, test } from 'vitest';
import { harness, setTime } from '../harness.ts';
import { always } from './always.ts';
import {
  become,
  expectAnHonestReport,
  expectTheFloor,
  expectTheUntouchable,
  present,
  reported,
  willing,
} from './embedded.ts';
import { NOW, worlds } from './worlds.ts';

/**
 * Expects that no image stays without its data; a run in which that happens fails and returns
 * nothing but an error.
 */
const undamaged = worlds().map((world) => ({
  ...world,
  images: world.images.map((known) => {
    const { refusesDelete, ...image } = known.image;
    return known.volumeSnapshot ? { ...known, image } : known;
  }),
}));

test('1, 2, 4, 10 hold for the function as Lambda runs it', async () => {
  setTime(NOW);
  const { cloud, run } = await harness({ regions: ['DFW', 'ORD'] });
  cloud.secrets.set('autosnap/test/rackspace', cloud.secret('password'));
  await always(
    fc.asyncProperty(undamaged, async (world) => {
      become(cloud, world);
      const first = await run('cleanup', world.event);
      expectTheFloor(world, present(cloud));
      expectTheUntouchable(world, present(cloud));
      expectAnHonestReport(world, first, present(cloud));
      const second = await run('cleanup', { ...world.event, maxDeletes: 100 });
      expect(reported(second, 'deleted')).toEqual(willing(world, reported(first, 'deferred')));
    }),
  );
});
