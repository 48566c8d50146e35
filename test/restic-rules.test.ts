import { describe, expect, test } from 'vitest';
import type { Period } from '../lib/config/keep-rules.ts';
import { type Keep, parsePolicy } from '../lib/config/policy.ts';
import { retain } from '../lib/snapshots/retention.ts';
import { policy } from './harness.ts';
import { periodOf } from './properties/calendar.ts';
import { snapshot } from './snapshots.ts';

// Compares the rules with what restic documents for `forget`: the newest snapshot of each of the
// last n periods with a snapshot, also the oldest one while a rule has fewer periods, and `within`
// measured from the latest snapshot. https://restic.readthedocs.io/en/stable/060_forget.html

// An irregular history in UTC: gaps, several snapshots a day, both clock changes of Chicago, ends
// of months that belong to another month in another zone, the turns of three years, and week 53 of
// 2026.
const HISTORY = `
2024-02-29 12:00
2024-12-30 08:00
2024-12-31 23:30
2025-01-01 00:30
2025-01-05 22:00
2025-01-06 02:00
2025-03-09 06:30 07:30 08:30 09:30
2025-03-31 23:59
2025-04-01 04:59 05:00
2025-05-11 11:00
2025-06-30 23:00
2025-07-01 03:00
2025-08-20 03:00 15:00
2025-11-02 05:30 06:30 07:30 08:30
2025-11-03 05:59 06:00
2025-12-28 23:00
2025-12-29 01:00
2025-12-31 20:00
2026-01-01 10:00 16:00
2026-01-04 12:00
2026-01-05 12:00
2026-02-28 23:30
2026-03-01 00:30 06:30
2026-03-08 07:59 08:00 09:00
2026-03-29 00:30 01:30 02:30
2026-04-10 02:00 14:00
2026-05-31 12:00
2026-06-01 04:00 05:00
2026-07-04 00:00 04:00 08:00 12:00 16:00 20:00
2026-08-17 10:00
2026-10-11 09:00
2026-10-25 00:30 01:30 02:30
2026-10-31 23:30
2026-11-01 05:30 06:30 07:30 08:30
2026-11-15 12:00
2026-11-22 00:00 12:00
2026-11-23 00:00
2026-11-29 18:00 23:00
2026-11-30 05:30 06:30
2026-12-06 12:00
2026-12-07 01:00 12:00
2026-12-13 12:00
2026-12-14 12:00
2026-12-20 00:00
2026-12-24 06:00 12:00 18:00
2026-12-25 06:00 18:00
2026-12-26 00:00 12:00
2026-12-27 00:00
2026-12-28 00:00 06:00 12:00 18:00
2026-12-31 23:00 23:30
2027-01-01 00:00 00:30 05:30
2027-01-02 12:00
2027-01-03 00:00 01:10 18:00
2027-01-04 00:00 00:15 00:45 01:10`;

const NEWEST_FIRST = HISTORY.trim()
  .split('\n')
  .flatMap((line) => {
    const [day, ...times] = line.split(' ');
    return times.map((time) => `${day} ${time}`);
  })
  .reverse();

const moment = (stamp: string) => new Date(`${stamp.replace(' ', 'T')}:00Z`);

type Asked = Partial<Record<'last' | Period, number>> & { within?: string };

/** The snapshots that lib/snapshots/retention.ts keeps, the newest first. */
function kept(asked: Asked, timezone: string): string[] {
  const keep: Keep = parsePolicy(policy({ keep: asked })).keep;
  const series = NEWEST_FIRST.map((stamp) => snapshot(moment(stamp), { id: stamp }));
  return retain(series, keep, { now: new Date('2027-01-05T00:00:00Z'), timezone })
    .filter((decision) => decision.keep)
    .map((decision) => decision.snapshot.id);
}

/** A second, simple implementation of the rules. */
function expected({ last = 0, within, ...tiers }: Asked, timezone: string): string[] {
  const wanted = new Set(NEWEST_FIRST.slice(0, Math.max(last, 1)));

  for (const [tier, n] of Object.entries(tiers)) {
    const filled: string[] = [];
    for (const stamp of NEWEST_FIRST) {
      const period = periodOf(tier as Period, moment(stamp), timezone);
      if (filled.length === n || filled.includes(period)) continue;
      filled.push(period);
      wanted.add(stamp);
    }
    if (filled.length < n) wanted.add(NEWEST_FIRST.at(-1)!);
  }

  if (within) {
    const hours = Number.parseInt(within, 10) * { h: 1, d: 24, w: 168 }[within.at(-1) as 'h' | 'd' | 'w'];
    for (const stamp of NEWEST_FIRST) {
      const age = moment(NEWEST_FIRST[0]!).getTime() - moment(stamp).getTime();
      if (age < hours * 3_600_000) wanted.add(stamp);
    }
  }
  return NEWEST_FIRST.filter((stamp) => wanted.has(stamp));
}

const CHICAGO = 'America/Chicago';
const KATHMANDU = 'Asia/Kathmandu';

test('the history is long and sorted', () => {
  expect(NEWEST_FIRST).toHaveLength(100);
  expect(NEWEST_FIRST).toEqual([...new Set(NEWEST_FIRST)].sort().reverse());
});

