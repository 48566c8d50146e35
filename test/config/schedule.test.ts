import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CRON_PATTERN } from '../../lib/config/cron.ts';
import { intervalMs, parseSchedule } from '../../lib/config/schedule.ts';

const NOW = new Date('2026-11-23T22:52:32Z'); // a Monday
const at = (date: Date | undefined) => date?.toISOString().slice(0, 16).replace('T', ' ') ?? '-';

// The last column is the part of the user guide's "Cron expressions reference" that determines the
// row: an example, or the meaning of a wildcard or of a field's values; "calendar" follows from the
// calendar alone. The 23rd is a Monday.
const CRON = [
  ['cron(0 10 * * ? *)', '2026-11-22 10:00', '2026-11-23 10:00', '2026-11-24 10:00', 'example'],
  ['cron(15 12 * * ? *)', '2026-11-22 12:15', '2026-11-23 12:15', '2026-11-24 12:15', 'example'],
  ['cron(0 18 ? * MON-FRI *)', '2026-11-20 18:00', '2026-11-23 18:00', '2026-11-24 18:00', 'example'],
  ['cron(0 8 1 * ? *)', '2026-10-01 08:00', '2026-11-01 08:00', '2026-12-01 08:00', 'example'],
  ['cron(0/15 * * * ? *)', '2026-11-23 22:30', '2026-11-23 22:45', '2026-11-23 23:00', 'example'],
  ['cron(0/10 * ? * MON-FRI *)', '2026-11-23 22:40', '2026-11-23 22:50', '2026-11-23 23:00', 'example'],
  ['cron(0/5 8-17 ? * MON-FRI *)', '2026-11-23 17:50', '2026-11-23 17:55', '2026-11-24 08:00', 'example'],
  ['cron(0/30 20-23 ? * MON-FRI *)', '2026-11-23 22:00', '2026-11-23 22:30', '2026-11-23 23:00', 'example'],
  ['cron(0/30 0-2 ? * MON-FRI *)', '2026-11-23 02:00', '2026-11-23 02:30', '2026-11-24 00:00', 'example'],
  ['cron(0 0 * * ? *)', '2026-11-22 00:00', '2026-11-23 00:00', '2026-11-24 00:00', '* and ?'],
  ['cron(1/10 * * * ? *)', '2026-11-23 22:41', '2026-11-23 22:51', '2026-11-23 23:01', '/'],
  ['cron(0 0 ? * SUN *)', '2026-11-15 00:00', '2026-11-22 00:00', '2026-11-29 00:00', 'values'],
  ['cron(0 0 ? * 1 *)', '2026-11-15 00:00', '2026-11-22 00:00', '2026-11-29 00:00', 'values'],
  ['cron(0 0 ? * 7 *)', '2026-11-14 00:00', '2026-11-21 00:00', '2026-11-28 00:00', 'values'],
  ['cron(0 0 ? * SUN,WED *)', '2026-11-18 00:00', '2026-11-22 00:00', '2026-11-25 00:00', ','],
  ['cron(0 0 ? * 2-6 *)', '2026-11-20 00:00', '2026-11-23 00:00', '2026-11-24 00:00', '-'],
  ['cron(0 0 ? * mon *)', '2026-11-16 00:00', '2026-11-23 00:00', '2026-11-30 00:00', 'values'],
  ['cron(0 10 ? * L *)', '2026-11-14 10:00', '2026-11-21 10:00', '2026-11-28 10:00', 'L'],
  ['cron(0 10 ? * 6L *)', '2026-09-25 10:00', '2026-10-30 10:00', '2026-11-27 10:00', 'L'],
  ['cron(0 10 ? * FRIL *)', '2026-09-25 10:00', '2026-10-30 10:00', '2026-11-27 10:00', 'L'],
  ['cron(0 10 ? * 2L *)', '2026-09-28 10:00', '2026-10-26 10:00', '2026-11-30 10:00', 'L'],
  ['cron(0 10 ? * 3#2 *)', '2026-10-13 10:00', '2026-11-10 10:00', '2026-12-08 10:00', '#'],
  ['cron(0 10 ? * MON#1 *)', '2026-10-05 10:00', '2026-11-02 10:00', '2026-12-07 10:00', '#'],
  ['cron(0 10 ? * 2#4 *)', '2026-10-26 10:00', '2026-11-23 10:00', '2026-12-28 10:00', '#'],
  ['cron(0 10 ? * 2#5 *)', '2026-06-29 10:00', '2026-08-31 10:00', '2026-11-30 10:00', '#'],
  ['cron(0 10 ? * 1#1 *)', '2026-10-04 10:00', '2026-11-01 10:00', '2026-12-06 10:00', '#'],
  ['cron(0 10 L * ? *)', '2026-09-30 10:00', '2026-10-31 10:00', '2026-11-30 10:00', 'L'],
  ['cron(0 10 LW * ? *)', '2026-09-30 10:00', '2026-10-30 10:00', '2026-11-30 10:00', 'L'],
  ['cron(0 10 3W * ? *)', '2026-10-02 10:00', '2026-11-03 10:00', '2026-12-03 10:00', 'W'],
  ['cron(0 10 15W * ? *)', '2026-10-15 10:00', '2026-11-16 10:00', '2026-12-15 10:00', 'W'],
  ['cron(0 10 1W * ? *)', '2026-10-01 10:00', '2026-11-02 10:00', '2026-12-01 10:00', 'W'],
  ['cron(0 10 1,15 * ? *)', '2026-11-01 10:00', '2026-11-15 10:00', '2026-12-01 10:00', ','],
  ['cron(0 10 1-7 * ? *)', '2026-11-06 10:00', '2026-11-07 10:00', '2026-12-01 10:00', '-'],
  ['cron(0 10 1/7 * ? *)', '2026-11-15 10:00', '2026-11-22 10:00', '2026-11-29 10:00', '/'],
  ['cron(0 10 31 * ? *)', '2026-08-31 10:00', '2026-10-31 10:00', '2026-12-31 10:00', 'calendar'],
  ['cron(0 10 30 2 ? *)', '-', '-', '-', 'calendar'],
  ['cron(0 10 29 2 ? *)', '2020-02-29 10:00', '2024-02-29 10:00', '2028-02-29 10:00', 'calendar'],
  ['cron(0 10 29 2 ? 2026-2030)', '-', '-', '2028-02-29 10:00', '-'],
  ['cron(0 0 1 1 ? *)', '2025-01-01 00:00', '2026-01-01 00:00', '2027-01-01 00:00', 'calendar'],
  ['cron(0 0 1 JAN,JUL ? *)', '2026-01-01 00:00', '2026-07-01 00:00', '2027-01-01 00:00', ','],
  ['cron(0 0 1 JAN-MAR ? *)', '2026-02-01 00:00', '2026-03-01 00:00', '2027-01-01 00:00', '-'],
  ['cron(0 0 1 1-12/3 ? *)', '2026-07-01 00:00', '2026-10-01 00:00', '2027-01-01 00:00', '/'],
  ['cron(0 0 1 */2 ? *)', '2026-09-01 00:00', '2026-11-01 00:00', '2027-01-01 00:00', '/'],
  ['cron(0 0 1 2/3 ? *)', '2026-08-01 00:00', '2026-11-01 00:00', '2027-02-01 00:00', '/'],
  ['cron(0 12 1 jan,Jul ? 2026-2027)', '2026-01-01 12:00', '2026-07-01 12:00', '2027-01-01 12:00', ','],
  ['cron(0 0 1 1 ? 2027)', '-', '-', '2027-01-01 00:00', 'values'],
  ['cron(0 0 1 1 ? 2027,2029)', '-', '-', '2027-01-01 00:00', ','],
  ['cron(0 0 1 1 ? 2020/4)', '2020-01-01 00:00', '2024-01-01 00:00', '2028-01-01 00:00', '/'],
  ['cron(0 0 1 1 ? 2199)', '-', '-', '2199-01-01 00:00', 'values'],
  ['cron(0 0 1 1 ? 1970)', '-', '1970-01-01 00:00', '-', 'values'],
  ['cron(0 0 1 1 ? 1999-2001)', '2000-01-01 00:00', '2001-01-01 00:00', '-', '-'],
  ['cron(59 23 31 12 ? *)', '2024-12-31 23:59', '2025-12-31 23:59', '2026-12-31 23:59', 'calendar'],
  ['cron(* * * * ? *)', '2026-11-23 22:51', '2026-11-23 22:52', '2026-11-23 22:53', '* and ?'],
  ['cron(*/7 * * * ? *)', '2026-11-23 22:42', '2026-11-23 22:49', '2026-11-23 22:56', '/'],
  ['cron(10-20 * * * ? *)', '2026-11-23 22:19', '2026-11-23 22:20', '2026-11-23 23:10', '-'],
  ['cron(10-20/5 * * * ? *)', '2026-11-23 22:15', '2026-11-23 22:20', '2026-11-23 23:10', '/'],
  ['cron(0,30 6,18 * * ? *)', '2026-11-23 18:00', '2026-11-23 18:30', '2026-11-24 06:00', ','],
  ['cron(5,10-12,50/5 22 * * ? *)', '2026-11-23 22:12', '2026-11-23 22:50', '2026-11-23 22:55', '/'],
  ['cron(0 */5 * * ? *)', '2026-11-23 15:00', '2026-11-23 20:00', '2026-11-24 00:00', '/'],
  ['cron(0 11-23/4 ? * 2-6 *)', '2026-11-23 15:00', '2026-11-23 19:00', '2026-11-23 23:00', '/'],
  ['cron(0 0/12 * * ? *)', '2026-11-23 00:00', '2026-11-23 12:00', '2026-11-24 00:00', '/'],
  ['cron(0 22 ? * * *)', '2026-11-22 22:00', '2026-11-23 22:00', '2026-11-24 22:00', '* and ?'],
  ['cron(30 2 * 3 ? *)', '2026-03-30 02:30', '2026-03-31 02:30', '2027-03-01 02:30', '* and ?'],
  ['cron(0 6 ? 12 SAT 2026)', '-', '-', '2026-12-05 06:00', 'values'],
] as const;

