import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KEEP_RULES, PERIODS } from '../../lib/config/keep-rules.ts';
import type { Keep } from '../../lib/config/policy.ts';
import { counts, heldBecause, retain } from '../../lib/snapshots/retention.ts';
import type { Snapshot } from '../../lib/snapshots/snapshot.ts';
import { promised } from '../simulation/promises.ts';
import { snapshot } from '../snapshots.ts';
import { always } from './always.ts';
import { histories, keeps } from './series.ts';
import { NOW, timezones } from './worlds.ts';

// The invariants of rotation, by their numbers, for the decisions on one series.

const HOUR_MS = 3_600_000;
const UTC = { now: NOW, timezone: 'UTC' };
const isGood = ({ state }: Snapshot) => state === 'good';
const isHeld = (s: Snapshot, now = NOW) => heldBecause(s, now) !== undefined;

function ids(decisions: ReturnType<typeof retain>, keep: boolean): string[] {
  return decisions
    .filter((d) => d.keep === keep)
    .map((d) => d.snapshot.id)
    .sort();
}

const pure = { pure: true };

test('1: atLeast good snapshots stay, or all if there are fewer', async () => {
  await always(
    fc.property(histories, keeps, timezones, (history, keep, timezone) => {
      const kept = retain(history, keep, { now: NOW, timezone }).filter((d) => d.keep && isGood(d.snapshot));
      expect(kept.length).toBeGreaterThanOrEqual(Math.min(history.filter(isGood).length, keep.atLeast));
    }),
    pure,
  );
});

test('1: the newest of them that are not held are among those that stay', async () => {
  await always(
    fc.property(histories, keeps, (history, keep) => {
      const counted = history.filter((s) => isGood(s) && !isHeld(s) && s.slot <= NOW);
      const slots = counted.map(({ slot }) => slot.getTime()).sort((a, b) => b - a);
      const kept = new Set(ids(retain(history, keep, UTC), true));
      const floor = slots[Math.min(keep.atLeast, slots.length) - 1] ?? 0;
      for (const s of counted.filter(({ slot }) => slot.getTime() > floor)) expect(kept).toContain(s.id);
    }),
    pure,
  );
});

test('a snapshot that passed a drill is deleted only if a newer one passed, and has not failed since', async () => {
  const passed = ({ proven, drilled }: Snapshot) => proven !== undefined && drilled! <= proven;
  await always(
    fc.property(histories, keeps, (history, keep) => {
      const decisions = retain(history, keep, UTC);
      const counted = (s: Snapshot) => isGood(s) && !isHeld(s) && s.slot <= NOW;
      const kept = decisions.filter((d) => d.keep && counted(d.snapshot)).map((d) => d.snapshot);
      for (const { snapshot: gone } of decisions.filter(
        (d) => !d.keep && d.snapshot.proven && counted(d.snapshot),
      )) {
        const newer = kept.filter(({ slot }) => slot >= gone.slot);
        expect(newer.some((s) => (passed(gone) ? passed(s) : s.proven))).toBe(true);
      }
    }),
    pure,
  );
});

test.each<[string, Partial<Snapshot>]>([
  ['drills keep', { proven: undefined, drilled: undefined }],
  ['shared images keep', { exposure: undefined }],
])('%s more, and delete nothing more', async (_, without) => {
  await always(
    fc.property(histories, keeps, (history, keep) => {
      const plain = history.map((s) => ({ ...s, ...without }));
      const kept = ids(retain(history, keep, UTC), true);
      expect(kept).toEqual(expect.arrayContaining(ids(retain(plain, keep, UTC), true)));
    }),
    pure,
  );
});

test('the counting snapshots of a slot are kept or deleted together, apart from those that others can see', async () => {
  await always(
    fc.property(histories, keeps, (history, keep) => {
      const decisions = retain(history, keep, UTC).filter(({ snapshot: s }) => counts(s, NOW) && !s.exposure);
      const fates = Map.groupBy(decisions, ({ snapshot }) => snapshot.slot.getTime());
      for (const same of fates.values()) expect(new Set(same.map((d) => d.keep)).size).toBe(1);
    }),
    pure,
  );
});

test('2: pending, unknown, held and future snapshots are never deleted', async () => {
  await always(
    fc.property(histories, keeps, (history, keep) => {
      for (const { snapshot } of retain(history, keep, UTC).filter((d) => !d.keep)) {
        expect(['good', 'failed']).toContain(snapshot.state);
        expect(isHeld(snapshot)).toBe(false);
        expect(snapshot.slot.getTime()).toBeLessThanOrEqual(NOW.getTime());
      }
    }),
    pure,
  );
});

