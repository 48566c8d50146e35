import fc from 'fast-check';
import { expect, test } from 'vitest';
import { adding, leavingOut } from '../../local/cloud/faults.ts';
import { imageJson } from '../../local/cloud/image-json.ts';
import type { CloudImage, CloudVolumeSnapshot } from '../../local/cloud/state.ts';
import { always } from './always.ts';
import {
  become,
  clean,
  expectTheFloor,
  expectTheUntouchable,
  oneCloud,
  present,
  reported,
} from './embedded.ts';
import { type Known, mayGo, NOW, PROJECT, type World, worlds } from './worlds.ts';

// The invariants of rotation, by their numbers, if a listing is incomplete or out of date.

const shared = oneCloud();

/** The ids that cleanups of the whole world would delete in the end. */
async function goingFrom(world: World): Promise<string[]> {
  become(shared.cloud, world);
  const plan = await clean(shared.session, world, { dryRun: true, maxDeletes: 100 });
  return reported(plan, 'planned');
}

const anyWorlds = fc.oneof(worlds(), worlds({ firstIs: 'everywhere' }));
const REGIONS = ['DFW', 'ORD'];

test('13: a server or volume snapshot that no listing shows causes no further deletion', async () => {
  await always(
    fc.asyncProperty(anyWorlds, fc.nat(), async (world, which) => {
      const going = await goingFrom(world);
      const things = [
        ...[...world.servers, ...world.elsewhere].map(({ id }) => id),
        ...world.images.flatMap(({ volumeSnapshot }) => volumeSnapshot?.id ?? []),
      ];
      become(shared.cloud, world);
      for (const name of REGIONS) shared.cloud.region(name).unlisted.add(things[which % things.length] ?? '');
      const report = await clean(shared.session, world);
      expect(going).toEqual(expect.arrayContaining(reported(report, 'deleted')));
    }),
  );
});

test('13: an image that one of the listings lacks causes no further deletion', async () => {
  await always(
    fc.asyncProperty(anyWorlds, fc.nat(), fc.constantFrom(0, 0, 2, 4), async (world, which, skip) => {
      const going = await goingFrom(world);
      // Each listing has a page of images and another of hidden images.
      become(shared.cloud, { ...world, pageSize: 100 });
      const known = world.images[which % world.images.length];
      if (!known) return;
      const answer = leavingOut(known.image.id);
      const listing = { service: 'image', region: known.region, path: /\/images$/ } as const;
      shared.cloud.faults.push({ ...listing, skip, times: 2, answer });
      const report = await clean(shared.session, world);
      expect(going).toEqual(expect.arrayContaining(reported(report, 'deleted')));
      expect(report.failures).toEqual([]);
    }),
  );
});

test('13: the images of a server in another region stay, whatever regions the policy names', async () => {
  const regions = fc.constantFrom(undefined, ['DFW'], ['ORD']);
  await always(
    fc.asyncProperty(worlds({ firstIs: 'elsewhere' }), regions, async (world, named) => {
      become(shared.cloud, world);
      await clean(shared.session, world, { maxDeletes: 100, ...(named ? { regions: named } : {}) });
      expectTheUntouchable(world, present(shared.cloud));
    }),
  );
});

test('11, 13: the data of an image that no earlier listing showed stay', async () => {
  await always(
    fc.asyncProperty(worlds(), fc.nat(), async (world, which) => {
      const mapped = world.images.filter((known) => known.volumeSnapshot && mayGo(known, world));
      const going = mapped[which % mapped.length];
      if (!going) return;
      become(shared.cloud, { ...world, pageSize: 100 });
      const { region, image, volumeSnapshot } = going;
      const { block_device_mapping } = image.properties;
      const needing = { name: 'golden', properties: { block_device_mapping: block_device_mapping! } };
      const { id } = shared.cloud
        .region(region)
        .addImage({ ...image, ...needing, id: 'needing', protected: true });
      const listing = { service: 'image', region, path: /\/images$/ } as const;
      shared.cloud.faults.push({ ...listing, times: 2, answer: leavingOut(id) });
      await clean(shared.session, world, { maxDeletes: 100 });
      expect(present(shared.cloud)).toContain(volumeSnapshot!.id);
    }),
  );
});

