import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import { connect, type Session } from '../../lib/openstack/session.ts';
import { cleanUp } from '../../lib/snapshots/cleanup.ts';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import { answers } from '../../local/cloud/faults.ts';
import { credentialsOf, unhurried } from '../openstack/connected.ts';
import { always } from './always.ts';
import { reported } from './embedded.ts';
import { becomeVolumes, type KnownPart, mayGo, type VolumeWorld, volumeWorlds } from './volume-worlds.ts';
import { NOW, OWNER } from './worlds.ts';

// The invariants of rotation, by their numbers, for the snapshots of volumes: the real cleanup job
// on random clouds with Cinder v3 and with Rackspace's Cinder v1.

let cloud: Cloud;
const sessions = {} as Record<VolumeWorld['kind'], Session>;

/** Runs the real job once. */
const clean = ({ kind, event }: VolumeWorld, changes: object = {}, now = NOW) =>
  cleanUp(sessions[kind], parsePolicy({ ...event, ...changes }), { owner: OWNER, now, requestId: 'r' });

async function cleaned(world: VolumeWorld, changes: object = {}, now = NOW) {
  becomeVolumes(cloud, world);
  return clean(world, changes, now);
}

const present = () => new Set(cloud.region('DFW').volumeSnapshots.map(({ id }) => id));

/** The ids that cleanups of the whole world would delete in the end. */
async function goingFrom(world: VolumeWorld): Promise<string[]> {
  becomeVolumes(cloud, world);
  return reported(await clean(world, { dryRun: true, maxDeletes: 100 }), 'planned');
}

const good = ({ parts }: VolumeWorld) =>
  parts.filter(({ ours, state, policy }) => ours && state === 'good' && policy === 'daily');
const slotsOf = (parts: readonly KnownPart[]) => new Set(parts.map(({ slot }) => slot.getTime()));

beforeAll(async () => {
  cloud = await startCloud();
  for (const kind of ['rackspace', 'password'] as const) {
    sessions[kind] = await connect(async () => credentialsOf(cloud, kind), unhurried);
  }
});
afterAll(() => cloud.close());

test('1: atLeast good snapshots of each volume stay, or all if there were fewer', async () => {
  await always(
    fc.asyncProperty(volumeWorlds, async (world) => {
      await cleaned(world);
      const left = present();
      for (const [volume, before] of Map.groupBy(good(world), ({ snapshot }) => snapshot.volumeId)) {
        const after = before.filter(({ snapshot }) => left.has(snapshot.id));
        const least = Math.min(slotsOf(before).size, world.event.keep.atLeast);
        expect(slotsOf(after).size, volume).toBeGreaterThanOrEqual(least);
      }
    }),
  );
});

test('2, 11: the snapshots of others, held, unknown and unfinished ones stay, and no volume is deleted', async () => {
  await always(
    fc.asyncProperty(volumeWorlds, async (world) => {
      await cleaned(world, { maxDeletes: 100 });
      const left = present();
      for (const part of world.parts.filter((one) => !mayGo(one, world))) {
        expect(left, JSON.stringify(part)).toContain(part.snapshot.id);
      }
      const deletions = cloud.received.filter(({ method }) => method === 'DELETE');
      expect(deletions.filter(({ path }) => !/\/snapshots\/part-\d+$/.test(path))).toEqual([]);
      expect(deletions.filter(({ query }) => query)).toEqual([]);
    }),
  );
});

test('3: the other volumes delete nothing of one volume; they only keep more, for whole sets', async () => {
  await always(
    fc.asyncProperty(volumeWorlds, async (world) => {
      const volume = world.volumes[0]!.id;
      const its = world.parts.filter(({ snapshot }) => snapshot.volumeId === volume);
      await cleaned(world);
      const among = its.filter(({ snapshot }) => present().has(snapshot.id));
      await cleaned({ ...world, parts: its });
      const alone = its.filter(({ snapshot }) => present().has(snapshot.id));
      expect(among).toEqual(expect.arrayContaining(alone));
    }),
  );
});

