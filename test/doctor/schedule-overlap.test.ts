import { expect, test } from 'vitest';
import { parseSchedule } from '../../lib/config/schedule.ts';
import { closestOverlap } from '../../lib/doctor/schedule-overlap.ts';

const NOW = new Date('2026-11-23T09:00:00Z');

const meet = (one: string, other: string) => {
  const [a, b] = [parseSchedule(one), parseSchedule(other)];
  const found = closestOverlap(a, b, NOW);
  expect(closestOverlap(b, a, NOW), 'whichever is named first').toEqual(found);
  return found && `${found.at.toISOString().slice(0, 16)} ${found.gapMs / 60_000}`;
};

test.each([
  ['daily and weekly', 'cron(0 0 * * ? *)', 'cron(0 0 ? * SUN *)', '2026-11-29T00:00 0'],
  ['the same schedule', 'cron(30 6 * * ? *)', 'cron(30 6 * * ? *)', '2026-11-24T06:30 0'],
  [
    'weekly and monthly, which meet in months',
    'cron(0 0 ? * MON *)',
    'cron(0 0 1 * ? *)',
    '2027-02-01T00:00 0',
  ],
  [
    'weekly and yearly, which are a day apart next year',
    'cron(0 0 ? * SAT *)',
    'cron(0 0 1 1 ? *)',
    '2027-01-02T00:00 1440',
  ],
  [
    'near ones: the first of many such places',
    'cron(0 0 * * ? *)',
    'cron(5 0 * * ? *)',
    '2026-11-24T00:05 5',
  ],
  ['the closest place, not the first', 'cron(0 0 * * ? *)', 'cron(0/7 22 * * ? *)', '2026-11-24T00:00 64'],
  [
    'daily and weekly as in serverless.yml',
    'cron(0 0 * * ? *)',
    'cron(0 6 ? * SUN *)',
    '2026-11-29T06:00 360',
  ],
])('%s: the next time and the minutes between are $3', (_, one, other, expected) => {
  expect(meet(one, other)).toBe(expected);
});

test.each([
  ['a rate, whose times nobody knows', 'rate(1 day)', 'cron(0 0 * * ? *)'],
  ['one that is over', 'cron(0 0 1 1 ? 2020)', 'cron(0 0 * * ? *)'],
])('%s never meet', (_, one, other) => {
  expect(meet(one, other)).toBeUndefined();
});

test('only the next year is searched', () => {
  // The schedules meet on 1 January 2034, a Sunday.
  expect(meet('cron(0 0 ? * SUN *)', 'cron(0 0 1 1 ? *)')).toMatch(/^202[67]-\d\d-\d\dT00:00 [1-9]/);
});

test('the search is limited for schedules that fire very often', () => {
  const [everyMinute, yearly] = ['cron(* * * * ? *)', 'cron(0 0 1 6 ? *)'].map((text) => parseSchedule(text));
  expect(closestOverlap(everyMinute!, yearly!, NOW)?.gapMs).toBeGreaterThan(180 * 86_400_000);
});
