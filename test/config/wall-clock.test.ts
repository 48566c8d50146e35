import { describe, expect, test } from 'vitest';
import { isTimezone, latestShown, momentOf } from '../../lib/config/wall-clock.ts';

const CHICAGO = 'America/Chicago';
const shown = (moment: string, timezone: string) => latestShown(new Date(moment), timezone).toISOString();

// The time zone database, Rule US: at 02:00 on 2026-03-08 clocks go to 03:00, and at 02:00 on
// 2026-11-01 to 01:00.
describe('the time of a wall clock reading', () => {
  test.each([
    ['winter', '2026-01-15T02:30:00Z', '2026-01-15T08:30:00.000Z'],
    ['summer', '2026-07-15T02:30:00Z', '2026-07-15T07:30:00.000Z'],
    ['shown twice', '2026-11-01T01:30:00Z', '2026-11-01T06:30:00.000Z'],
    ['the last before it is skipped', '2026-03-08T01:59:59Z', '2026-03-08T07:59:59.000Z'],
    ['the first after that', '2026-03-08T03:00:00Z', '2026-03-08T08:00:00.000Z'],
  ])('in Chicago, %s: at $1 it is $2', (_, wall, moment) => {
    expect(momentOf(new Date(wall), CHICAGO)?.toISOString()).toBe(moment);
  });

  test.each(['2026-03-08T02:00:00Z', '2026-03-08T02:30:00Z', '2026-03-08T02:59:59Z'])(
    'does not exist at %s',
    (wall) => {
      expect(momentOf(new Date(wall), CHICAGO)).toBeUndefined();
    },
  );
});

describe('the latest reading that the clocks have shown', () => {
  test.each([
    ['winter', '2026-01-15T08:30:00.250Z', '2026-01-15T02:30:00.250Z'],
    ['just before 02:00 is skipped', '2026-03-08T07:59:59.999Z', '2026-03-08T01:59:59.999Z'],
    ['just after', '2026-03-08T08:00:00.000Z', '2026-03-08T03:00:00.000Z'],
    ['in the first pass of an hour', '2026-11-01T06:30:00.000Z', '2026-11-01T01:30:00.000Z'],
    ['as the second pass begins', '2026-11-01T07:00:00.000Z', '2026-11-01T01:59:59.999Z'],
    ['in the second pass', '2026-11-01T07:30:00.000Z', '2026-11-01T01:59:59.999Z'],
    ['as that ends', '2026-11-01T08:00:00.000Z', '2026-11-01T02:00:00.000Z'],
  ])('in Chicago, %s: at $1 it is $2', (_, moment, wall) => {
    expect(shown(moment, CHICAGO)).toBe(wall);
  });

  test('is right after a change by half an hour, on Lord Howe Island', () => {
    // Rule LH: at 02:00 on 2026-04-05 clocks go to 01:30.
    expect(shown('2026-04-04T14:59:00Z', 'Australia/Lord_Howe')).toBe('2026-04-05T01:59:00.000Z');
    expect(shown('2026-04-04T15:20:00Z', 'Australia/Lord_Howe')).toBe('2026-04-05T01:59:59.999Z');
    expect(shown('2026-04-04T15:30:00Z', 'Australia/Lord_Howe')).toBe('2026-04-05T02:00:00.000Z');
  });
});

describe('the name of a time zone', () => {
  test.each([
    'UTC',
    'Etc/UTC',
    'Etc/GMT+5',
    'America/Chicago',
    'America/Argentina/Buenos_Aires',
    'America/Port-au-Prince',
    'Africa/Dar_es_Salaam',
    'Antarctica/DumontDUrville',
    'Asia/Kolkata',
    'Asia/Calcutta',
    'Europe/Kyiv',
    'US/Central',
    'EST5EDT',
  ])('may be %s', (name) => {
    expect(isTimezone(name)).toBe(true);
  });

  test.each([
    '',
    'Mars/Olympus',
    'america/chicago',
    'utc',
    '+05:30',
    '-06:00',
    'CST',
    'IST',
    'local',
    ' UTC',
  ])('may not be "%s"', (name) => {
    expect(isTimezone(name)).toBe(false);
  });
});
