import { describe, expect, test } from 'vitest';
import type { AuditedSeries } from '../../lib/audit/model.ts';
import { protectionOf } from '../../lib/audit/protection.ts';
import { parsePolicy } from '../../lib/config/policy.ts';
import type { Server } from '../../lib/openstack/compute.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { findingText } from '../../lib/reporting/sentences.ts';
import { verdictMarks } from '../../lib/snapshots/drill-marks.ts';
import { markerOf, nameEnding } from '../../lib/snapshots/marker.ts';
import { policy } from '../harness.ts';
import { image as anImage, aRegion, server } from '../snapshots.ts';

const NOW = new Date('2026-11-24T10:00:00Z');
const YEAR_OLD = new Date('2025-11-24T10:00:00Z');

function image(slot: string, changes: Partial<Image> & { policy?: string } = {}): Image {
  const { policy: name = 'daily', ...rest } = changes;
  const marker = { owner: 'autosnap-test', policy: name, server: 's', slot: new Date(slot) };
  return anImage({
    id: slot,
    name: `web${nameEnding(name, marker.slot)}`,
    owner: 'p',
    createdAt: new Date(slot),
    properties: { ...markerOf(marker), instance_uuid: 's' },
    ...rest,
  });
}

function look(
  images: Image[],
  options: {
    event?: Record<string, unknown>;
    servers?: Server[];
    now?: string;
    gone?: string[];
    everywhere?: boolean;
    leftByTwoCleanups?: string;
  } = {},
) {
  const { event = {}, servers = [server({ createdAt: YEAR_OLD })], now = NOW, gone = [] } = options;
  const goneEverywhere = new Set(options.everywhere ? gone : []);
  return protectionOf(aRegion({ servers, images, gone: new Set(gone) }), parsePolicy(policy(event)), {
    owner: 'autosnap-test',
    projectId: 'p',
    now: new Date(now),
    adhoc: true,
    goneEverywhere,
    ...(options.leftByTwoCleanups ? { leftByTwoCleanups: new Date(options.leftByTwoCleanups) } : {}),
  });
}

/** The only series of the result. */
function only(...args: Parameters<typeof look>): AuditedSeries {
  const { series } = look(...args);
  expect(series).toHaveLength(1);
  return series[0]!;
}

