import { describe, expect, test } from 'vitest';
import type { Period } from '../../lib/config/keep-rules.ts';
import { type Keep, parsePolicy } from '../../lib/config/policy.ts';
import { parseSchedule } from '../../lib/config/schedule.ts';
import { retain } from '../../lib/snapshots/retention.ts';
import type { Snapshot } from '../../lib/snapshots/snapshot.ts';
import { policy } from '../harness.ts';
import { dailies, snapshot } from '../snapshots.ts';
import { periodOf } from './calendar.ts';

const HOUR_MS = 3_600_000;
const CHICAGO = 'America/Chicago';

interface Simulation {
  schedule: string;
  keep: Record<string, number>;
  timezone: string;
  /** The number of snapshots between two cleanups. */
  cleanEvery: number;
  from: string;
  to: string;
}

/**
 * Takes a snapshot at each time of a schedule between two dates, and rotates. After each cleanup
 * everything has to exist that a decision on all snapshots ever taken would keep, and not much
 * more: rotation in small steps never deletes what a later step needs.
 */
function simulate({ schedule, keep, timezone, cleanEvery, from, to }: Simulation): Snapshot[] {
  const { next } = parseSchedule(schedule);
  const rules: Keep = parsePolicy(policy({ keep })).keep;
  const tiers = Object.entries(keep) as [Period, number][];
  /** For each rule the newest snapshot of each of the latest periods. */
  const newest = new Map(tiers.map(([tier]) => [tier, new Map<string, string>()]));
  const most = 1 + tiers.reduce((sum, [, n]) => sum + n, 0);
  let there: Snapshot[] = [];
  let taken = 0;
  for (let slot = next(new Date(from)); slot && slot < new Date(to); slot = next(slot)) {
    const made = snapshot(slot);
    there.push(made);
    taken += 1;
    for (const [tier, n] of tiers) {
      const ofTier = newest.get(tier)!;
      ofTier.set(periodOf(tier, slot, timezone), made.id);
      if (ofTier.size > n) ofTier.delete(ofTier.keys().next().value!);
    }
    if (taken % cleanEvery > 0) continue;
    const now = new Date(slot.getTime() + HOUR_MS / 2);
    const decisions = retain(there, rules, { now, timezone });
    there = decisions.filter((d) => d.keep).map((d) => d.snapshot);
    const ids = new Set(there.map(({ id }) => id));
    for (const ofTier of newest.values()) for (const id of ofTier.values()) expect(ids).toContain(id);
    expect(there.length).toBeLessThanOrEqual(most);
  }
  return there;
}

// 2032 has a 29th of February and a week 53. The simulations begin before the year and end after
// it.
describe('during 2032 nothing is deleted that a later day would have kept', () => {
  const year = { from: '2031-12-01T00:00:00Z', to: '2033-01-15T00:00:00Z' };

  test.each(['UTC', CHICAGO, 'Australia/Lord_Howe'])('daily snapshots in %s', (timezone) => {
    const keep = { daily: 7, weekly: 5, monthly: 12 };
    const left = simulate({ ...year, schedule: 'cron(30 5 * * ? *)', keep, timezone, cleanEvery: 1 });
    expect(left.length).toBeGreaterThanOrEqual(7 + 3 + 10);
  });

  test.each(['UTC', CHICAGO, 'Australia/Lord_Howe'])('weekly snapshots in %s', (timezone) => {
    const keep = { weekly: 8, monthly: 6, yearly: 3 };
    const left = simulate({ ...year, schedule: 'cron(0 3 ? * MON *)', keep, timezone, cleanEvery: 1 });
    expect(left.length).toBeGreaterThanOrEqual(8 + 4);
  });

  test('hourly snapshots in Chicago, rotated four times a day', () => {
    const keep = { hourly: 24, daily: 7 };
    const schedule = 'cron(0 * * * ? *)';
    const left = simulate({ ...year, schedule, keep, timezone: CHICAGO, cleanEvery: 6 });
    expect(left.length).toBeGreaterThanOrEqual(24 + 6);
  }, 60_000);
});

/** The ids that stay, the newest first. */
function kept(series: Snapshot[], keep: Partial<Keep>, now: string, timezone = CHICAGO): string[] {
  return retain(series, { atLeast: 1, ...keep }, { now: new Date(now), timezone })
    .filter((d) => d.keep)
    .map((d) => d.snapshot.id);
}

const hourlies = (from: string, count: number) =>
  Array.from({ length: count }, (_, i) => snapshot(new Date(new Date(from).getTime() + i * HOUR_MS)));

test('the day on which the clocks go back has 25 hourly snapshots and one daily', () => {
  const series = hourlies('2026-11-01T05:00:00Z', 25); // from midnight to midnight in Chicago
  expect(kept(series, { hourly: 25 }, '2026-11-02T05:30:00Z')).toHaveLength(25);
  expect(kept(series, { hourly: 24 }, '2026-11-02T05:30:00Z')).not.toContain('2026-11-01T05:00:00.000Z');
  expect(kept(series, { daily: 1 }, '2026-11-02T05:30:00Z')).toEqual(['2026-11-02T05:00:00.000Z']);
});

test('the day on which the clocks go forward has 23 hourly snapshots and one daily', () => {
  // The last one is of the next midnight in Chicago.
  const series = hourlies('2026-03-08T06:00:00Z', 24);
  expect(kept(series, { daily: 2 }, '2026-03-09T05:30:00Z')).toEqual([
    '2026-03-09T05:00:00.000Z',
    '2026-03-09T04:00:00.000Z',
  ]);
  expect(kept(series, { hourly: 24 }, '2026-03-09T05:30:00Z')).toHaveLength(24);
});

test('the 29th of February is the last of its month', () => {
  const series = dailies('2028-03-31T12:00:00Z', 60);
  expect(kept(series, { monthly: 2 }, '2028-03-31T13:00:00Z')).toEqual([
    '2028-03-31T12:00:00.000Z',
    '2028-02-29T12:00:00.000Z',
  ]);
});

test('week 53 is one week on both sides of the new year', () => {
  const series = dailies('2027-01-05T12:00:00Z', 30);
  expect(kept(series, { weekly: 3 }, '2027-01-05T13:00:00Z')).toEqual([
    '2027-01-05T12:00:00.000Z',
    '2027-01-03T12:00:00.000Z',
    '2026-12-27T12:00:00.000Z',
  ]);
});

test('snapshots with equal times count once and get the same decision, in any order', () => {
  const series = dailies('2026-11-23T00:00:00Z', 10);
  const twice = series.flatMap((s) => [
    { ...s, id: `${s.id} a` },
    { ...s, id: `${s.id} b` },
  ]);
  const once = kept(twice, { daily: 3 }, '2026-11-23T06:00:00Z');
  expect(once).toEqual(series.slice(0, 3).flatMap(({ id }) => [`${id} b`, `${id} a`]));
  expect(kept(twice.toReversed(), { daily: 3 }, '2026-11-23T06:00:00Z')).toEqual(once);
  expect(kept(twice, { last: 3 }, '2026-11-23T06:00:00Z')).toEqual(once);
});