test('4: a second plan for the kept snapshots deletes nothing', async () => {
  await always(
    fc.property(histories, keeps, timezones, (history, keep, timezone) => {
      const decisions = retain(history, keep, { now: NOW, timezone });
      const kept = decisions.filter((d) => d.keep).map((d) => d.snapshot);
      expect(ids(retain(kept, keep, { now: NOW, timezone }), false)).toEqual([]);
    }),
    pure,
  );
});

test('4: a second plan after a part of the deletions deletes nothing else', async () => {
  await always(
    fc.property(histories, keeps, fc.integer({ min: 0, max: 40 }), (history, keep, done) => {
      const first = retain(history, keep, UTC);
      const gone = new Set(ids(first, false).slice(0, done));
      const left = history.filter(({ id }) => !gone.has(id));
      expect(ids(retain(left, keep, UTC), true)).toEqual(ids(first, true));
    }),
    pure,
  );
});

test('5: the order of the listing and duplicates in it change nothing', async () => {
  const shuffled = histories.chain((history) =>
    fc.tuple(
      fc.constant(history),
      fc.shuffledSubarray([...history, ...history], { minLength: history.length * 2 }),
    ),
  );
  await always(
    fc.property(shuffled, keeps, ([history, again], keep) => {
      expect(retain(again, keep, UTC)).toEqual(retain(history, keep, UTC));
    }),
    pure,
  );
});

test('6: failed snapshots change neither a decision on another snapshot nor its reasons', async () => {
  await always(
    fc.property(histories, keeps, (history, keep) => {
      const without = history.filter(({ state }) => state !== 'failed');
      const among = retain(history, keep, UTC).filter(({ snapshot: { state } }) => state !== 'failed');
      expect(among).toEqual(retain(without, keep, UTC));
    }),
    pure,
  );
});

test('8: as time passes without a new good snapshot, no good one is deleted', async () => {
  await always(
    fc.property(histories, keeps, fc.integer({ min: 1, max: 100_000 }), (history, keep, hours) => {
      // A snapshot from the future becomes a new one in time, and a hold that ends counts as ended.
      const past = history.filter((s) => s.slot <= NOW && !(isHeld(s) && s.hold instanceof Date));
      const later = new Date(NOW.getTime() + hours * HOUR_MS);
      const deleted = (now: Date) =>
        retain(past, keep, { now, timezone: 'UTC' })
          .filter((d) => !d.keep && isGood(d.snapshot))
          .map((d) => d.snapshot.id);
      expect(deleted(later)).toEqual(deleted(NOW));
    }),
    pure,
  );
});

test.each(PERIODS)('%s keeps what a second implementation of the calendar periods keeps', async (period) => {
  const ages = fc.uniqueArray(fc.integer({ min: 0, max: 20_000 }), { minLength: 1, maxLength: 12 });
  await always(
    fc.property(ages, timezones, fc.integer({ min: 1, max: 9 }), (hoursAgo, timezone, n) => {
      const slots = hoursAgo.toSorted((a, b) => a - b).map((hours) => NOW.getTime() - hours * HOUR_MS);
      const keep: Keep = { atLeast: 1, [period]: n };
      const series = slots.map((slot) => snapshot(new Date(slot)));
      const kept = retain(series, keep, { now: NOW, timezone }).filter((d) => d.keep);
      const expected = promised(slots, { keep, timezone });
      expect(new Set(kept.map((d) => d.snapshot.slot.getTime()))).toEqual(expected);
    }),
    pure,
  );
});

const names = [...KEEP_RULES, 'atLeast'] as const;

test('9: a higher number of any rule, or an additional rule, never reduces what is kept', async () => {
  await always(
    fc.property(
      histories,
      keeps,
      timezones,
      fc.constantFrom(...names),
      fc.integer({ min: 1, max: 9 }),
      (history, keep, timezone, rule, more) => {
        const step = rule === 'within' ? more * 24 * HOUR_MS : more;
        const raised: Keep = { ...keep, [rule]: (keep[rule] ?? 0) + step };
        const before = ids(retain(history, keep, { now: NOW, timezone }), true);
        const after = ids(retain(history, raised, { now: NOW, timezone }), true);
        expect(after).toEqual(expect.arrayContaining(before));
      },
    ),
    pure,
  );
});

test('the names of snapshots do not influence what is kept', async () => {
  await always(
    fc.property(histories, keeps, (history, keep) => {
      // Snapshots of equal time are ordered by their ids: one of each time is enough here.
      const apart = [...new Map(history.map((s) => [s.slot.getTime(), s])).values()];
      const renamed = apart.map((s, i) => ({ ...s, id: `${apart.length - i} ${s.id}`, name: `x${i}` }));
      const kept = retain(renamed, keep, UTC).map((d) => [d.snapshot.id.split(' ')[1], d.keep]);
      expect(kept).toEqual(retain(apart, keep, UTC).map((d) => [d.snapshot.id, d.keep]));
    }),
    pure,
  );
});
