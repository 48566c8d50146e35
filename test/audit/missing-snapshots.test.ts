import { expect, test } from 'vitest';
import { gaps } from '../../lib/audit/missing-snapshots.ts';
import { parsePolicy } from '../../lib/config/policy.ts';
import type { Snapshot } from '../../lib/snapshots/snapshot.ts';
import { policy } from '../harness.ts';
import { snapshot } from '../snapshots.ts';

const NOW = new Date('2026-11-24T10:00:00Z');

/** Snapshots of the given days in November, at midnight. */
function on(...days: number[]): Snapshot[] {
  return days.map((day) => snapshot(`2026-11-${String(day).padStart(2, '0')}T00:00:00Z`));
}

/** The gaps as "day-day", without the second day if the gap has no end. */
function days(
  series: Snapshot[],
  event: Record<string, unknown> = { keep: { last: 7 } },
  now = NOW,
): string[] {
  return gaps(series, parsePolicy(policy(event)), now).map(
    ({ from, to }) => `${from.slice(8, 10)}-${to?.slice(8, 10) ?? ''}`,
  );
}

test.each([
  ['nothing is missing', on(24, 23, 22), []],
  ['two days are', on(24, 23, 20), ['21-23']],
  ['now and then', on(24, 22, 20), ['23-24', '21-22']],
  ['since the newest', on(21, 20), ['22-']],
  ['the last one, which may still come', on(23, 22), []],
  ['there was none before the first', on(24), []],
  ['there is none at all', [], []],
  ['a failed one is none', [...on(24, 22), snapshot('2026-11-23T00:00:00Z', { state: 'failed' })], ['23-24']],
  ['a held one is one', [...on(24, 22), snapshot('2026-11-23T00:00:00Z', { hold: 'forever' })], []],
] as const)('missing snapshots, %s: $2', (_, series, expected) => {
  expect(days([...series])).toEqual(expected);
});

test('the last snapshot counts as missing once it is late', () => {
  expect(days(on(23, 22), { keep: { last: 7 } }, new Date('2026-11-24T12:00:00Z'))).toEqual(['24-']);
});

test('snapshots that rotation deleted are no gap, but a week without a snapshot is', () => {
  const keep = { last: 3, weekly: 4 };
  // 2026-11-22, -15, -08 and -01 are Sundays.
  expect(days(on(24, 23, 22, 15, 8, 1), { keep })).toEqual([]);
  expect(days(on(24, 23, 22, 8, 1), { keep })).toEqual(['09-22']);
  expect(days(on(24, 23, 22, 13, 8), { keep })).toEqual([]);
});

test('with within, which keeps all, every missing snapshot is a gap', () => {
  expect(days(on(24, 22, 19), { keep: { within: '4d' } })).toEqual(['23-24', '21-22']);
});

test('a day without the time of the schedule, or with this time twice, causes no gap', () => {
  const event = { timezone: 'America/Los_Angeles', keep: { last: 7 } };
  const at = (...slots: string[]) => slots.map((slot) => snapshot(slot));
  // 2026-03-08 has no 02:30.
  const spring = at('2026-03-10T09:30:00Z', '2026-03-09T09:30:00Z', '2026-03-07T10:30:00Z');
  const daily = { ...event, schedule: 'cron(30 2 * * ? *)' };
  expect(days(spring, daily, new Date('2026-03-10T12:00:00Z'))).toEqual([]);
  // 2026-11-01 has two times 01:30.
  const autumn = at('2026-11-01T10:30:00Z', '2026-11-01T08:30:00Z', '2026-11-01T07:30:00Z');
  const hourly = { ...event, schedule: 'cron(30 * * * ? *)' };
  expect(days(autumn, hourly, new Date('2026-11-01T10:40:00Z'))).toEqual([]);
});

test('pauses of the schedule are not gaps', () => {
  // The 20th is a Friday.
  const event = { schedule: 'cron(0 0 ? * MON-FRI *)', keep: { last: 7 } };
  expect(days(on(24, 23, 20, 19), event)).toEqual([]);
  expect(days(on(24, 20, 19), event)).toEqual(['23-24']);
});

test('a rate may deviate without a gap', () => {
  const at = (hours: number) => snapshot(new Date(Date.parse('2026-11-24T09:00:00Z') - hours * 3_600_000));
  const event = { schedule: 'rate(6 hours)', keep: { last: 9 } };
  expect(days([at(0), at(6.1), at(11.9)], event)).toEqual([]);
  expect(days([at(0), at(12.1)], event)).toEqual(['24-24']);
  expect(days([at(9)], event)).toEqual(['24-']);
});
