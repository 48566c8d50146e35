import { beforeEach, expect, test } from 'vitest';
import { type Listing, leaveOut } from '../offsite/listings.ts';
import { copyEvent, OWNER, type Rackspace, rackspace } from '../offsite/rackspace.ts';

let r: Rackspace;
beforeEach(async () => {
  r = await rackspace();
});

const run = (offsite: object = {}) => r.h.run('offsite', copyEvent(offsite));
const copyNames = () => r.names().filter((name) => !name.startsWith('usage/'));

test('an item that any one listing lacks once causes no further deletion', async () => {
  const images = await r.copyMany(3);
  const started = r.addSnapshot();
  await run({ keep: { last: 99 } });
  r.pass(0.1);
  const [objects, imagesNow] = [[...r.region.files.containers.get(OWNER)!], [...r.region.images]];
  const reset = () => {
    r.h.cloud.faults.length = 0;
    r.region.files.containers.set(OWNER, new Map(objects));
  };
  await run({ keep: { last: 1 } });
  const usual = copyNames();
  expect(usual).toEqual(expect.arrayContaining(r.objectsOf(images[2]!)));
  expect(usual).not.toEqual(expect.arrayContaining(r.objectsOf(images[0]!)));

  const items: [Listing, string][] = [
    ...objects.map(([name]): [Listing, string] => ['objects', name]),
    ...imagesNow.map(({ id }): [Listing, string] => ['images', id]),
    ['servers', r.server.id],
    ...r.region.tasks.all.map(({ id }): [Listing, string] => ['tasks', id]),
  ];
  for (const [listing, item] of items) {
    for (const skip of [0, 1]) {
      reset();
      leaveOut(r.h, listing, ({ name, id }) => [name, id].includes(item), { times: 1, skip });
      await run({ keep: { last: 1 } }).catch(() => {});
      expect(copyNames(), `${item} left out of listing ${skip} of ${listing}`).toEqual(
        expect.arrayContaining(usual),
      );
    }
  }
  expect(r.region.tasks.all.filter(({ input }) => input.image_uuid === started.id)).toHaveLength(1);
});
