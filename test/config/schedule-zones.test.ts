import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { intervalMs, parseSchedule } from '../../lib/config/schedule.ts';

const at = (date: Date | undefined) => date?.toISOString().slice(0, 16).replace('T', ' ') ?? '-';
const utc = (text: string) => new Date(`${text.replace(' ', 'T')}Z`);

// The columns are the expression, the zone, now, the slot and the next slot in UTC, and the source:
// the line of the time zone database (a Rule or a Zone) that the row is about, or "AWS" for the
// example of the EventBridge Scheduler user guide, "Daylight savings time on EventBridge
// Scheduler". (That example takes 02:30 to be repeated in Los Angeles; really it is 01:30.) The
// slots were computed without this code: a Python program went through the minutes around each
// "now" and asked zoneinfo for the local time, with the time zone database 2025b and again with
// 2026c. A minute counts if the fields of the expression match, and only the first of a repeated
// one (fold 0).
const TABLE = [
  ['cron(0 2 * * ? *)', 'UTC', '2026-07-15 12:00', '2026-07-15 02:00', '2026-07-16 02:00', 'no zone'],
  [
    'cron(0 2 * * ? *)',
    'America/Chicago',
    '2026-01-15 12:00',
    '2026-01-15 08:00',
    '2026-01-16 08:00',
    'CST, -06',
  ],
  [
    'cron(0 2 * * ? *)',
    'America/Chicago',
    '2026-07-15 12:00',
    '2026-07-15 07:00',
    '2026-07-16 07:00',
    'CDT, -05',
  ],
  [
    'cron(0 2 * * ? *)',
    'America/Chicago',
    '2026-03-08 08:00',
    '2026-03-07 08:00',
    '2026-03-09 07:00',
    'Rule US: Mar Sun>=8 2:00, no 02:00 that day',
  ],
  [
    'cron(0 2 * * ? *)',
    'America/Chicago',
    '2026-03-07 12:00',
    '2026-03-07 08:00',
    '2026-03-09 07:00',
    'Rule US: the next day has no 02:00',
  ],
  [
    'cron(0 2 * * ? *)',
    'America/Chicago',
    '2026-03-09 12:00',
    '2026-03-09 07:00',
    '2026-03-10 07:00',
    'Rule US: the day before had no 02:00',
  ],
  [
    'cron(30 2 * * ? *)',
    'America/Los_Angeles',
    '2026-03-08 12:00',
    '2026-03-07 10:30',
    '2026-03-09 09:30',
    'AWS, "Spring-forward"',
  ],
  [
    'cron(30 2 * * ? *)',
    'America/Los_Angeles',
    '2026-11-01 10:00',
    '2026-10-31 09:30',
    '2026-11-01 10:30',
    'Rule US: Nov Sun>=1 2:00, 02:30 is once',
  ],
  [
    'cron(30 1 * * ? *)',
    'America/Los_Angeles',
    '2026-11-01 08:30',
    '2026-11-01 08:30',
    '2026-11-02 09:30',
    'AWS, "Fall-back": at the first 01:30',
  ],
  [
    'cron(30 1 * * ? *)',
    'America/Los_Angeles',
    '2026-11-01 09:00',
    '2026-11-01 08:30',
    '2026-11-02 09:30',
    'AWS, "Fall-back": when the clocks go back',
  ],
  [
    'cron(30 1 * * ? *)',
    'America/Los_Angeles',
    '2026-11-01 09:15',
    '2026-11-01 08:30',
    '2026-11-02 09:30',
    'AWS, "Fall-back": before the second 01:30',
  ],
  [
    'cron(30 1 * * ? *)',
    'America/Los_Angeles',
    '2026-11-01 09:30',
    '2026-11-01 08:30',
    '2026-11-02 09:30',
    'AWS, "Fall-back": at the second 01:30',
  ],
  [
    'cron(0 0 * * ? *)',
    'America/Chicago',
    '2026-03-08 12:00',
    '2026-03-08 06:00',
    '2026-03-09 05:00',
    'Rule US: a day of 23 hours',
  ],
  [
    'cron(0 0 * * ? *)',
    'America/Chicago',
    '2026-11-01 12:00',
    '2026-11-01 05:00',
    '2026-11-02 06:00',
    'Rule US: a day of 25 hours',
  ],
  [
    'cron(30 * * * ? *)',
    'America/Chicago',
    '2026-03-08 08:10',
    '2026-03-08 07:30',
    '2026-03-08 08:30',
    'Rule US: hourly, without 02:30',
  ],
  [
    'cron(30 * * * ? *)',
    'America/Chicago',
    '2026-11-01 07:10',
    '2026-11-01 06:30',
    '2026-11-01 08:30',
    'Rule US: hourly, one 01:30',
  ],
  [
    'cron(30 * * * ? *)',
    'America/Chicago',
    '2026-11-01 07:40',
    '2026-11-01 06:30',
    '2026-11-01 08:30',
    'Rule US: hourly, one 01:30',
  ],
  [
    'cron(0/15 1 * * ? *)',
    'America/Chicago',
    '2026-11-01 07:20',
    '2026-11-01 06:45',
    '2026-11-02 07:00',
    'Rule US: four times in the hour that is repeated',
  ],
  [
    'cron(0/15 * * * ? *)',
    'America/Chicago',
    '2026-11-01 07:20',
    '2026-11-01 06:45',
    '2026-11-01 08:00',
    'Rule US: every 15 minutes, one pass',
  ],
  [
    'cron(0 0/6 * * ? *)',
    'America/Chicago',
    '2026-03-08 06:00',
    '2026-03-08 06:00',
    '2026-03-08 11:00',
    'Rule US: 00:00 to 06:00 are five hours',
  ],
  [
    'cron(0 0/6 * * ? *)',
    'America/Chicago',
    '2026-11-01 06:00',
    '2026-11-01 05:00',
    '2026-11-01 12:00',
    'Rule US: 00:00 to 06:00 are seven hours',
  ],
  [
    'cron(30 2 ? * SUN *)',
    'America/Chicago',
    '2026-03-08 12:00',
    '2026-03-01 08:30',
    '2026-03-15 07:30',
    'Rule US: a week without',
  ],
  [
    'cron(30 2 8 3 ? *)',
    'America/Chicago',
    '2026-06-01 00:00',
    '2025-03-08 08:30',
    '2027-03-08 08:30',
    'Rule US: a year without',
  ],
  [
    'cron(0 2 ? * 2-6 *)',
    'America/Chicago',
    '2026-03-07 12:00',
    '2026-03-06 08:00',
    '2026-03-09 07:00',
    'Rule US: none on Sundays anyway',
  ],
  [
    'cron(0 3 * * ? *)',
    'Europe/Berlin',
    '2026-03-29 01:00',
    '2026-03-29 01:00',
    '2026-03-30 01:00',
    'Rule EU: Mar lastSun 1:00u, 03:00 is the first time after it',
  ],
  [
    'cron(30 2 * * ? *)',
    'Europe/Berlin',
    '2026-03-29 01:00',
    '2026-03-28 01:30',
    '2026-03-30 00:30',
    'Rule EU: no 02:30 that day',
  ],
  [
    'cron(30 2 * * ? *)',
    'Europe/Berlin',
    '2026-10-25 01:30',
    '2026-10-25 00:30',
    '2026-10-26 01:30',
    'Rule EU: Oct lastSun 1:00u, the second 02:30',
  ],
  [
    'cron(30 1 * * ? *)',
    'Europe/London',
    '2026-03-29 06:00',
    '2026-03-28 01:30',
    '2026-03-30 00:30',
    'Rule EU: no 01:30 that day',
  ],
  [
    'cron(0 1 * * ? *)',
    'Europe/London',
    '2026-10-25 01:00',
    '2026-10-25 00:00',
    '2026-10-26 01:00',
    'Rule EU: the second 01:00',
  ],
  [
    'cron(0 1 * * ? *)',
    'Europe/Dublin',
    '2026-10-25 01:00',
    '2026-10-25 00:00',
    '2026-10-26 01:00',
    'Rule Eire: winter is its daylight saving, with -1',
  ],
  [
    'cron(0 0 * * ? *)',
    'Atlantic/Azores',
    '2026-03-29 06:00',
    '2026-03-28 01:00',
    '2026-03-30 00:00',
    'Rule EU: no midnight that day',
  ],
  [
    'cron(0 0 * * ? *)',
    'Africa/Cairo',
    '2026-04-24 06:00',
    '2026-04-22 22:00',
    '2026-04-24 21:00',
    'Rule Egypt: Apr lastFri 0:00, no midnight that day',
  ],
  [
    'cron(30 23 * * ? *)',
    'Africa/Cairo',
    '2026-10-29 20:45',
    '2026-10-29 20:30',
    '2026-10-30 21:30',
    'Rule Egypt: Oct lastThu 24:00, the second 23:30',
  ],
  [
    'cron(0 0 * * ? *)',
    'Asia/Beirut',
    '2026-03-29 06:00',
    '2026-03-27 22:00',
    '2026-03-29 21:00',
    'Rule Lebanon: Mar lastSun 0:00, no midnight that day',
  ],
  [
    'cron(30 0 * * ? *)',
    'America/Havana',
    '2026-11-01 05:45',
    '2026-11-01 04:30',
    '2026-11-02 05:30',
    'Rule Cuba: Nov Sun>=1 0:00s, the second 00:30',
  ],
  [
    'cron(15 2 * * ? *)',
    'Australia/Lord_Howe',
    '2026-10-04 06:00',
    '2026-10-02 15:45',
    '2026-10-04 15:15',
    'Rule LH: Oct Sun>=1 2:00 by 0:30, no 02:15 that day',
  ],
  [
    'cron(45 1 * * ? *)',
    'Australia/Lord_Howe',
    '2026-04-04 15:20',
    '2026-04-04 14:45',
    '2026-04-05 15:15',
    'Rule LH: Apr Sun>=1 2:00 by 0:30, after the second 01:45',
  ],
  [
    'cron(15 1 * * ? *)',
    'Australia/Lord_Howe',
    '2026-04-04 15:20',
    '2026-04-04 14:15',
    '2026-04-05 14:45',
    'Rule LH: 01:15 is once',
  ],
  [
    'cron(0 3 * * ? *)',
    'Pacific/Chatham',
    '2026-04-04 14:20',
    '2026-04-04 13:15',
    '2026-04-05 14:15',
    'Rule Chatham: Apr Sun>=1 2:45s, after the second 03:00',
  ],
  [
    'cron(0 3 * * ? *)',
    'Pacific/Chatham',
    '2026-09-26 20:00',
    '2026-09-25 14:15',
    '2026-09-27 13:15',
    'Rule Chatham: Sep lastSun 2:45s, no 03:00 that day',
  ],
  [
    'cron(30 2 * * ? *)',
    'Antarctica/Troll',
    '2026-03-29 06:00',
    '2026-03-28 02:30',
    '2026-03-30 00:30',
    'Rule Troll: by two hours, no 02:30 that day',
  ],
  [
    'cron(30 1 * * ? *)',
    'Antarctica/Troll',
    '2026-10-25 01:15',
    '2026-10-24 23:30',
    '2026-10-26 01:30',
    'Rule Troll: by two hours, between both 01:30',
  ],
  [
    'cron(30 2 * * ? *)',
    'Africa/Casablanca',
    '2026-02-15 02:40',
    '2026-02-15 01:30',
    '2026-02-16 02:30',
    'Rule Morocco: back for Ramadan, after the second 02:30',
  ],
  [
    'cron(30 2 * * ? *)',
    'Africa/Casablanca',
    '2026-03-22 06:00',
    '2026-03-21 02:30',
    '2026-03-23 01:30',
    'Rule Morocco: after Ramadan, no 02:30 that day',
  ],
  [
    'cron(0 12 * * ? *)',
    'Pacific/Apia',
    '2011-12-30 09:00',
    '2011-12-29 22:00',
    '2011-12-30 22:00',
    'Zone Apia: no 2011-12-30',
  ],
  [
    'cron(0 0 ? * FRI *)',
    'Pacific/Apia',
    '2011-12-31 12:00',
    '2011-12-23 10:00',
    '2012-01-05 10:00',
    'Zone Apia: Thursday, then Saturday',
  ],
  [
    'cron(0 0 30 * ? *)',
    'Pacific/Apia',
    '2011-12-31 12:00',
    '2011-11-30 10:00',
    '2012-01-29 10:00',
    'Zone Apia: a December without a 30th',
  ],
  [
    'cron(0 0 L * ? *)',
    'Pacific/Apia',
    '2011-12-30 10:00',
    '2011-12-30 10:00',
    '2012-01-30 10:00',
    'Zone Apia: the 31st begins as the 29th ends',
  ],
  [
    'cron(0 12 * * ? *)',
    'Pacific/Kwajalein',
    '1993-08-21 06:00',
    '1993-08-21 00:00',
    '1993-08-22 00:00',
    'Zone Kwajalein: no 1993-08-21',
  ],
  [
    'cron(0 0 * * ? *)',
    'America/Sao_Paulo',
    '2018-11-04 12:00',
    '2018-11-03 03:00',
    '2018-11-05 02:00',
    'Rule Brazil: 2018 Nov Sun>=1 0:00, no midnight that day',
  ],
  [
    'cron(30 23 * * ? *)',
    'America/Sao_Paulo',
    '2018-02-18 02:45',
    '2018-02-18 01:30',
    '2018-02-19 02:30',
    'Rule Brazil: 2018 Feb Sun>=15 0:00, after the second 23:30',
  ],
  [
    'cron(0 0 * * ? *)',
    'America/Sao_Paulo',
    '2026-11-01 12:00',
    '2026-11-01 03:00',
    '2026-11-02 03:00',
    'Rule Brazil: no daylight saving since 2019',
  ],
  [
    'cron(30 3 * * ? *)',
    'Europe/Istanbul',
    '2016-10-30 12:00',
    '2016-10-30 00:30',
    '2016-10-31 00:30',
    'Zone Istanbul: +03 for good since 2016',
  ],
  [
    'cron(30 1 * * ? *)',
    'Europe/Moscow',
    '2014-10-25 22:45',
    '2014-10-25 21:30',
    '2014-10-26 22:30',
    'Zone Moscow: from +04 to +03 in 2014, after the second 01:30',
  ],
  [
    'cron(45 23 * * ? *)',
    'Asia/Pyongyang',
    '2018-05-04 16:00',
    '2018-05-03 15:15',
    '2018-05-05 14:45',
    'Zone Pyongyang: from +08:30 to +09 at 23:30, no 23:45',
  ],
  [
    'cron(45 2 * * ? *)',
    'America/Caracas',
    '2016-05-01 12:00',
    '2016-04-30 07:15',
    '2016-05-02 06:45',
    'Zone Caracas: from -04:30 to -04 at 02:30, no 02:45',
  ],
  [
    'cron(30 23 * * ? *)',
    'Africa/Juba',
    '2021-01-31 21:45',
    '2021-01-31 20:30',
    '2021-02-01 21:30',
    'Zone Juba: from +03 to +02 at midnight, after the second 23:30',
  ],
  [
    'cron(30 23 L * ? *)',
    'Asia/Almaty',
    '2024-02-29 18:45',
    '2024-02-29 17:30',
    '2024-03-31 18:30',
    'Zone Almaty: from +06 to +05 at midnight of a leap day',
  ],
  [
    'cron(0 0 * * ? *)',
    'Asia/Tehran',
    '2023-03-22 12:00',
    '2023-03-21 20:30',
    '2023-03-22 20:30',
    'Rule Iran: no daylight saving since 2022',
  ],
  [
    'cron(0 2 * * ? *)',
    'Asia/Kathmandu',
    '2026-07-15 12:00',
    '2026-07-14 20:15',
    '2026-07-15 20:15',
    'Zone Kathmandu: +05:45',
  ],
  [
    'cron(0 2 * * ? *)',
    'Asia/Kolkata',
    '2026-07-15 12:00',
    '2026-07-14 20:30',
    '2026-07-15 20:30',
    'Zone Kolkata: +05:30',
  ],
  [
    'cron(0 2 * * ? *)',
    'America/Phoenix',
    '2026-07-15 12:00',
    '2026-07-15 09:00',
    '2026-07-16 09:00',
    'Zone Phoenix: -07 all year',
  ],
  [
    'cron(0 2 * * ? *)',
    'America/St_Johns',
    '2026-03-08 12:00',
    '2026-03-07 05:30',
    '2026-03-09 04:30',
    'Rule StJohns and Canada: at -03:30, no 02:00 that day',
  ],
  [
    'cron(0 0 1 * ? *)',
    'Australia/Sydney',
    '2026-10-15 00:00',
    '2026-09-30 14:00',
    '2026-10-31 13:00',
    'Rule AN: a month that is an hour short',
  ],
  [
    'cron(0 2 * * ? *)',
    'Etc/GMT+5',
    '2026-07-15 12:00',
    '2026-07-15 07:00',
    '2026-07-16 07:00',
    'Zone Etc/GMT+5: -05',
  ],
  [
    'cron(0 0 29 2 ? *)',
    'Pacific/Kiritimati',
    '2026-01-01 00:00',
    '2024-02-28 10:00',
    '2028-02-28 10:00',
    'Zone Kiritimati: +14',
  ],
] as const;

