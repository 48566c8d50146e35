import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { intervalMs, parseSchedule } from '../lib/schedule.ts';

const NOW = new Date('2026-11-23T22:52:32Z'); // a Monday
const at = (date: Date | undefined) => date?.toISOString().slice(0, 16);

describe('slot and next of what EventBridge accepts', () => {
  test.each([
    ['cron(0 0 * * ? *)', '2026-11-23T00:00', '2026-11-24T00:00'],
    ['cron(15 10 * * ? *)', '2026-11-23T10:15', '2026-11-24T10:15'],
    ['cron(0/15 * ? * MON-FRI *)', '2026-11-23T22:45', '2026-11-23T23:00'],
    ['cron(0 18 ? * MON-FRI *)', '2026-11-23T18:00', '2026-11-24T18:00'],
    ['cron(0 8 1 * ? *)', '2026-11-01T08:00', '2026-12-01T08:00'],
    ['cron(0 6 ? * SUN *)', '2026-11-22T06:00', '2026-11-29T06:00'],
    ['cron(0 6 ? * 1 *)', '2026-11-22T06:00', '2026-11-29T06:00'],
    ['cron(0 9 ? * 2#1 *)', '2026-11-02T09:00', '2026-12-07T09:00'],
    ['cron(0 10 ? * 6L *)', '2026-10-30T10:00', '2026-11-27T10:00'],
    ['cron(0 10 ? * L *)', '2026-11-21T10:00', '2026-11-28T10:00'],
    ['cron(0 10 L * ? *)', '2026-10-31T10:00', '2026-11-30T10:00'],
    ['cron(0 10 15W * ? *)', '2026-11-16T10:00', '2026-12-15T10:00'],
    ['cron(0 0 29 2 ? *)', '2024-02-29T00:00', '2028-02-29T00:00'],
    ['cron(0 12 1 jan,Jul ? 2026-2027)', '2026-07-01T12:00', '2027-01-01T12:00'],
    ['rate(1 minute)', '2026-11-23T22:52', '2026-11-23T22:53'],
    ['rate(6 hours)', '2026-11-23T18:00', '2026-11-24T00:00'],
    ['rate(1 day)', '2026-11-23T00:00', '2026-11-24T00:00'],
  ])('%s', (expression, slot, next) => {
    const schedule = parseSchedule(expression);
    expect([at(schedule.slot(NOW)), at(schedule.next(NOW))]).toEqual([slot, next]);
  });

  test('the fire time itself belongs to its own slot', () => {
    const midnight = new Date('2026-11-23T00:00:00Z');
    expect(parseSchedule('cron(0 0 * * ? *)').slot(midnight)).toEqual(midnight);
    expect(parseSchedule('rate(1 day)').slot(midnight)).toEqual(midnight);
  });

  test('before the first fire there is no slot, after the last no next', () => {
    expect(parseSchedule('cron(0 0 1 1 ? 2199)').slot(NOW)).toBeUndefined();
    expect(parseSchedule('cron(0 0 1 1 ? 1999)').next(NOW)).toBeUndefined();
  });
});

test.each([
  ['cron(0 0 * * ? *)', 24],
  ['cron(0 0/8 * * ? *)', 8],
  ['rate(90 minutes)', 1.5],
])('the interval of %s is %d hours', (expression, hours) => {
  expect(intervalMs(parseSchedule(expression), NOW)).toBe(hours * 3_600_000);
});

describe('what EventBridge refuses is refused, with what is wrong', () => {
  test.each([
    ['', 'expected cron(...) or rate(...)'],
    ['0 0 * * *', 'expected cron(...) or rate(...)'],
    ['at(2026-11-23T00:00:00)', 'expected cron(...) or rate(...)'],
    ['cron(0 0 * * *)', 'this has 5'],
    ['cron(0 0 0 * * ? *)', 'this has 7'],
    ['cron(0 0 * * * *)', 'exactly one of day-of-month and day-of-week must be "?"'],
    ['cron(0 0 ? * ? *)', 'exactly one of day-of-month and day-of-week must be "?"'],
    ['cron(60 0 * * ? *)', 'the minutes field can\'t be "60"'],
    ['cron(0 24 * * ? *)', 'the hours field can\'t be "24"'],
    ['cron(0 0 32 * ? *)', 'the day-of-month field can\'t be "32"'],
    ['cron(0 0 * 13 ? *)', 'the month field can\'t be "13"'],
    ['cron(0 0 ? * 8 *)', 'the day-of-week field can\'t be "8"'],
    ['cron(0 0 ? * 0 *)', 'the day-of-week field can\'t be "0"'],
    ['cron(0 0 ? * FUN *)', 'the day-of-week field can\'t be "FUN"'],
    ['cron(0 0 * * ? 1969)', 'the year field can\'t be "1969"'],
    ['cron(0/0 0 * * ? *)', 'the minutes field can\'t be "0/0"'],
    ['cron(0 0 L-3 * ? *)', 'the day-of-month field can\'t be "L-3"'],
    ['cron(@daily)', 'has 6 fields'],
    ['rate(0 minutes)', 'expected rate(<number> minutes|hours|days)'],
    ['rate(1.5 hours)', 'expected rate(<number> minutes|hours|days)'],
    ['rate(1 week)', 'expected rate(<number> minutes|hours|days)'],
    ['rate(1 hours)', 'rate(1 hour)'],
    ['rate(2 hour)', 'rate(2 hours)'],
  ])('%s', (expression, problem) => {
    expect(() => parseSchedule(expression)).toThrow(RangeError);
    expect(() => parseSchedule(expression)).toThrow(problem);
  });
});

test('a retry lands in its own slot, however late, until the next fire', () => {
  const expressions = ['cron(0 0 * * ? *)', 'cron(30 2 ? * SUN *)', 'cron(0 0 1 * ? *)', 'rate(6 hours)'];
  const moment = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
  fc.assert(
    fc.property(
      fc.constantFrom(...expressions),
      moment,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (text, now, part) => {
        const schedule = parseSchedule(text);
        const [slot, next] = [schedule.slot(now)!, schedule.next(now)!];
        expect(slot.getTime()).toBeLessThanOrEqual(now.getTime());
        expect(next.getTime()).toBeGreaterThan(now.getTime());
        const later = new Date(now.getTime() + Math.floor((next.getTime() - 1 - now.getTime()) * part));
        expect(schedule.slot(later)).toEqual(slot);
        expect(schedule.slot(next)).toEqual(next);
      },
    ),
  );
});