/** The same world, but all images after a certain one belong to another project and are public. */
function newerOnesForeign(world: World, which: number): World {
  const since = world.images[which % world.images.length]?.slot ?? NOW;
  const images = world.images.map((known) =>
    known.slot > since
      ? {
          ...known,
          ours: false,
          image: { ...known.image, owner: '999', visibility: 'public' as const },
        }
      : known,
  );
  return { ...world, images };
}

test('1, 2: images of other projects in a listing do not count, and stay', async () => {
  await always(
    fc.asyncProperty(anyWorlds, fc.nat(), async (any, which) => {
      const world = newerOnesForeign(any, which);
      become(shared.cloud, { ...world, pageSize: 100 });
      for (const region of REGIONS) {
        // An image service that ignores the filter lists all projects to an administrator.
        const others = shared.cloud.region(region).images.filter(({ owner }) => owner !== PROJECT);
        const listing = { service: 'image', region, path: /\/images$/ } as const;
        shared.cloud.faults.push({ ...listing, answer: adding(others.map(imageJson)) });
      }
      await clean(shared.session, world, { maxDeletes: 100 });
      const left = present(shared.cloud);
      expectTheFloor(world, left);
      expectTheUntouchable(world, left);
      const asked = askedToGo();
      expect(world.images.filter((known) => asked.has(known.image.id) && !mayGo(known, world))).toEqual([]);
    }),
  );
});

/** Changes to a snapshot by a person after which it must not be deleted. */
const CHANGES: Record<string, (image: CloudImage, snapshot: CloudVolumeSnapshot | undefined) => unknown> = {
  'it is renamed': (image) => Object.assign(image, { name: 'golden' }),
  'it is shared': (image) => Object.assign(image, { visibility: 'shared' }),
  'it is hidden': (image) => Object.assign(image, { hidden: true }),
  'it is protected': (image) => Object.assign(image, { protected: true }),
  'it is held': ({ properties }) => Object.assign(properties, { autosnap_hold: 'forever' }),
  'its marker is taken away': ({ properties }) => delete properties.autosnap_owner,
  'it is given to another deployment': ({ properties }) =>
    Object.assign(properties, { autosnap_owner: 'autosnap-prod' }),
  'it is given to another project': (image) => Object.assign(image, { owner: '999', visibility: 'public' }),
  'it gets another policy': ({ properties }) => Object.assign(properties, { autosnap_policy: 'weekly' }),
  'it gets another slot': ({ properties }) =>
    Object.assign(properties, { autosnap_slot: '2020-01-01T00:00:00Z' }),
  'it is deactivated': (image) => Object.assign(image, { status: 'deactivated' }),
  'it names other data': (image) =>
    Object.assign(image.properties, { block_device_mapping: '[{"snapshot_id":"of-somebody"}]' }),
  'its data are renamed': (image, snapshot) =>
    Object.assign(snapshot ?? image, { name: 'before the migration' }),
  'its data are in use': (image, snapshot) =>
    snapshot ? Object.assign(snapshot, { status: 'backing-up' }) : Object.assign(image, { protected: true }),
};
const changes = fc.array(fc.tuple(fc.nat(), fc.constantFrom(...Object.keys(CHANGES))), {
  minLength: 1,
  maxLength: 6,
});

/** Runs a function when the cleanup reads the first image of a region for the last time. */
function atTheLastLook(region: string, answer: () => unknown): void {
  shared.cloud.faults.push({ service: 'image', region, method: 'GET', path: /\/images\/./, answer });
}

