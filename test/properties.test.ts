import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planCleanup } from '../lib/cleanup.ts';
import { markerOf, readMarker, type Snapshot, type State } from '../lib/marker.ts';
import type { Server } from '../lib/openstack/compute.ts';
import type { Image } from '../lib/openstack/images.ts';
import { type Keep, parsePolicy } from '../lib/policy.ts';
import { retain } from '../lib/retention.ts';
import { planSnapshots } from '../lib/snapshot.ts';
import { policy } from './harness.ts';
import { snapshot } from './snapshots.ts';

// The rules that rotation may never break, over random histories. fast-check prints the seed of a failure.

const NOW = new Date('2026-11-23T06:00:00Z');
const HOUR_MS = 3_600_000;

const keeps: fc.Arbitrary<Keep> = fc
  .record(
    {
      last: fc.integer({ min: 1, max: 9 }),
      hourly: fc.integer({ min: 1, max: 9 }),
      daily: fc.integer({ min: 1, max: 9 }),
      weekly: fc.integer({ min: 1, max: 9 }),
      monthly: fc.integer({ min: 1, max: 9 }),
      yearly: fc.integer({ min: 1, max: 9 }),
      within: fc.integer({ min: 1, max: 60 * 24 }).map((hours) => hours * HOUR_MS),
    },
    { requiredKeys: [] },
  )
  .filter((rules) => Object.keys(rules).length > 0)
  .chain((rules) => fc.integer({ min: 1, max: 4 }).map((atLeast) => ({ ...rules, atLeast })));

const states = fc.constantFrom<State>('good', 'good', 'good', 'pending', 'failed', 'unknown');
const holds = fc.constantFrom<Snapshot['hold']>(
  undefined,
  undefined,
  undefined,
  'forever',
  new Date('2026-12-01'),
);

const histories = fc
  .array(fc.record({ hoursAgo: fc.integer({ min: -48, max: 20_000 }), state: states, hold: holds }), {
    maxLength: 40,
  })
  .map((entries) =>
    entries.map(({ hoursAgo, state, hold }, i) =>
      snapshot(new Date(NOW.getTime() - hoursAgo * HOUR_MS), { id: `i${i}`, state, status: state, hold }),
    ),
  );

const timezone = fc.constantFrom('UTC', 'America/Chicago', 'Asia/Kathmandu', 'Australia/Lord_Howe');
const ids = (decisions: ReturnType<typeof retain>, keep: boolean) =>
  decisions
    .filter((d) => d.keep === keep)
    .map((d) => d.snapshot.id)
    .sort();
const isGood = ({ state }: Snapshot) => state === 'good';

test('of the good ones at least atLeast stay, or all that there are', () => {
  fc.assert(
    fc.property(histories, keeps, timezone, (history, keep, zone) => {
      const kept = retain(history, keep, { now: NOW, timezone: zone }).filter(
        (d) => d.keep && isGood(d.snapshot),
      );
      expect(kept.length).toBeGreaterThanOrEqual(Math.min(history.filter(isGood).length, keep.atLeast));
    }),
  );
});

test('what is pending, unknown, held or from the future is never deleted', () => {
  fc.assert(
    fc.property(histories, keeps, (history, keep) => {
      for (const d of retain(history, keep, { now: NOW, timezone: 'UTC' }).filter((x) => !x.keep)) {
        expect(['good', 'failed']).toContain(d.snapshot.state);
        expect(d.snapshot.hold).toBeUndefined();
        expect(d.snapshot.slot.getTime()).toBeLessThanOrEqual(NOW.getTime());
      }
    }),
  );
});

test('what was kept once is kept again: a second plan deletes nothing', () => {
  fc.assert(
    fc.property(histories, keeps, timezone, (history, keep, zone) => {
      const options = { now: NOW, timezone: zone };
      const kept = retain(history, keep, options)
        .filter((d) => d.keep)
        .map((d) => d.snapshot);
      expect(ids(retain(kept, keep, options), false)).toEqual([]);
    }),
  );
});

test('the order of the listing and doubles in it change nothing', () => {
  const shuffled = histories.chain((history) =>
    fc.tuple(
      fc.constant(history),
      fc.shuffledSubarray([...history, ...history], { minLength: history.length * 2 }),
    ),
  );
  fc.assert(
    fc.property(shuffled, keeps, ([history, again], keep) => {
      const options = { now: NOW, timezone: 'UTC' };
      expect(retain(again, keep, options)).toEqual(retain(history, keep, options));
    }),
  );
});