describe('the state of a series', () => {
  test.each([
    ['made this midnight', 'cron(0 0 * * ? *)', '2026-11-24T00:00:00Z', 'protected', 10 / 24],
    ['one missed, but not for long', 'cron(0 0 * * ? *)', '2026-11-23T00:00:00Z', 'protected', 1 + 10 / 24],
    ['two missed', 'cron(0 0 * * ? *)', '2026-11-22T00:00:00Z', 'late', 2 + 10 / 24],
    ['of another schedule', 'cron(0 0 * * ? *)', '2026-11-22T22:00:00Z', 'late', 2 + 10 / 24],
    ["Friday's, on a Tuesday", 'cron(0 0 ? * MON-FRI *)', '2026-11-20T00:00:00Z', 'late', 2 + 10 / 24],
    [
      "Friday's, on a Tuesday without a Monday",
      'cron(0 0 ? * TUE-FRI *)',
      '2026-11-20T00:00:00Z',
      'protected',
      1 + 10 / 24,
    ],
    ['weekly, nine days ago', 'cron(0 10 ? * SUN *)', '2026-11-15T10:00:00Z', 'protected', 1 + 2 / 7],
    ['weekly, two weeks ago', 'cron(0 10 ? * SUN *)', '2026-11-08T10:00:00Z', 'late', 2 + 2 / 7],
    ['every six hours, nine hours ago', 'rate(6 hours)', '2026-11-24T01:00:00Z', 'late', 1.5],
    [
      'every six hours, a second less ago',
      'rate(6 hours)',
      '2026-11-24T01:00:01Z',
      'protected',
      1.5 - 1 / 21_600,
    ],
  ])('%s: it is $3', (_, schedule, newest, state, overdue) => {
    const series = only([image(newest)], { event: { schedule } });
    expect(series).toMatchObject({ state, newestGood: newest });
    expect(series.overdue).toBeCloseTo(overdue, 10);
  });

  describe('with a schedule in office hours and the newest snapshot of Friday 17:00', () => {
    const event = { schedule: 'cron(0 8-17 ? * MON-FRI *)' };
    test.each([
      ['over the weekend', '2026-11-22T12:00:00Z', 'protected', undefined],
      ['on Monday before half past eight', '2026-11-23T08:29:59Z', 'protected', 1_799],
      ['half an hour after the first slot of Monday', '2026-11-23T08:30:00Z', 'late', 1_800],
      ['on Tuesday 15:00, after 17 slots', '2026-11-24T15:00:00Z', 'late', 31 * 3_600],
    ])('%s: it is $2', (_, now, state, lateSeconds) => {
      const series = only([image('2026-11-20T17:00:00Z')], { event, now });
      expect([series.state, series.lateSeconds]).toEqual([state, lateSeconds]);
      expect(series.gaps).toEqual(state === 'late' ? [{ from: '2026-11-23T08:00:00Z' }] : []);
    });
  });

  test('the lateness is exact to the hour, and in the right interval', () => {
    const event = { schedule: 'cron(0 21 ? * SUN *)' };
    const late = only([image('2026-11-08T21:00:00Z')], { event, now: '2026-11-24T10:00:00Z' });
    // Due on the 15th at 21:00.
    expect(late).toMatchObject({ state: 'late', lateSeconds: (8 * 24 + 13) * 3_600 });
    const monthly = { schedule: 'cron(0 0 1 * ? *)' };
    const at = (now: string) => only([image('2026-10-01T00:00:00Z')], { event: monthly, now }).state;
    expect([at('2026-11-15T23:59:59Z'), at('2026-11-16T00:00:00Z')]).toEqual(['protected', 'late']);
  });

  test.each([
    [
      'monthly, half of the first month has not passed',
      'cron(0 0 1 * ? *)',
      '2026-10-20T00:00:00Z',
      '2026-11-15T23:59:59Z',
      'waiting',
    ],
    ['monthly, it has', 'cron(0 0 1 * ? *)', '2026-10-31T00:00:00Z', '2026-11-16T00:00:00Z', 'never'],
    [
      'monthly, two firsts were missed',
      'cron(0 0 1 * ? *)',
      '2026-09-30T00:00:00Z',
      '2026-11-01T00:00:01Z',
      'never',
    ],
    [
      'in office hours, made on a Friday evening',
      'cron(0 8-17 ? * MON-FRI *)',
      '2026-11-20T18:00:00Z',
      '2026-11-23T08:30:00Z',
      'never',
    ],
    [
      'daily, a day and a half old',
      'cron(0 0 * * ? *)',
      '2026-11-23T00:00:00Z',
      '2026-11-24T12:00:00Z',
      'never',
    ],
    [
      'every six hours, nine hours old',
      'rate(6 hours)',
      '2026-11-24T01:00:00Z',
      '2026-11-24T10:00:00Z',
      'never',
    ],
  ])('of a server without a snapshot: %s', (_, schedule, createdAt, now, state) => {
    const servers = [server({ createdAt: new Date(createdAt) })];
    expect(only([], { event: { schedule }, servers, now }).state).toBe(state);
  });

  test('a day without the time of the schedule does not make a series late: the interval is two days', () => {
    // 2026-03-08 has no 02:30 in Los Angeles: the snapshot after the one of the 7th is due on the
    // 9th at 09:30Z.
    const event = { schedule: 'cron(30 2 * * ? *)', timezone: 'America/Los_Angeles' };
    expect(only([image('2026-03-07T10:30:00Z')], { event, now: '2026-03-09T00:00:00Z' })).toMatchObject({
      state: 'protected',
      overdue: 37.5 / 47,
      nextRun: '2026-03-09T09:30:00Z',
    });
  });

  test('a new server waits for its first snapshot, an old one is late', () => {
    const young = server({ createdAt: new Date('2026-11-23T20:00:00Z') });
    expect(only([], { servers: [young] })).toMatchObject({ state: 'waiting', good: 0 });
    expect(only([])).toMatchObject({ state: 'never', good: 0 });
    expect(only([], { servers: [server()] })).toMatchObject({ state: 'never' });
  });

  test.each([
    ['late, however young the newest snapshot is', [image('2026-11-24T00:00:00Z')], 'late'],
    ['never, without one', [], 'never'],
  ])('after the end of the schedule it is %s', (_, images, state) => {
    const series = only(images, { event: { schedule: 'cron(0 0 1-24 11 ? 2026)' } });
    expect(series).toMatchObject({ state, cause: { code: 'SERIES_SCHEDULE_ENDED' } });
    expect(series).not.toHaveProperty('nextRun');
  });

  test.each([
    ['of the years 2024 and 2030', 'cron(0 0 * * ? 2024,2030)', '2024-12-31T00:00:00Z', 'late'],
    [
      'of the years 2024 and 2030, on its last day',
      'cron(0 0 * * ? 2024,2030)',
      '2024-12-31T00:00:00Z',
      'late',
      '2025-01-01T00:00:00Z',
    ],
    ['of leap days', 'cron(0 0 29 2 ? *)', '2024-02-29T00:00:00Z', 'protected'],
    ['of every fourth year', 'cron(0 0 1 1 ? 2020/4)', '2024-01-01T00:00:00Z', 'protected'],
    ['of one month a year', 'cron(0 0 * 12 ? *)', '2025-12-31T00:00:00Z', 'protected'],
    [
      'of office hours',
      'cron(0 8-17 ? * MON-FRI *)',
      '2026-11-20T17:00:00Z',
      'protected',
      '2026-11-22T23:00:00Z',
    ],
  ])('a schedule %s', (_, schedule, newest, state, now: string = '2026-11-01T00:00:00Z') => {
    const servers = [server({ createdAt: new Date('2020-01-01') })];
    const series = only([image(newest)], { event: { schedule }, servers, now });
    expect(series.state).toBe(state);
    expect(series.cause).toEqual(
      state === 'late' ? { code: 'SERIES_SCHEDULE_ENDED', resumes: '2030-01-01T00:00:00Z' } : undefined,
    );
  });

  test('only a good snapshot protects', () => {
    const images = [
      image('2026-11-24T00:00:00Z', { status: 'saving', sizeBytes: undefined }),
      image('2026-11-23T00:00:00Z', { status: 'killed' }),
      image('2026-11-22T00:00:00Z', { sizeBytes: 0 }),
      image('2026-11-21T00:00:00Z'),
    ];
    expect(
      only(images, { servers: [server({ createdAt: YEAR_OLD, taskState: 'image_uploading' })] }),
    ).toMatchObject({
      state: 'late',
      newestGood: '2026-11-21T00:00:00Z',
      good: 1,
      pending: 1,
      failed: 1,
      stuck: 0,
    });
  });

  test('a snapshot dated in the future does not protect', () => {
    expect(only([image('2027-11-24T00:00:00Z')])).toMatchObject({ state: 'never' });
  });

  test.each([
    ['its server is idle', '2026-11-24T00:00:00Z', null],
    ['it is more than a day old', '2026-11-23T00:00:00Z', 'image_uploading'],
  ])('a pending snapshot is stuck if %s', (_, slot, taskState) => {
    const servers = [server({ createdAt: YEAR_OLD, taskState })];
    const stuck = only([image(slot, { status: 'queued', sizeBytes: undefined })], { servers });
    expect(stuck).toMatchObject({ pending: 0, stuck: 1 });
  });

  test('deleted servers, servers that are no longer selected, and ad-hoc snapshots', () => {
    expect(only([image('2026-11-24T00:00:00Z')], { servers: [], gone: ['s'] })).toMatchObject({
      state: 'orphaned',
      name: 'web',
    });
    const others = { servers: [server({ createdAt: YEAR_OLD })], event: { servers: { names: ['db'] } } };
    expect(only([image('2026-11-24T00:00:00Z')], others)).toMatchObject({ state: 'deselected' });
    const adhoc = image('2026-11-24T00:00:00Z', { policy: 'adhoc' });
    expect(only([adhoc], others)).toMatchObject({ state: 'adhoc', policy: 'adhoc', good: 1 });
    for (const { overdue, nextRun } of look([image('2026-11-24T00:00:00Z'), adhoc], others).series) {
      expect([overdue, nextRun]).toEqual([undefined, undefined]);
    }
  });
});