/** The ids of all requested deletions, whatever the cloud answered. */
function askedToGo(): Set<string> {
  const deletions = shared.cloud.received.filter(({ method }) => method === 'DELETE');
  return new Set(deletions.map(({ path }) => path.split('/').at(-1)!));
}

const isCounted = (world: World) => (known: Known) => mayGo(known, world) && known.state === 'good';

test('2, 11: an image that was changed after the plan stays with its data, because everything is read again', async () => {
  await always(
    fc.asyncProperty(worlds(), changes, async (world, all) => {
      become(shared.cloud, world);
      const changing = world.images.filter(isCounted(world)).filter(({ adhoc, image }) => {
        // An image without a marker has none to remove.
        return !adhoc && image.properties.autosnap_owner;
      });
      const changed = new Map(
        changing.length > 0 ? all.map(([at, how]) => [changing[at % changing.length]!, how]) : [],
      );
      for (const name of REGIONS) {
        const region = shared.cloud.region(name);
        atTheLastLook(name, () => {
          for (const [{ image, volumeSnapshot, region: its }, how] of changed) {
            if (its !== name) continue;
            const snapshot = region.volumeSnapshots.find(({ id }) => id === volumeSnapshot?.id);
            CHANGES[how]!(region.image(image.id)!, snapshot);
          }
        });
      }
      await clean(shared.session, world);
      const left = present(shared.cloud);
      const asked = askedToGo();
      for (const [{ image, volumeSnapshot }, how] of changed) {
        expect(left, how).toContain(image.id);
        expect(asked, how).not.toContain(image.id);
        if (volumeSnapshot) expect(left, how).toContain(volumeSnapshot.id);
      }
    }),
  );
});

test('1: the minimum is computed from the last reads, so that what others delete meanwhile does not count', async () => {
  const some = fc.array(fc.nat(), { minLength: 1, maxLength: 12 });
  await always(
    fc.asyncProperty(fc.oneof(worlds(), worlds({ twins: true })), some, async (world, which) => {
      await expectTheFloorWithout(
        world,
        which.map((at) => world.images[at % world.images.length]!),
      );
    }),
  );
});

test('1: the minimum counts slots in the last reads as well: others leave one slot of those that have to stay', async () => {
  await always(
    fc.asyncProperty(worlds({ twins: true }), fc.nat(), async (world, which) => {
      become(shared.cloud, world);
      const staying = new Set(reported(await clean(shared.session, world, { dryRun: true }), 'kept'));
      const kept = world.images.filter(({ image }) => staying.has(image.id));
      const slots = [...new Set(kept.map(({ slot }) => slot.getTime()))];
      const left = slots[which % slots.length];
      await expectTheFloorWithout(
        world,
        kept.filter(({ slot }) => slot.getTime() !== left),
      );
    }),
  );
});

/**
 * Invariant 1 if somebody else deletes images while the cleanup reads the first one for the last
 * time.
 */
async function expectTheFloorWithout(world: World, images: readonly Known[]): Promise<void> {
  const victims = new Set(images);
  become(shared.cloud, world);
  for (const name of REGIONS) {
    atTheLastLook(name, () => {
      for (const { region, image } of victims)
        if (region === name) shared.cloud.region(name).removeImage(image.id);
    });
  }
  await clean(shared.session, world);
  const left = present(shared.cloud);
  const there = world.images.filter((known) => !victims.has(known) || left.has(known.image.id));
  expectTheFloor({ ...world, images: there }, left);
}

test('11: a cleanup never deletes servers or volumes', async () => {
  await always(
    fc.asyncProperty(worlds(), async (world) => {
      become(shared.cloud, world);
      await clean(shared.session, world, { maxDeletes: 100 });
      const deleted = shared.cloud.received.filter(({ method }) => method === 'DELETE');
      for (const { service, path } of deleted) {
        expect(`${service} ${path}`).toMatch(
          /^(image .*\/images\/image-\d+|volume .*\/snapshots\/snapshot-of-image-\d+)$/,
        );
      }
    }),
  );
});
