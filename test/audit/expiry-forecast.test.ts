import fc from 'fast-check';
import { expect, test } from 'vitest';
import { forecastExpiry } from '../../lib/audit/expiry-forecast.ts';
import { parsePolicy } from '../../lib/config/policy.ts';
import type { Snapshot } from '../../lib/snapshots/marker.ts';
import { counts, retain } from '../../lib/snapshots/retention.ts';
import { policy } from '../harness.ts';
import { always } from '../properties/always.ts';
import { histories, keeps } from '../properties/series.ts';
import { NOW as PROPERTY_NOW } from '../properties/worlds.ts';
import { dailies, snapshot } from '../snapshots.ts';

const NOW = new Date('2026-11-24T10:00:00Z');

/** The days on which snapshots are deleted, by the days of the snapshots. */
function foreseen(series: Snapshot[], keep: Record<string, unknown>): Record<string, string> {
  const goes = forecastExpiry(series, parsePolicy(policy({ keep })), NOW);
  const day = (text: string) => text.slice(5, 10);
  return Object.fromEntries([...goes].map(([id, slot]) => [day(id), day(slot.toISOString())]));
}

test('with last 3, the oldest of three is deleted with the next snapshot, and so on', () => {
  expect(foreseen(dailies('2026-11-24T00:00:00Z', 3), { last: 3 })).toEqual({
    '11-22': '11-25',
    '11-23': '11-26',
    '11-24': '11-27',
  });
});

test('the snapshot of a Sunday stays while it is one of two weeks, the others are deleted after three days', () => {
  // 2026-11-22 is a Sunday, the newest day of its week. From the 25th on there are two weeks with a
  // snapshot.
  expect(foreseen(dailies('2026-11-24T00:00:00Z', 4), { last: 3, weekly: 2 })).toEqual({
    '11-21': '11-25',
    '11-22': '11-30',
    '11-23': '11-26',
    '11-24': '11-27',
  });
});

test('snapshots that are held, not good, or kept beyond the forecast have no date', () => {
  const series = [
    ...dailies('2026-11-24T00:00:00Z', 1),
    snapshot('2026-11-20T00:00:00Z', { hold: 'forever' }),
    snapshot('2026-11-19T00:00:00Z', { state: 'failed' }),
  ];
  expect(foreseen(series, { last: 1 })).toEqual({ '11-24': '11-25' });
  expect(foreseen(series, { yearly: 10 })).toEqual({});
});

test('an empty series and a schedule that has ended have no forecast', () => {
  expect(foreseen([], { last: 3 })).toEqual({});
  const ended = parsePolicy(policy({ schedule: 'cron(0 0 1 1 ? 2026)' }));
  expect(forecastExpiry(dailies('2026-11-24T00:00:00Z', 3), ended, NOW).size).toBe(0);
});

test('property: the forecast matches the decision of retention at that time', () =>
  always(
    fc.property(histories, keeps, fc.integer({ min: 1, max: 40 }), (series, keep, days) => {
      const daily = { ...parsePolicy(policy()), keep };
      const goes = forecastExpiry(series, daily, PROPERTY_NOW);
      const at = new Date(Math.floor(PROPERTY_NOW.getTime() / 86_400_000 + days) * 86_400_000);
      const taken = dailies(at.toISOString(), days).map((s) => ({ ...s, id: `new ${s.id}` }));
      const good = series.filter((s) => counts(s, PROPERTY_NOW));
      const decisions = retain([...good, ...taken], keep, { now: at, timezone: 'UTC' });
      const stays = new Set(decisions.filter((d) => d.keep).map((d) => d.snapshot.id));
      for (const { id } of good)
        expect(stays.has(id)).toBe(!((goes.get(id)?.getTime() ?? Infinity) <= at.getTime()));
    }),
    { pure: true },
  ));