describe('previous, slot, next and interval of what EventBridge accepts', () => {
  test.each(CRON)('%s: %s, %s, %s (%s)', (expression, previous, slot, next) => {
    const schedule = parseSchedule(expression);
    const now = schedule.slot(NOW);
    const before = now && schedule.slot(new Date(now.getTime() - 1));
    expect([at(before), at(now), at(schedule.next(NOW))]).toEqual([previous, slot, next]);
    const hours = slot === '-' || next === '-' ? undefined : Date.parse(`${next}Z`) - Date.parse(`${slot}Z`);
    expect(intervalMs(schedule, NOW)).toBe(hours);
  });

  test.each([
    ['rate(1 minute)', '2026-11-23 22:53'],
    ['rate(5 minutes)', '2026-11-23 22:57'],
    ['rate(1 hour)', '2026-11-23 23:52'],
    ['rate(6 hours)', '2026-11-24 04:52'],
    ['rate(1 day)', '2026-11-24 22:52'],
    ['rate(7 days)', '2026-11-30 22:52'],
  ])('%s has no fixed times: the slot is the run, and the next is about %s', (expression, next) => {
    const schedule = parseSchedule(expression);
    expect([at(schedule.slot(NOW)), at(schedule.next(NOW))]).toEqual(['2026-11-23 22:52', next]);
    expect(schedule.slot(new Date('2026-11-23T22:52:32.999Z'))).toEqual(NOW);
  });

  test.each(['cron(0  0 *\t* ? *)', 'cron(0/59 0/23 1/31 1/12 ? 1970/229)'])(
    '%s is accepted as well',
    (expression) => {
      expect(parseSchedule(expression).next(NOW)).toBeInstanceOf(Date);
    },
  );

  test('a fire time belongs to its own slot', () => {
    const midnight = new Date('2026-11-23T00:00:00Z');
    expect(parseSchedule('cron(0 0 * * ? *)').slot(midnight)).toEqual(midnight);
  });

  test('before the first fire there is no slot, and after the last there is no next one', () => {
    expect(parseSchedule('cron(0 0 1 1 ? 2199)').slot(NOW)).toBeUndefined();
    expect(parseSchedule('cron(0 0 1 1 ? 1999)').next(NOW)).toBeUndefined();
    expect(parseSchedule('cron(0 0 1 1 ? 2199)').covers(NOW, NOW)).toBe(false);
  });
});