test('a snapshot with an unknown status counts as unknown', () => {
  const images = [image('2026-11-24T00:00:00Z'), image('2026-11-23T00:00:00Z', { status: 'deactivated' })];
  expect(only(images)).toMatchObject({ good: 1, pending: 0, stuck: 0, failed: 0, unknown: 1 });
});

test('each snapshot has the reasons for which it stays, and the date of its deletion', () => {
  const { snapshots, bytes, nextRun } = only(
    ['24', '23', '22', '21'].map((day) => image(`2026-11-${day}T00:00:00Z`)),
  );
  expect(nextRun).toBe('2026-11-25T00:00:00Z');
  expect(bytes).toBe(8e9);
  expect(snapshots).toMatchObject([
    {
      image: '2026-11-24T00:00:00Z',
      action: 'keep',
      reasons: [{ code: 'LAST', rank: 1, of: 3 }],
      expiresAt: '2026-11-27T00:00:00Z',
    },
    {
      image: '2026-11-23T00:00:00Z',
      action: 'keep',
      reasons: [{ code: 'LAST', rank: 2, of: 3 }],
      expiresAt: '2026-11-26T00:00:00Z',
    },
    {
      image: '2026-11-22T00:00:00Z',
      action: 'keep',
      reasons: [{ code: 'LAST', rank: 3, of: 3 }],
      expiresAt: '2026-11-25T00:00:00Z',
    },
    { image: '2026-11-21T00:00:00Z', action: 'delete', reasons: [{ code: 'NO_RULE' }] },
  ]);
});