test('4, 10: a second cleanup deletes only what the first deferred, and what is reported as deleted is gone', async () => {
  let deleted = 0;
  await always(
    fc.asyncProperty(volumeWorlds, async (world) => {
      const first = await cleaned(world);
      deleted += first.totals.deleted ?? 0;
      const gone = world.parts.map(({ snapshot }) => snapshot.id).filter((id) => !present().has(id));
      expect(reported(first, 'deleted')).toEqual(gone.sort());
      const second = await clean(world, { maxDeletes: 100 });
      expect(reported(first, 'deferred')).toEqual(expect.arrayContaining(reported(second, 'deleted')));
      expect((await clean(world)).totals.deleted ?? 0).toBe(0);
    }),
  );
  // Worlds in which nothing is due would prove nothing.
  expect(deleted).toBeGreaterThan(0);
});

test('5: the page size and the order of the listing change nothing', async () => {
  await always(
    fc.asyncProperty(volumeWorlds, fc.integer({ min: 1, max: 20 }), async (world, pageSize) => {
      await cleaned(world);
      const left = present();
      await cleaned({ ...world, parts: world.parts.toReversed(), pageSize });
      expect(present()).toEqual(left);
    }),
  );
});

test('6: failed snapshots change no decision on a good one', async () => {
  await always(
    fc.asyncProperty(volumeWorlds, fc.nat(), async (world, which) => {
      const failing = world.parts[which % world.parts.length];
      if (!failing) return;
      const without = { ...world, parts: world.parts.filter((one) => one !== failing) };
      const broken = { ...failing, snapshot: { ...failing.snapshot, status: 'error' } };
      const all = { maxDeletes: 100 };
      await cleaned(without, all);
      const kept = without.parts.filter(({ snapshot }) => present().has(snapshot.id));
      await cleaned({ ...without, parts: [...without.parts, broken] }, all);
      expect(
        without.parts.filter(({ state, snapshot }) => state === 'good' && present().has(snapshot.id)),
      ).toEqual(kept.filter(({ state }) => state === 'good'));
    }),
  );
});

test('7: nothing is deleted if a listing of the block storage fails', async () => {
  const failures = fc.constantFrom(answers.serverError, answers.forbidden, 'truncate' as const);
  const listings = fc.constantFrom(/\/snapshots\/detail$/, /\/volumes\/detail$/);
  await always(
    fc.asyncProperty(volumeWorlds, listings, failures, async (world, path, answer) => {
      becomeVolumes(cloud, world);
      const before = present();
      cloud.faults.push({ service: 'volume', method: 'GET', path, times: Infinity, answer });
      await clean(world).catch(() => undefined);
      expect(present()).toEqual(before);
    }),
  );
});

test('8: time that passes without a new good snapshot deletes no good one of an existing volume', async () => {
  await always(
    fc.asyncProperty(volumeWorlds, fc.integer({ min: 1, max: 800 }), async (world, days) => {
      const isLasting = ({ place, snapshot }: KnownPart) =>
        place === 'attached' && !/^2026-/.test(snapshot.metadata?.autosnap_hold ?? '');
      const parts = world.parts.filter((one) => isLasting(one) && one.slot <= NOW);
      const steady = {
        ...world,
        parts: parts.filter(({ snapshot }) => !/ 2026-12-24/.test(snapshot.description ?? '')),
      };
      await cleaned(steady, { maxDeletes: 100 });
      const left = good(steady).filter(({ snapshot }) => present().has(snapshot.id));
      await clean(steady, { maxDeletes: 100 }, new Date(NOW.getTime() + days * 86_400_000));
      expect(good(steady).filter(({ snapshot }) => present().has(snapshot.id))).toEqual(left);
    }),
  );
});

test('13: a server, volume or volume snapshot that no listing shows causes no further deletion', async () => {
  await always(
    fc.asyncProperty(volumeWorlds, fc.nat(), async (world, which) => {
      const going = await goingFrom(world);
      const things = [
        ...cloud.region('DFW').servers.map(({ id }) => id),
        ...world.volumes.map(({ id }) => id),
        ...world.parts.map(({ snapshot }) => snapshot.id),
      ];
      becomeVolumes(cloud, world);
      cloud.region('DFW').unlisted.add(things[which % things.length]!);
      expect(going).toEqual(expect.arrayContaining(reported(await clean(world), 'deleted')));
    }),
  );
});