test('the times of a cron are known, those of a rate are not', () => {
  expect(parseSchedule('cron(0 0 * * ? *)').exact).toBe(true);
  expect(parseSchedule('rate(1 day)').exact).toBe(false);
});

test.each([
  ['cron(0 0 * * ? *)', 24],
  ['cron(0 0/8 * * ? *)', 8],
  ['rate(90 minutes)', 1.5],
])('the interval of %s is %d hours', (expression, hours) => {
  expect(intervalMs(parseSchedule(expression), NOW)).toBe(hours * 3_600_000);
});

describe('what EventBridge refuses is refused, with the problem', () => {
  test.each([
    ['', 'expected cron(...) or rate(...)'],
    ['acron(0 0 * * ? *)', 'expected cron(...) or rate(...)'],
    ['cron(0 0 * * ? *) ', 'expected cron(...) or rate(...)'],
    ['arate(1 day)', 'expected cron(...) or rate(...)'],
    ['rate(1 day)s', 'expected cron(...) or rate(...)'],
    ['rate(1 daysy)', 'expected rate(<number> minutes|hours|days)'],
    ['rate(01 day)', 'expected rate(<number> minutes|hours|days)'],
    ['cron( 0 0 * * ? *)', 'this has 7'],
    [
      'cron()',
      'a cron expression has 6 fields (minutes, hours, day-of-month, month, day-of-week, year), this has 1. Midnight of each day is cron(0 0 * * ? *)',
    ],
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
    ['cron(*/60 * * * ? *)', 'the minutes field can\'t be "*/60"'],
    ['cron(0 0/24 * * ? *)', 'the hours field can\'t be "0/24"'],
    ['cron(0 0 ? * 3#1,6#3 *)', 'the day-of-week field can\'t be "3#1,6#3"'],
    ['cron(0 0 ? * 2/2 *)', 'the day-of-week field can\'t be "2/2"'],
    ['cron(0 0 ? * 2#6 *)', 'the day-of-week field can\'t be "2#6"'],
    ['cron(0 0 ? * MON-FRIL *)', 'the day-of-week field can\'t be "MON-FRIL"'],
    ['cron(0 0 1W,15W * ? *)', 'the day-of-month field can\'t be "1W,15W"'],
    ['cron(0 0 1,L * ? *)', 'the day-of-month field can\'t be "1,L"'],
    ['cron(0 0 ? 0 MON *)', 'the month field can\'t be "0"'],
    ['cron(0 0 * * ? 2200)', 'the year field can\'t be "2200"'],
    ['cron(-1 0 * * ? *)', 'the minutes field can\'t be "-1"'],
    ['cron(0 0 * ? MON *)', 'the month field can\'t be "?"'],
    ['cron(30-10 0 * * ? *)', 'larger'],
    ['rate(0 minutes)', 'expected rate(<number> minutes|hours|days)'],
    ['rate(1.5 hours)', 'expected rate(<number> minutes|hours|days)'],
    ['rate(2399501275 hours)', 'expected rate(<number> minutes|hours|days)'],
    ['rate(1 week)', 'expected rate(<number> minutes|hours|days)'],
    ['rate(1 hours)', 'rate(1 hour)'],
    ['rate(2 hour)', 'rate(2 hours)'],
  ])('%s', (expression, problem) => {
    expect(() => parseSchedule(expression)).toThrow(RangeError);
    expect(() => parseSchedule(expression)).toThrow(problem);
  });
});