describe('slot, next and interval in a time zone', () => {
  test.each(TABLE)('%s in %s at %s: %s, %s (%s)', (expression, timezone, now, slot, next) => {
    const schedule = parseSchedule(expression, timezone);
    expect([at(schedule.slot(utc(now))), at(schedule.next(utc(now)))]).toEqual([slot, next]);
    expect(intervalMs(schedule, utc(now))).toBe(utc(next).getTime() - utc(slot).getTime());
  });

  test('a time that the clocks always skip is never a slot', () => {
    // The last Sunday of March at 02:30, which the clocks of the EU, and of Germany since 1980,
    // skip.
    const schedule = parseSchedule('cron(30 2 ? 3 1L *)', 'Europe/Berlin');
    expect(schedule.next(utc('2026-01-01 00:00'))).toBeUndefined();
    expect(at(schedule.slot(utc('2026-01-01 00:00')))).toBe('1980-03-30 01:30');
  });
});

const ZONES = [
  'America/Chicago',
  'America/Havana',
  'America/Sao_Paulo',
  'Africa/Casablanca',
  'Antarctica/Troll',
  'Asia/Kathmandu',
  'Asia/Pyongyang',
  'Australia/Lord_Howe',
  'Europe/Dublin',
  'Europe/Moscow',
  'Pacific/Apia',
  'Pacific/Chatham',
];
const zones = fc.constantFrom('UTC', ...ZONES);
const expressions = fc.constantFrom(
  'cron(0 2 * * ? *)',
  'cron(30 1 * * ? *)',
  'cron(15 0 * * ? *)',
  'cron(30 * * * ? *)',
  'cron(0/20 1-2 * * ? *)',
  'cron(45 23 ? * SAT,SUN *)',
  'cron(0 3 L * ? *)',
);