test('failed snapshots change no decision on a good one', () => {
  fc.assert(
    fc.property(histories, keeps, (history, keep) => {
      const good = history.filter(({ state }) => state !== 'failed');
      const options = { now: NOW, timezone: 'UTC' };
      const all = retain(history, keep, options).filter(({ snapshot: { state } }) => state !== 'failed');
      expect(all).toEqual(retain(good, keep, options));
    }),
  );
});

test('time that passes without a new snapshot deletes no good one', () => {
  fc.assert(
    fc.property(histories, keeps, fc.integer({ min: 1, max: 100_000 }), (history, keep, hours) => {
      const past = history.filter(({ slot, hold }) => slot <= NOW && !(hold instanceof Date));
      const later = new Date(NOW.getTime() + hours * HOUR_MS);
      const deleted = (now: Date) =>
        retain(past, keep, { now, timezone: 'UTC' })
          .filter((d) => !d.keep && isGood(d.snapshot))
          .map((d) => d.snapshot.id);
      expect(deleted(later)).toEqual(deleted(NOW));
    }),
  );
});

test('a higher number never keeps less', () => {
  const rules = fc.constantFrom(
    'last',
    'hourly',
    'daily',
    'weekly',
    'monthly',
    'yearly',
    'within',
    'atLeast',
  );
  fc.assert(
    fc.property(histories, keeps, rules, fc.integer({ min: 1, max: 9 }), (history, keep, rule, more) => {
      const raised = { ...keep, [rule]: (keep[rule as keyof Keep] ?? 0) + more };
      const options = { now: NOW, timezone: 'UTC' };
      const before = ids(retain(history, keep, options), true);
      expect(ids(retain(history, raised, options), true)).toEqual(expect.arrayContaining(before));
    }),
  );
});

const server = (id: string): Server => ({
  id,
  name: id,
  region: 'DFW',
  taskState: null,
  metadata: {},
  volumeBacked: false,
  volumeIds: [],
});
const OWNER = 'autosnap-test';

function imageOf(s: Snapshot): Image {
  return {
    ...s,
    status: s.state === 'good' ? 'active' : s.state === 'failed' ? 'killed' : 'saving',
    visibility: 'private',
    protected: false,
    owner: 'p',
    volumeSnapshotIds: [],
    properties: {
      ...markerOf({ owner: OWNER, policy: s.policy, server: s.server, slot: s.slot }),
      instance_uuid: s.server,
    },
  };
}

test('the plan of one series depends on no other', () => {
  fc.assert(
    fc.property(histories, histories, keeps, (mine, others, keep) => {
      const region = { region: 'DFW', servers: [server('a'), server('b')], volumeSnapshots: [] };
      const plan = (snapshots: Snapshot[]) =>
        planCleanup(
          { ...region, images: snapshots.map(imageOf) },
          { ...parsePolicy(policy()), keep },
          (image) => readMarker(image, OWNER, 'p'),
          NOW,
        ).series.find((series) => series.server === 'a');
      const a = mine.map((s) => ({ ...s, server: 'a' }));
      const b = others.map((s) => ({ ...s, id: `b${s.id}`, server: 'b' }));
      expect(plan([...b, ...a])).toEqual(plan(a));
    }),
  );
});

test('what one run takes, the next of the same slot does not', () => {
  fc.assert(
    fc.property(histories, fc.integer({ min: 0, max: 23 }), (history, hours) => {
      const slot = new Date('2026-11-23T00:00:00Z');
      const now = new Date(slot.getTime() + hours * HOUR_MS);
      const due = {
        policy: 'daily',
        slot,
        isMet: (s: Snapshot) => s.slot.getTime() === slot.getTime(),
        metadata: ({ id }: Server) => markerOf({ owner: OWNER, policy: 'daily', server: id, slot }),
      };
      const plan = (snapshots: Snapshot[]) =>
        planSnapshots([server('s')], snapshots, { due, now, provider: 'rackspace' })[0]!;
      const first = plan(history);
      if (first.action !== 'take') return;
      const made = {
        ...imageOf(snapshot(slot)),
        properties: { ...first.image.metadata, instance_uuid: 's' },
      };
      const taken = readMarker({ ...made, createdAt: now }, OWNER, 'p') as Snapshot;
      expect(plan([...history, taken])).toMatchObject({
        action: 'skip',
        reason: expect.stringMatching('already taken'),
      });
    }),
  );
});
