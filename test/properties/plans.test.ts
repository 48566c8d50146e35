import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PERIODS } from '../../lib/config/keep-rules.ts';
import { parsePolicy } from '../../lib/config/policy.ts';
import { bareServer, type Server } from '../../lib/openstack/compute.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { bareVolumeSnapshot } from '../../lib/openstack/volume-snapshots.ts';
import { planCleanup } from '../../lib/snapshots/cleanup-plan.ts';
import { readMarker } from '../../lib/snapshots/marker.ts';
import { readerOf } from '../../lib/snapshots/ownership.ts';
import type { RegionInventory } from '../../lib/snapshots/region-inventory.ts';
import type { SeriesPlan } from '../../lib/snapshots/series-plan.ts';
import { isSnapshot, type Snapshot } from '../../lib/snapshots/snapshot.ts';
import { planSnapshots } from '../../lib/snapshots/snapshot-plan.ts';
import { image, server } from '../snapshots.ts';
import { always } from './always.ts';
import { expectTheFloor } from './embedded.ts';
import { histories } from './series.ts';
import { type Known, mayGo, NOW, OWNER, PROJECT, type World, worlds } from './worlds.ts';

// The invariants of rotation, by their numbers, for the plan of a region: series, deleted servers,
// adoption, volume snapshots, foreign images. Also: the next run for the same slot takes no server
// again.

const HOUR_MS = 3_600_000;
const pure = { pure: true };

function surveyOf({ servers, images }: World): RegionInventory {
  return {
    region: 'DFW',
    servers: servers.map(serverOf),
    images: images.map(imageOf),
    volumeSnapshots: images.flatMap(({ volumeSnapshot }) =>
      volumeSnapshot
        ? [
            bareVolumeSnapshot({
              ...volumeSnapshot,
              createdAt: volumeSnapshot.createdAt ?? NOW,
              region: 'DFW',
            }),
          ]
        : [],
    ),
    volumes: [],
    goneVolumes: new Set(),
    gone: new Set(),
    doubts: [],
  };
}

function serverOf({ id, name, image, volumeIds }: World['servers'][number]): Server {
  const bare = bareServer({ id, name, region: 'DFW' });
  return { ...bare, imageId: image || undefined, volumeBacked: image === '', volumeIds };
}

function imageOf({ image }: Known): Image {
  const { size, properties } = image;
  const mapping: { snapshot_id: string }[] = JSON.parse(properties.block_device_mapping ?? '[]');
  return {
    ...image,
    region: 'DFW',
    hidden: image.hidden ?? false,
    sizeBytes: size ?? undefined,
    volumeSnapshotIds: mapping.map(({ snapshot_id }) => snapshot_id),
  };
}

/** A reader of the images of a region that contains all of `world`. */
function readerFor(world: World, changes: object = {}) {
  const policy = parsePolicy({ ...world.event, maxDeletes: 100, ...changes });
  const region = surveyOf(world);
  return { policy, region, read: readerOf(region, policy, { owner: OWNER, projectId: PROJECT }) };
}

/** The plan for this region, with `changes` to the numbers of its event. */
function plan(world: World, changes: object = {}, now = NOW): SeriesPlan[] {
  const { policy, region, read } = readerFor(world, changes);
  const ofGone = world.images.filter(({ gone, elsewhere }) => gone && !elsewhere);
  const goneEverywhere = new Set(ofGone.map(({ series }) => series.split(' ')[1]!));
  return planCleanup(region, policy, read, { now, goneEverywhere }).series;
}

/** The ids that a plan deletes, now or in a later run. */
function going(series: readonly SeriesPlan[]): string[] {
  const items = series.flatMap((s) => s.items).filter(({ action }) => action !== 'keep');
  return items.map(({ snapshot }) => snapshot.id).sort();
}

test('11: exactly the snapshots of ours are recognised, whatever other images have inherited', async () => {
  await always(
    fc.property(worlds({ maxImages: 40 }), (world) => {
      const { region, read } = readerFor(world);
      for (const [i, image] of region.images.entries()) {
        const { ours, state } = world.images[i]!;
        const found = read(image, region.volumeSnapshots);
        expect(isSnapshot(found), JSON.stringify(world.images[i])).toBe(ours);
        if (isSnapshot(found)) expect(found.state, JSON.stringify(world.images[i])).toBe(state);
      }
    }),
    pure,
  );
});

test('2, 11: a plan deletes only images that the generator knows to be ours, finished and not used by others', async () => {
  await always(
    fc.property(worlds({ maxImages: 40 }), (world) => {
      const allowed = world.images.filter((known) => mayGo(known, world)).map(({ image }) => image.id);
      expect(allowed).toEqual(expect.arrayContaining(going(plan(world))));
    }),
    pure,
  );
});

test('the images of one slot count as one: good ones without a hold stay or are deleted together', async () => {
  await always(
    fc.property(worlds({ maxImages: 40 }), (world) => {
      const gone = new Set(going(plan(world)));
      const free = world.images.filter(
        (known) => mayGo(known, world) && known.state === 'good' && !known.adhoc,
      );
      for (const same of Map.groupBy(free, ({ series, slot }) => `${series} ${slot.getTime()}`).values()) {
        expect(new Set(same.map(({ image }) => gone.has(image.id))).size).toBe(1);
      }
    }),
    pure,
  );
});

test('1: good snapshots of atLeast slots of every series stay', async () => {
  await always(
    fc.property(worlds({ maxImages: 40 }), (world) => {
      const gone = new Set(going(plan(world)));
      const all = world.images.flatMap(({ image, volumeSnapshot }) => [
        image.id,
        volumeSnapshot?.id ?? image.id,
      ]);
      expectTheFloor(world, new Set(all.filter((id) => !gone.has(id))));
    }),
    pure,
  );
});

