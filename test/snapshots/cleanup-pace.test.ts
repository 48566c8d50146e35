import { expect, test } from 'vitest';
import { parseSchedule } from '../../lib/config/schedule.ts';
import { cleanupTooRare } from '../../lib/snapshots/cleanup-pace.ts';

const HOUR_MS = 3_600_000;

test.each([
  ['cron(0 * * * ? *)', 'rate(6 hours)', 10, false],
  ['cron(0 * * * ? *)', 'cron(0 2 * * ? *)', 10, true],
  ['rate(1 hour)', 'cron(0 2 * * ? *)', 24, false],
  ['rate(1 hour)', 'cron(0 2 * * ? *)', 23, true],
  // Ten snapshots a day, on working days: some intervals have more than the mean, some none.
  ['cron(0 8-17 ? * MON-FRI *)', 'cron(0 6,13,20 * * ? *)', 4, false],
  ['cron(0 8-17 ? * MON-FRI *)', 'cron(0 6,13,20 * * ? *)', 2, true],
  ['cron(0 8-17 ? * MON-FRI *)', 'cron(0 2 * * ? *)', 8, false],
  ['cron(0 8-17 ? * MON-FRI *)', 'cron(0 2 * * ? *)', 7, true],
  // A cleanup that pauses at the weekend.
  ['rate(1 hour)', 'cron(0 2 ? * MON-FRI *)', 34, false],
  ['rate(1 hour)', 'cron(0 2 ? * MON-FRI *)', 33, true],
  // Months have 28 to 31 days.
  ['rate(1 day)', 'cron(0 2 1 * ? *)', 31, false],
  ['rate(1 day)', 'cron(0 2 1 * ? *)', 30, true],
  ['rate(1 day)', 'cron(0 2 1,15 * ? *)', 16, false],
  ['rate(1 day)', 'cron(0 2 1,15 * ? *)', 15, true],
  ['rate(1 hour)', 'cron(0 2 1-7 * ? *)', 30, true],
  ['rate(1 day)', 'rate(5 days)', 5, false],
  ['rate(1 day)', 'rate(5 days)', 4, true],
  ['rate(1 day)', 'cron(0 2 1 1 ? *)', 300, true],
  ['rate(1 day)', 'cron(0 2 1 1 ? 2027)', 1, undefined],
])(
  '%s with a cleanup at %s that deletes %d: too rare is %s, at any time',
  (takes, rotates, maxDeletes, wanted) => {
    const policy = { schedule: parseSchedule(takes), cleanup: parseSchedule(rotates), maxDeletes };
    for (let hours = 0; hours < 60 * 24; hours += 61) {
      const now = new Date(Date.parse('2026-11-23T00:30:00Z') + hours * HOUR_MS);
      expect(cleanupTooRare(policy, now) !== undefined, now.toISOString()).toBe(wanted ?? false);
    }
  },
);