const moments = fc.date({ min: new Date('2020-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
const part = fc.double({ min: 0, max: 1, noNaN: true });

test('cron: a retry has the slot of its run until the next fire, however late; the next fire has another', () => {
  const expressions = ['cron(0 0 * * ? *)', 'cron(30 2 ? * SUN *)', 'cron(0 0 1 * ? *)', 'cron(* * * * ? *)'];
  fc.assert(
    fc.property(fc.constantFrom(...expressions), moments, part, (text, now, late) => {
      const schedule = parseSchedule(text);
      const [slot, next] = [schedule.slot(now)!, schedule.next(now)!];
      expect(slot.getTime()).toBeLessThanOrEqual(now.getTime());
      expect(next.getTime()).toBeGreaterThan(now.getTime());
      const retry = new Date(now.getTime() + Math.floor((next.getTime() - 1 - now.getTime()) * late));
      expect(schedule.covers(slot, retry)).toBe(true);
      expect(schedule.covers(slot, next)).toBe(false);
      expect(schedule.covers(next, now)).toBe(false);
    }),
  );
});

test('rate: a retry within half an interval after a run has its slot; the next fire has another, even a minute early or late', () => {
  const rates = fc.constantFrom<[string, number]>(
    ['rate(5 minutes)', 5],
    ['rate(1 hour)', 60],
    ['rate(1 day)', 1440],
    ['rate(7 days)', 10_080],
  );
  fc.assert(
    fc.property(
      rates,
      moments,
      part,
      fc.integer({ min: -60, max: 60 }),
      ([text, minutes], run, late, jitter) => {
        const schedule = parseSchedule(text);
        const slot = schedule.slot(run)!;
        const after = (ms: number) => new Date(run.getTime() + Math.floor(ms));
        expect(schedule.covers(slot, after((minutes * 30_000 - 1000) * late))).toBe(true);
        expect(schedule.covers(slot, after(minutes * 60_000 + jitter * 1000))).toBe(false);
        expect(schedule.covers(after(1000), run)).toBe(false);
        expect(schedule.covers(slot, new Date(slot.getTime() + minutes * 30_000))).toBe(false);
        expect(schedule.covers(slot, slot)).toBe(true);
      },
    ),
  );
});

describe('the pattern of a cron expression, for the JSON schema', () => {
  const pattern = new RegExp(`^${CRON_PATTERN}$`);

  test.each([
    ['0 0 * * ? *', true],
    ['0/15 8-17 ? * MON-FRI *', true],
    ['0 0 ? * mon,WED *', true],
    ['0 0 1 JAN ? 2027', true],
    ['0  0 * * ? *', true],
    ['0 0 * * *', false],
    ['00** ?*', false],
    ['0 0 1 FOO ? *', false],
    ['0 0 * * ? *x', false],
  ])('%s: %s', (expression, expected) => {
    expect(pattern.test(expression)).toBe(expected);
  });
});