describe('when a snapshot is deleted', () => {
  const goesOf = (...args: Parameters<typeof look>) =>
    look(...args).series[0]!.snapshots.map(({ expiresAt, condition }) =>
      [expiresAt?.slice(5, 16), condition].filter(Boolean).join(' '),
    );
  const held = (slot: string, hold: string, changes: Parameters<typeof image>[1] = {}) => {
    const its = image(slot, changes);
    return { ...its, properties: { ...its.properties, autosnap_hold: hold } };
  };
  const adhoc = (end: string, hold = 'none') => {
    const its = held('2026-11-20T00:00:00Z', hold, { policy: 'adhoc' });
    return { ...its, properties: { ...its.properties, autosnap_expires: `${end} request` } };
  };

  test('under a policy that does not select its server any more, only its hold ends', () => {
    const images = [image('2026-11-24T00:00:00Z'), held('2026-11-10T00:00:00Z', '2026-12-01T00:00:00Z')];
    const event = { servers: { names: ['db'] }, keep: { last: 1 } };
    expect(goesOf(images, { event })).toEqual(['', '12-01T00:00']);
  });

  test('by its expiry, or when its hold ends later; never when it is shared', () => {
    const last = (one: Image) => look([one]).series.at(-1)!.snapshots[0]!.expiresAt;
    expect(last(adhoc('2026-12-01T00:00:00Z'))).toBe('2026-12-01T00:00:00Z');
    expect(last(adhoc('2026-12-01T00:00:00Z', '2026-12-24T00:00:00Z'))).toBe('2026-12-24T00:00:00Z');
    expect(last(adhoc('2026-12-01T00:00:00Z', 'forever'))).toBeUndefined();
    expect(last({ ...adhoc('2026-12-01T00:00:00Z'), visibility: 'shared' })).toBeUndefined();
  });

  test('is not that of another server with snapshots of the same times', () => {
    const times = ['2026-11-24T00:00:00Z', '2026-11-23T00:00:00Z'];
    const of = (id: string, changes: Partial<Image>) =>
      times.map((slot) => {
        const its = image(slot, { id: `${id} ${slot}`, ...changes });
        return { ...its, properties: { ...its.properties, autosnap_server: id, instance_uuid: id } };
      });
    const servers = ['a', 'b', 'c'].map((id) => server({ id, name: id, createdAt: YEAR_OLD }));
    const images = [...of('a', {}), ...of('b', { visibility: 'shared' }), ...of('c', { protected: true })];
    const { series } = look(images, { servers, event: { keep: { last: 2 } } });
    expect(series.map(({ snapshots }) => snapshots.map(({ expiresAt }) => expiresAt?.slice(5, 10)))).toEqual([
      ['11-26', '11-25'],
      [undefined, undefined],
      [undefined, undefined],
    ]);
  });

  test('of a deleted server: when the newest snapshot is older than orphans.after', () => {
    const images = ['24', '23', '22'].map((day) => image(`2026-11-${day}T00:00:00Z`));
    const gone = { servers: [], gone: ['s'] };
    const event = { orphans: { after: '30d', keep: 1 } };
    expect(goesOf(images, { ...gone, event, everywhere: true })).toEqual(['', '12-24T00:00', '12-24T00:00']);
    expect(goesOf(images, { ...gone, event })).toEqual(['', '', '']);
    expect(goesOf(images, { ...gone, everywhere: true })).toEqual(['', '', '']);
  });
});

test('the next run of a rate is counted from the newest snapshot, good or not', () => {
  const images = [image('2026-11-24T06:00:00Z', { status: 'killed' }), image('2026-11-24T00:00:00Z')];
  const nextOf = (some: Image[]) => only(some, { event: { schedule: 'rate(6 hours)' } }).nextRun;
  expect(nextOf(images)).toBe('2026-11-24T12:00:00Z');
  expect(nextOf([image('2026-11-22T03:00:00Z')])).toBe('2026-11-24T15:00:00Z');
  expect(nextOf([])).toBe('2026-11-24T16:00:00Z');
});