describe('matches the results worked out by hand', () => {
  test.each<[Asked, string, string[]]>([
    [{ last: 3 }, 'UTC', ['2027-01-04 01:10', '2027-01-04 00:45', '2027-01-04 00:15']],
    [
      { hourly: 5 },
      'UTC',
      ['2027-01-04 01:10', '2027-01-04 00:45', '2027-01-03 18:00', '2027-01-03 01:10', '2027-01-03 00:00'],
    ],
    [
      { daily: 5 },
      'UTC',
      ['2027-01-04 01:10', '2027-01-03 18:00', '2027-01-02 12:00', '2027-01-01 05:30', '2026-12-31 23:30'],
    ],
    // In Chicago the latest snapshot is on the evening of the 3rd, and none is on the 1st.
    [{ daily: 3 }, CHICAGO, ['2027-01-04 01:10', '2027-01-03 01:10', '2027-01-01 05:30']],
    // In Kathmandu a day begins at 18:15.
    [{ daily: 3 }, KATHMANDU, ['2027-01-04 01:10', '2027-01-03 18:00', '2027-01-02 12:00']],
    [
      { weekly: 5 },
      'UTC',
      ['2027-01-04 01:10', '2027-01-03 18:00', '2026-12-27 00:00', '2026-12-20 00:00', '2026-12-13 12:00'],
    ],
    // In Chicago the latest snapshot is on the Sunday of week 53, and midnight of Monday the 28th
    // belongs to week 52.
    [{ weekly: 2 }, CHICAGO, ['2027-01-04 01:10', '2026-12-28 00:00']],
    // September has no snapshot.
    [
      { monthly: 5 },
      'UTC',
      ['2027-01-04 01:10', '2026-12-31 23:30', '2026-11-30 06:30', '2026-10-31 23:30', '2026-08-17 10:00'],
    ],
    [{ monthly: 2 }, CHICAGO, ['2027-01-04 01:10', '2027-01-01 05:30']],
    [{ yearly: 3 }, 'UTC', ['2027-01-04 01:10', '2026-12-31 23:30', '2025-12-31 20:00']],
    [{ yearly: 2 }, CHICAGO, ['2027-01-04 01:10', '2027-01-01 05:30']],
    [{ yearly: 2 }, KATHMANDU, ['2027-01-04 01:10', '2026-12-28 18:00']],
    // There are four years instead of nine, so the oldest snapshot stays as well.
    [
      { yearly: 9 },
      'UTC',
      ['2027-01-04 01:10', '2026-12-31 23:30', '2025-12-31 20:00', '2024-12-31 23:30', '2024-02-29 12:00'],
    ],
    // A snapshot that is exactly a day older than the latest is not less than a day older.
    [
      { within: '1d' },
      'UTC',
      ['2027-01-04 01:10', '2027-01-04 00:45', '2027-01-04 00:15', '2027-01-04 00:00', '2027-01-03 18:00'],
    ],
    [{ within: '1h' }, CHICAGO, ['2027-01-04 01:10', '2027-01-04 00:45', '2027-01-04 00:15']],
    [
      { last: 2, daily: 2, monthly: 2 },
      'UTC',
      ['2027-01-04 01:10', '2027-01-04 00:45', '2027-01-03 18:00', '2026-12-31 23:30'],
    ],
  ])('%j in %s', (asked, timezone, byHand) => {
    expect(kept(asked, timezone)).toEqual(byHand);
    expect(expected(asked, timezone)).toEqual(byHand);
  });
});

describe('matches the second implementation', () => {
  const policies: Asked[] = [
    { last: 1 },
    { last: 50 },
    { last: 1000 },
    { hourly: 1 },
    { hourly: 12 },
    { hourly: 48 },
    { hourly: 75 },
    { hourly: 200 },
    { daily: 1 },
    { daily: 7 },
    { daily: 30 },
    { daily: 49 },
    { daily: 400 },
    { weekly: 1 },
    { weekly: 4 },
    { weekly: 20 },
    { weekly: 29 },
    { weekly: 60 },
    { monthly: 1 },
    { monthly: 6 },
    { monthly: 12 },
    { monthly: 18 },
    { monthly: 40 },
    { yearly: 1 },
    { yearly: 4 },
    { yearly: 5 },
    { within: '1h' },
    { within: '25h' },
    { within: '8d' },
    { within: '52w' },
    { within: '9999d' },
    { last: 3, within: '3d' },
    { hourly: 24, daily: 7 },
    { daily: 7, weekly: 4 },
    { daily: 7, weekly: 5, monthly: 12 },
    { daily: 7, weekly: 5, monthly: 12, yearly: 75 },
    { hourly: 24, daily: 14, weekly: 8, monthly: 24, yearly: 2 },
    { last: 10, yearly: 3 },
    { last: 5, hourly: 6, within: '2w' },
    { weekly: 52, within: '1d' },
    { monthly: 3, yearly: 10, within: '1w' },
    { last: 2, hourly: 3, daily: 4, weekly: 5, monthly: 6, yearly: 7, within: '1h' },
  ];
  const zones = ['UTC', CHICAGO, KATHMANDU, 'Australia/Lord_Howe'];

  test.each(policies)('%j', (asked) => {
    for (const timezone of zones) expect(kept(asked, timezone), timezone).toEqual(expected(asked, timezone));
  });
});