/**
 * Any time in zones and months with frequent clock changes; half of the times are near a change.
 */
const CHANGES = [
  '2011-12-30',
  '2014-10-25',
  '2018-02-18',
  '2018-05-04',
  '2018-11-04',
  '2026-02-15',
  '2026-03-08',
];
const MORE = [
  '2026-03-22',
  '2026-03-29',
  '2026-04-05',
  '2026-09-27',
  '2026-10-04',
  '2026-10-25',
  '2026-11-01',
];
const near = fc
  .tuple(fc.constantFrom(...CHANGES, ...MORE), fc.integer({ min: -36 * 3600, max: 36 * 3600 }))
  .map(([day, seconds]) => new Date(Date.parse(day) + seconds * 1000));
const anytime = fc.date({ min: new Date('2000-01-01'), max: new Date('2040-01-01'), noInvalidDate: true });
const moments = fc.oneof(near, anytime);
const part = fc.double({ min: 0, max: 1, noNaN: true });

describe('in any zone', () => {
  test('the slot of any time between a slot and the next is that slot, and its next one is that next one', () => {
    fc.assert(
      fc.property(expressions, zones, moments, part, (text, timezone, now, share) => {
        const schedule = parseSchedule(text, timezone);
        const [slot, next] = [schedule.slot(now)!, schedule.next(now)!];
        expect(slot <= now && now < next).toBe(true);
        const within = new Date(slot.getTime() + Math.floor((next.getTime() - 1 - slot.getTime()) * share));
        for (const moment of [slot, within, new Date(next.getTime() - 1)]) {
          expect(schedule.slot(moment)).toEqual(slot);
          expect(schedule.next(moment)).toEqual(next);
          expect(schedule.covers(slot, moment)).toBe(true);
        }
        expect(schedule.slot(next)).toEqual(next);
        expect(schedule.covers(slot, next)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  test('slots are monotonic: a later time never has an earlier slot or next slot', () => {
    fc.assert(
      fc.property(expressions, zones, near, near, (text, timezone, a, b) => {
        const schedule = parseSchedule(text, timezone);
        const [earlier, later] = a < b ? [a, b] : [b, a];
        expect(schedule.slot(earlier)! <= schedule.slot(later)!).toBe(true);
        expect(schedule.next(earlier)! <= schedule.next(later)!).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('a daily schedule has at most one slot per local day, at the requested local time', () => {
    const times = fc.tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 15, 30, 45));
    fc.assert(
      fc.property(times, zones, moments, ([hour, minute], timezone, from) => {
        const clock = new Intl.DateTimeFormat('sv', {
          timeZone: timezone,
          dateStyle: 'short',
          timeStyle: 'short',
        });
        const schedule = parseSchedule(`cron(${minute} ${hour} * * ? *)`, timezone);
        const slots: Date[] = [];
        for (let slot = schedule.next(from)!; slots.length < 5; slot = schedule.next(slot)!) slots.push(slot);
        const shown = slots.map((slot) => clock.format(slot).split(' '));
        expect(new Set(shown.map(([day]) => day)).size).toBe(slots.length);
        const time = [hour, minute].map((n) => String(n).padStart(2, '0')).join(':');
        expect(shown.map(([, its]) => its)).toEqual(slots.map(() => time));
      }),
    );
  });

  test('the zone UTC has no effect, nor has any zone on a rate', () => {
    const rates = fc.constantFrom('rate(1 minute)', 'rate(6 hours)', 'rate(1 day)');
    fc.assert(
      fc.property(expressions, rates, zones, moments, (cron, rate, timezone, now) => {
        const answers = (text: string, zone?: string) => {
          const schedule = parseSchedule(text, zone);
          return [schedule.slot(now), schedule.next(now), intervalMs(schedule, now)];
        };
        expect(answers(cron, 'UTC')).toEqual(answers(cron));
        // The same time under another name, which is computed by different code.
        expect(answers(cron, 'Etc/UTC')).toEqual(answers(cron));
        expect(answers(rate, timezone)).toEqual(answers(rate));
      }),
    );
  });
});