test('a snapshot has the result of its last drill, and a series its newest proof', () => {
  const drilled = (slot: string, ...marks: Parameters<typeof verdictMarks>[]) => {
    const its = image(slot);
    return {
      ...its,
      properties: { ...its.properties, ...Object.fromEntries(marks.flatMap((m) => verdictMarks(...m))) },
    };
  };
  const [newest, older] = ['2026-11-24T00:00:00Z', '2026-11-23T00:00:00Z'];
  const { snapshots, proof } = only([
    drilled(
      newest,
      [newest, true, new Date('2026-11-24T03:00:00Z')],
      [newest, false, new Date('2026-11-24T04:00:00Z')],
    ),
    drilled(older, [older, true, new Date('2026-11-23T04:00:00Z')]),
    image('2026-11-22T00:00:00Z'),
  ]);
  expect(snapshots.map(({ proven, unproven }) => [proven, unproven])).toEqual([
    [undefined, '2026-11-24T04:00:00Z'],
    ['2026-11-23T04:00:00Z', undefined],
    [undefined, undefined],
  ]);
  expect(proof).toEqual({
    proven: '2026-11-23T04:00:00Z',
    unprovenSeconds: 108_000,
    failed: '2026-11-24T04:00:00Z',
  });
  expect(only([image(newest)])).not.toHaveProperty('proof');
  const asked = { event: { drill: { schedule: 'rate(1 day)' } } };
  expect(only([image(newest)], asked).proof).toEqual({ unprovenSeconds: 36_000 });
  expect(only([image(newest)], { ...asked, servers: [] })).not.toHaveProperty('proof');
});

describe('a series that is not rotated', () => {
  const week = ['24', '23', '22', '21', '20', '19', '18'].map((day) => image(`2026-11-${day}T00:00:00Z`));
  const YESTERDAY = '2026-11-23T22:00:00Z';
  const stalled = (
    images: Image[],
    event: Record<string, unknown> = {},
    leftByTwoCleanups: string | undefined = YESTERDAY,
  ) => {
    const { series, warnings } = look(images, { event, leftByTwoCleanups });
    return { notRotating: series[0]?.notRotating, warnings };
  };

  test('has snapshots that no rule keeps and two cleanups have not deleted', () => {
    expect(stalled(week)).toEqual({
      notRotating: 2,
      warnings: [
        {
          code: 'SERIES_NOT_ROTATING',
          region: 'DFW',
          server: 'web',
          policy: 'daily',
          images: ['2026-11-19T00:00:00Z', '2026-11-18T00:00:00Z'],
        },
      ],
    });
  });

  test.each<[string, Image[], Record<string, unknown>]>([
    ['what was released since the last cleanup waits for the next', week.slice(0, 4), {}],
    ['what the rules keep', week, { keep: { last: 7 } }],
    ['what is held', week.map((one, i) => (i > 2 ? { ...one, protected: true } : one)), {}],
    ['what others can see', week.map((one, i) => (i > 2 ? { ...one, visibility: 'shared' } : one)), {}],
  ])('is not: %s', (_, images, event) => {
    const { notRotating, warnings } = stalled(images, event);
    expect(notRotating).toBeUndefined();
    expect(warnings.map(({ code }) => code)).not.toContain('SERIES_NOT_ROTATING');
  });

  test.each([
    ['is not known to have had two cleanups', undefined],
    ['has had the first of them a week ago', '2026-11-20T22:00:00Z'],
  ])('is not, if it %s', (_, time) => {
    const { series, warnings } = look(week, time ? { leftByTwoCleanups: time } : {});
    expect(series[0]).not.toHaveProperty('notRotating');
    expect(warnings).toEqual([]);
  });

  test('shows a few of many', () => {
    const many = Array.from({ length: 14 }, (_, i) =>
      image(new Date(Date.UTC(2026, 10, 24 - i)).toISOString()),
    );
    const { notRotating, warnings } = stalled(many, {}, '2026-11-24T08:00:00Z');
    expect(notRotating).toBe(10);
    expect(findingText(warnings[0]!)).toMatch(
      /^DFW: .*no rule keeps 10 snapshots of web.*: \S+, \S+, \S+ …; the report/,
    );
  });
});

test('images whose marker does not prove ownership cause a warning, and do not count', () => {
  const { series, warnings } = look([
    image('2026-11-24T00:00:00Z', { owner: 'somebody else' }),
    image('2026-11-23T00:00:00Z', { properties: { autosnap_owner: 'autosnap-test' } }),
  ]);
  expect(series[0]).toMatchObject({ state: 'never', snapshots: [] });
  expect(warnings).toEqual([
    expect.objectContaining({
      problem: expect.objectContaining({ reason: { code: 'OWNED_BY_OTHER_PROJECT' } }),
    }),
    expect.objectContaining({ problem: expect.objectContaining({ reason: { code: 'POLICY_INVALID' } }) }),
  ]);
});
