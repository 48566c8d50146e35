import fc from 'fast-check';
import { expect, test } from 'vitest';
import { forecastExpiry } from '../../lib/audit/expiry-forecast.ts';
import { parsePolicy } from '../../lib/config/policy.ts';
import { retain } from '../../lib/snapshots/retention.ts';
import type { Snapshot } from '../../lib/snapshots/snapshot.ts';
import { policy } from '../harness.ts';
import { always } from '../properties/always.ts';
import { histories, keeps } from '../properties/series.ts';
import { NOW as PROPERTY_NOW } from '../properties/worlds.ts';
import { dailies, snapshot } from '../snapshots.ts';

const NOW = new Date('2026-11-24T10:00:00Z');

/** The day of each snapshot -> the day of its deletion, with the condition. */
function foreseen(
  series: Snapshot[],
  keep: Record<string, unknown>,
  changes: Record<string, unknown> = {},
  grows = true,
): Record<string, string> {
  const expiries = forecastExpiry({ series, grows, now: NOW }, parsePolicy(policy({ keep, ...changes })));
  const day = (text: string) => text.slice(5, 10);
  return Object.fromEntries(
    [...expiries].map(([id, { at, condition = '' }]) => [
      day(id),
      `${day(at.toISOString())} ${condition}`.trim(),
    ]),
  );
}

const TWO = dailies('2026-11-24T00:00:00Z', 2);

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
    '11-21': '11-24',
    '11-22': '11-30',
    '11-23': '11-26',
    '11-24': '11-27',
  });
});

test('snapshots that are held forever, shared, or stay longer than the simulation have no expiry', () => {
  const series = [
    ...dailies('2026-11-24T00:00:00Z', 1),
    snapshot('2026-11-20T00:00:00Z', { hold: 'forever' }),
    snapshot('2026-11-19T00:00:00Z', { hold: 'protected' }),
    snapshot('2026-11-18T00:00:00Z', { exposure: 'shared' }),
    snapshot('2026-11-17T00:00:00Z', { state: 'unknown', status: 'deactivated' }),
  ];
  expect(foreseen(series, { last: 1 })).toEqual({ '11-24': '11-25' });
  expect(foreseen(series.slice(0, 1), { yearly: 10 })).toEqual({});
});

test('an empty series and a series whose schedule has ended have no expiries', () => {
  expect(foreseen([], { last: 3 })).toEqual({});
  const ended = { schedule: 'cron(0 0 1 1 ? 2026)' };
  expect(foreseen(dailies('2026-11-24T00:00:00Z', 3), { last: 3 }, ended)).toEqual({});
});

test.each<[string, Snapshot[], Record<string, string>]>([
  [
    'one in progress counts as soon as it is good, or fails and stays for a day',
    [...TWO, snapshot('2026-11-24T06:00:00Z', { id: '2026-11-77', state: 'pending', status: 'saving' })],
    { '11-23': '11-24 PENDING', '11-24': '11-25 PENDING', '11-77': '11-26 PENDING' },
  ],
  [
    'the end of a hold makes it count, and another goes',
    [...TWO, snapshot('2026-11-24T08:00:00Z', { id: '2026-11-99', hold: new Date('2026-11-24T20:00:00Z') })],
    { '11-23': '11-24', '11-24': '11-25', '11-99': '11-26' },
  ],
  [
    'an older one goes when its hold ends',
    [...TWO, snapshot('2026-11-01T00:00:00Z', { hold: new Date('2026-12-09T00:00:00Z') })],
    { '11-23': '11-25', '11-24': '11-26', '11-01': '12-09' },
  ],
  [
    'a proven one stays until a newer one is',
    [...TWO, snapshot('2026-11-01T00:00:00Z', { proven: NOW, drilled: NOW })],
    { '11-23': '11-25', '11-24': '11-26', '11-01': '11-24 DRILL' },
  ],
  [
    'a proven one that the rules keep as well',
    [{ ...TWO[0]!, proven: NOW, drilled: NOW }, TWO[1]!],
    { '11-23': '11-25', '11-24': '11-26 DRILL' },
  ],
  [
    'a failed one goes a day after it was made, where a newer one is good',
    [...TWO, snapshot('2026-11-23T20:00:00Z', { id: '2026-11-88', state: 'failed', status: 'killed' })],
    { '11-23': '11-25', '11-24': '11-26', '11-88': '11-24' },
  ],
  [
    'or with the next good one',
    [...TWO, snapshot('2026-11-24T09:00:00Z', { id: '2026-11-88', state: 'failed', status: 'killed' })],
    { '11-23': '11-25', '11-24': '11-26', '11-88': '11-25' },
  ],
])('%s', (_, series, expected) => {
  expect(foreseen(series, { last: 2 })).toEqual(expected);
});

test('the runs of a rate are counted from the newest snapshot, and may start an interval earlier', () => {
  const rate = { schedule: 'rate(3 days)' };
  const series = ['2026-11-23', '2026-11-20'].map((day) => snapshot(`${day}T00:00:00Z`));
  expect(foreseen(series, { last: 2 }, rate)).toEqual({ '11-20': '11-24 RATE', '11-23': '11-26 RATE' });
});

test('without new snapshots, only the passing of time releases snapshots', () => {
  const series = [...TWO, snapshot('2026-11-22T00:00:00Z', { hold: new Date('2026-12-09T00:00:00Z') })];
  expect(foreseen(series, { last: 2 }, {}, false)).toEqual({ '11-22': '12-09' });
});

test('property: the forecast matches the decision of retention at that time', () =>
  always(
    fc.property(histories, keeps, fc.integer({ min: 1, max: 40 }), (history, keep, days) => {
      const daily = { ...parsePolicy(policy()), keep };
      const series = history
        .filter(({ slot, state, exposure }) => slot <= PROPERTY_NOW && state === 'good' && !exposure)
        .map((s): Snapshot => ({ ...s, hold: undefined, proven: undefined, drilled: undefined }));
      const expiries = forecastExpiry({ series, grows: true, now: PROPERTY_NOW }, daily);
      const at = new Date(Math.floor(PROPERTY_NOW.getTime() / 86_400_000 + days) * 86_400_000);
      const taken = dailies(at.toISOString(), days).map((s) => ({ ...s, id: `new ${s.id}` }));
      const decisions = retain([...series, ...taken], keep, { now: at, timezone: 'UTC' });
      const stays = new Set(decisions.filter((d) => d.keep).map((d) => d.snapshot.id));
      for (const { id } of series)
        expect(stays.has(id)).toBe(!((expiries.get(id)?.at.getTime() ?? Infinity) <= at.getTime()));
    }),
    { pure: true },
  ));