test('3: the plan of one series depends on no other', async () => {
  await always(
    fc.property(worlds({ maxImages: 40 }), (world) => {
      for (const whole of plan(world)) {
        const own = `${whole.policy} ${whole.server}`;
        // A snapshot of the server by another deployment may prevent the adoption of images of
        // autosnap.py.
        const images = world.images.filter(({ series, ours }) => series === own || !ours);
        const alone = { ...world, images };
        expect(plan(alone)).toContainEqual(whole);
      }
    }),
    pure,
  );
});

test('5: the order of the listing changes nothing', async () => {
  const shuffled = worlds({ maxImages: 40 }).chain((world) =>
    fc.tuple(
      fc.constant(world),
      fc.shuffledSubarray(world.images, { minLength: world.images.length }),
      fc.shuffledSubarray(world.servers, { minLength: world.servers.length }),
    ),
  );
  await always(
    fc.property(shuffled, ([world, images, servers]) => {
      expect(going(plan({ ...world, images, servers }))).toEqual(going(plan(world)));
    }),
    pure,
  );
});

test('6: failed images change no decision on any other', async () => {
  await always(
    fc.property(worlds({ maxImages: 40 }), (world) => {
      const rest = world.images.filter(({ ours, state }) => !ours || state !== 'failed');
      const others = new Set(rest.map(({ image }) => image.id));
      expect(going(plan(world)).filter((id) => others.has(id))).toEqual(
        going(plan({ ...world, images: rest })),
      );
    }),
    pure,
  );
});

test('8: as time passes no good snapshot is deleted, apart from ended holds, ad-hoc snapshots and orphans', async () => {
  await always(
    fc.property(worlds({ maxImages: 40 }), fc.integer({ min: 1, max: 100_000 }), (world, hours) => {
      const images = world.images.filter(({ held, future }) => !held && !future);
      const past = { ...world, images };
      const later = new Date(NOW.getTime() + hours * HOUR_MS);
      const good = new Set(
        images
          .filter((k) => k.ours && k.state === 'good' && !k.adhoc && !k.gone)
          .map(({ image }) => image.id),
      );
      const deleted = (now: Date) => going(plan(past, {}, now)).filter((id) => good.has(id));
      expect(deleted(later)).toEqual(deleted(NOW));
    }),
    pure,
  );
});

test('9: higher numbers never reduce what is kept, also in the series of deleted servers', async () => {
  const rules = fc.constantFrom('last', ...PERIODS, 'atLeast');
  await always(
    fc.property(worlds({ maxImages: 40 }), rules, fc.integer({ min: 1, max: 9 }), (world, rule, more) => {
      const { keep, orphans } = world.event as { keep: Record<string, number>; orphans?: { keep: number } };
      const raised = { ...keep, [rule]: (keep[rule] ?? 0) + more };
      const shrinking = going(plan(world, { keep: raised }));
      expect(going(plan(world))).toEqual(expect.arrayContaining(shrinking));
      if (!orphans) return;
      const shrinkingOrphans = going(plan(world, { orphans: { ...orphans, keep: orphans.keep + more } }));
      expect(going(plan(world))).toEqual(expect.arrayContaining(shrinkingOrphans));
    }),
    pure,
  );
});

test('the next run for the same slot takes no server again', async () => {
  const slot = new Date('2026-11-23T00:00:00Z');
  const web = server();
  await always(
    fc.property(histories, fc.integer({ min: 0, max: 23 }), (history, hours) => {
      const now = new Date(slot.getTime() + hours * HOUR_MS);
      const due = {
        policy: 'daily',
        slot,
        isMet: (s: Snapshot) => s.slot.getTime() === slot.getTime(),
        marker: ({ id }: Server) => ({ owner: OWNER, policy: 'daily', server: id, slot }),
      };
      const step = (snapshots: Snapshot[]) =>
        planSnapshots([web], snapshots, { due, now, provider: 'rackspace' })[0]!;
      const first = step(history);
      if (first.action !== 'take') return;
      const made = image({
        name: first.image.name,
        status: 'queued',
        owner: PROJECT,
        sizeBytes: undefined,
        createdAt: now,
        properties: { ...first.image.metadata, instance_uuid: 's' },
      });
      const taken = readMarker(made, {
        owner: OWNER,
        projectId: PROJECT,
        scheduleOf: () => undefined,
      }) as Snapshot;
      const again = { action: 'skip', reason: { code: 'ALREADY_TAKEN' } };
      expect(step([...history, taken])).toMatchObject(again);
    }),
    pure,
  );
});

test('the server that has been unprotected for longest comes first, and every server comes once', async () => {
  const slot = new Date('2026-11-23T00:00:00Z');
  const fleets = fc.array(histories, { maxLength: 8 });
  await always(
    fc.property(fleets, (fleet) => {
      const servers = fleet.map((_, i) => server({ id: `s${i}` }));
      const due = {
        policy: 'daily',
        slot,
        isMet: () => false,
        marker: ({ id }: Server) => ({ owner: OWNER, policy: 'daily', server: id, slot }),
      };
      const snapshots = fleet.flatMap((history, i) => history.map((s) => ({ ...s, server: `s${i}` })));
      const steps = planSnapshots(servers, snapshots, { due, now: NOW, provider: 'keystone' });
      const newest = steps.map(({ server: { id } }) =>
        Math.max(
          ...snapshots
            .filter((s) => s.server === id && s.state === 'good' && s.slot <= NOW)
            .map((s) => s.slot.getTime()),
        ),
      );
      expect(newest).toEqual(newest.toSorted((a, b) => a - b));
      expect(steps.map((step) => step.server.id).sort()).toEqual(servers.map(({ id }) => id).sort());
    }),
    pure,
  );
});
