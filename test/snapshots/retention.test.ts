import { describe, expect, test } from 'vitest';
import type { Keep } from '../../lib/config/policy.ts';
import { sentenceOf } from '../../lib/reporting/sentences.ts';
import { retain, retainAdhoc } from '../../lib/snapshots/retention.ts';
import type { Snapshot } from '../../lib/snapshots/snapshot.ts';
import { dailies, snapshot } from '../snapshots.ts';

const NOW = new Date('2026-11-23T06:00:00Z');
const DAY_MS = 86_400_000;

function decide(series: Snapshot[], keep: Partial<Keep>, timezone = 'UTC', now = NOW) {
  const decisions = retain(series, { atLeast: 1, ...keep }, { now, timezone });
  const of = (wanted: boolean) =>
    decisions.filter((d) => d.keep === wanted).map(({ snapshot: { id } }) => id);
  return {
    kept: of(true),
    deleted: of(false),
    reasons: new Map(decisions.map((d) => [d.snapshot.id, d.reasons.map(sentenceOf)])),
  };
}

/** Converts ids back to days: "2026-11-23T00:00:00.000Z" to "11-23". */
const days = (ids: string[]) => ids.map((id) => id.slice(5, 10));

describe('snapshots that passed a drill', () => {
  const PASSED = { proven: NOW, drilled: NOW };
  const FAILED_SINCE = { proven: NOW, drilled: new Date(NOW.getTime() + 1) };
  const FAILED = { drilled: NOW };
  const series = (...drills: object[]) =>
    dailies('2026-11-23T00:00:00Z', drills.length).map((s, age) => ({ ...s, ...drills[age] }));

  test.each<[string, object[], string[]]>([
    ['nothing was tried', [{}, {}, {}], ['11-23']],
    ['an old snapshot passed', [{}, {}, PASSED], ['11-23', '11-21']],
    ['several passed: the newest of them stays', [{}, PASSED, PASSED], ['11-23', '11-22']],
    ['the newest of all passed', [PASSED, PASSED, {}], ['11-23']],
    ['one passed, without the time of a later drill', [{}, {}, { proven: NOW }], ['11-23', '11-21']],
    ['a newer one failed, and does not count', [FAILED, FAILED, PASSED], ['11-23', '11-21']],
    [
      'the newest snapshot that passed has failed a later drill: the one before it stays too',
      [{}, FAILED_SINCE, PASSED],
      ['11-23', '11-22', '11-21'],
    ],
    ['all that passed failed since', [{}, FAILED_SINCE, FAILED_SINCE], ['11-23', '11-22']],
    [
      'a held snapshot that passed does not count',
      [{}, { ...PASSED, hold: 'forever' }, PASSED],
      ['11-23', '11-22', '11-21'],
    ],
    [
      'a snapshot that is no longer good',
      [{}, { ...PASSED, state: 'unknown' }, PASSED],
      ['11-23', '11-22', '11-21'],
    ],
  ])('%s: with last: 1, the snapshots of $2 stay', (_, drills, expected) => {
    expect(days(decide(series(...drills), { last: 1 }).kept)).toEqual(expected);
  });

  test('stay with the reason PROVEN or PROVEN_ONCE', () => {
    const { kept, reasons } = decide(series({}, FAILED_SINCE, PASSED), { last: 1 });
    expect(kept.map((id) => reasons.get(id))).toEqual([
      ['last 1 of 1'],
      ['proven once, the newest that ever passed a drill'],
      ['proven, the newest that passed its last drill'],
    ]);
    const passed = decide(series({}, PASSED), { last: 1 });
    expect(passed.reasons.get(passed.kept[1]!)).toEqual(['proven, the newest that passed its last drill']);
  });
});

describe('two images of one slot', () => {
  const [newest, older] = dailies('2026-11-23T00:00:00Z', 2) as [Snapshot, Snapshot];
  const twin = (changes: Partial<Snapshot>) => ({ ...older, id: 'twin', ...changes });
  const both = [newest.id, older.id, 'twin'].sort();

  test.each<[string, Partial<Snapshot>]>([
    ['passed its last drill', { proven: NOW, drilled: NOW }],
    ['passed one once', { proven: NOW, drilled: new Date(NOW.getTime() + 1) }],
  ])('both stay if one of them is the newest that %s', (_, changes) => {
    expect(decide([newest, older, twin(changes)], { last: 1 }).kept.sort()).toEqual(both);
  });

  test('both stay for atLeast, even if a rule keeps only one of them', () => {
    const { kept, reasons } = decide([newest, older, twin({ exposure: 'shared' })], { last: 1, atLeast: 2 });
    expect(kept.sort()).toEqual(both);
    expect(reasons.get(older.id)).toEqual(['at least 2']);
  });
});

describe('an image that others can see', () => {
  const series = (exposure: string) =>
    dailies('2026-11-23T00:00:00Z', 3).map((s, age) => (age === 2 ? { ...s, exposure } : s));

  test.each([
    ['shared', 'the image is shared: it stays until it is private again'],
    ['hidden', 'the image is hidden: it stays until it is no longer hidden'],
  ])('stays: %s', (exposure, reason) => {
    const { kept, reasons } = decide(series(exposure), { last: 1 });
    expect(days(kept)).toEqual(['11-23', '11-21']);
    expect(reasons.get(kept[1]!)).toEqual([reason]);
  });
});

describe('a snapshot that has lost a part of its data', () => {
  const BROKEN = { state: 'failed', partial: true, status: 'volume_snapshot:gone' } as const;
  const series = (...changes: Partial<Snapshot>[]) =>
    dailies('2026-11-23T00:00:00Z', 4).map((s, age) => ({ ...s, ...changes[age] }));

  test('stays as long as the complete snapshot would, and does not count', () => {
    const { kept, deleted, reasons } = decide(series({}, BROKEN), { last: 2 });
    expect(days(kept)).toEqual(['11-23', '11-22', '11-21']);
    expect(days(deleted)).toEqual(['11-20']);
    expect(reasons.get(kept[1]!)).toEqual([
      'volume snapshot gone: its remaining data is kept as if it were complete: last 2 of 2',
    ]);
  });

  test('stays with all reasons for which the complete snapshot would stay', () => {
    const { kept, reasons } = decide(series({}, BROKEN), { last: 2, daily: 2 });
    expect(reasons.get(kept[1]!)?.[0]).toMatch(/: last 2 of 2; daily 2026-11-22$/);
  });

  test('is deleted when the complete snapshot would be, once a day has passed', () => {
    expect(days(decide(series({}, {}, BROKEN), { last: 2 }).kept)).toEqual(['11-23', '11-22']);
  });

  test('does not displace a complete snapshot', () => {
    expect(days(decide(series({}, BROKEN, BROKEN), { last: 2 }).kept)).toEqual([
      '11-23',
      '11-22',
      '11-21',
      '11-20',
    ]);
  });
});

describe('the rules', () => {
  const series = dailies('2026-11-23T00:00:00Z', 70); // back to 2026-09-15; the 23rd is a Monday

  test('last keeps the newest snapshots, and numbers them in the reasons', () => {
    const { kept, reasons } = decide(series, { last: 3 });
    expect(days(kept)).toEqual(['11-23', '11-22', '11-21']);
    expect(reasons.get(kept[2]!)).toEqual(['last 3 of 3']);
  });

  test.each<[Partial<Keep>, string[]]>([
    [{ daily: 2 }, ['11-23', '11-22']],
    [{ weekly: 3 }, ['11-23', '11-22', '11-15']],
    [{ monthly: 2 }, ['11-23', '10-31']],
    [{ yearly: 1 }, ['11-23']],
    [{ within: 2 * DAY_MS }, ['11-23', '11-22']],
    [{ last: 2, weekly: 2, monthly: 3 }, ['11-23', '11-22', '10-31', '09-30']],
    [{ monthly: 1, atLeast: 3 }, ['11-23', '11-22', '11-21']],
  ])('%j keeps the snapshots of $1', (keep, expected) => {
    expect(days(decide(series, keep).kept)).toEqual(expected);
  });

  test('a rule with too few periods keeps the oldest snapshot too', () => {
    const { kept, reasons } = decide(series, { monthly: 4 });
    expect(days(kept)).toEqual(['11-23', '10-31', '09-30', '09-15']);
    expect(reasons.get(kept[3]!)).toEqual(['oldest, monthly has 3 of 4']);
  });

  test('a period without a snapshot is skipped', () => {
    const gaps = ['2026-11-23', '2026-11-20', '2026-09-02', '2026-09-01'].map((day) =>
      snapshot(`${day}T00:00:00Z`),
    );
    expect(days(decide(gaps, { monthly: 2 }).kept)).toEqual(['11-23', '09-02']);
  });

  test.each<[Partial<Keep>, string]>([
    [{ yearly: 1 }, 'yearly 2026'],
    [{ within: 2 * DAY_MS }, 'within 2d'],
    [{ within: 1.5 * DAY_MS }, 'within 36h'],
  ])('%j gives the reason "%s"', (keep, reason) => {
    expect(decide(series, keep).reasons.get('2026-11-23T00:00:00.000Z')).toEqual([reason]);
  });

  test('atLeast is a reason only if no other rule keeps the snapshot', () => {
    const { reasons } = decide(series, { last: 1, atLeast: 2 });
    expect([...reasons.values()].slice(0, 3)).toEqual([
      ['last 1 of 1'],
      ['at least 2'],
      ['no rule keeps it'],
    ]);
  });

  test('yearly distinguishes years', () => {
    const years = [2026, 2025, 2024].map((year) => snapshot(`${year}-06-01T00:00:00Z`));
    expect(decide(years, { yearly: 2 }).kept.map((id) => id.slice(0, 4))).toEqual(['2026', '2025']);
  });

  test('a snapshot that is kept for several reasons has all of them', () => {
    const { reasons } = decide(series, { last: 7, weekly: 4, monthly: 12 });
    expect(reasons.get('2026-11-22T00:00:00.000Z')).toEqual(['last 2 of 7', 'weekly 2026-W47']);
    expect(reasons.get('2026-11-10T00:00:00.000Z')).toEqual(['no rule keeps it']);
  });
});

describe('calendar periods are those of the time zone', () => {
  test('a day in Chicago ends at 06:00 UTC', () => {
    const series = [
      snapshot('2026-11-22T05:30:00Z'),
      snapshot('2026-11-22T04:00:00Z'),
      snapshot('2026-11-22T06:30:00Z'),
    ];
    const { reasons } = decide(series, { daily: 5 }, 'America/Chicago');
    expect(reasons.get('2026-11-22T06:30:00.000Z')).toEqual(['daily 2026-11-22']);
    expect(reasons.get('2026-11-22T05:30:00.000Z')).toEqual(['daily 2026-11-21']);
    expect(decide(series, { daily: 1 }, 'UTC').kept).toHaveLength(1);
  });

  test('the hour that is repeated when clocks go back counts as two hours', () => {
    // Both are at 01:30 in Chicago.
    const series = [snapshot('2026-11-01T06:30:00Z'), snapshot('2026-11-01T07:30:00Z')];
    expect([...decide(series, { hourly: 2 }, 'America/Chicago').reasons.values()].flat()).toEqual([
      'hourly 2026-11-01T01-06:00',
      'hourly 2026-11-01T01-05:00',
    ]);
  });

  test('the 1st of January 2027 belongs to week 53 of 2026', () => {
    const series = dailies('2027-01-04T00:00:00Z', 9);
    const { kept, reasons } = decide(series, { weekly: 2 }, 'UTC', new Date('2027-01-05T00:00:00Z'));
    expect(kept.map((id) => reasons.get(id)?.[0])).toEqual(['weekly 2027-W01', 'weekly 2026-W53']);
    expect(days(kept)).toEqual(['01-04', '01-03']);
  });

  test('the 29th of February is a day of its own', () => {
    const series = dailies('2028-03-01T00:00:00Z', 3);
    const now = new Date('2028-03-01T06:00:00Z');
    expect(days(decide(series, { daily: 2 }, 'UTC', now).kept)).toEqual(['03-01', '02-29']);
  });
});

describe('only good snapshots count', () => {
  const good = dailies('2026-11-20T00:00:00Z', 4);

  test.each(['pending', 'failed', 'unknown'] as const)(
    'newer snapshots that are %s displace none',
    (state) => {
      const newer = dailies('2026-11-23T00:00:00Z', 3).map((s) => ({ ...s, state, status: state }));
      const { kept, deleted } = decide([...good, ...newer], { last: 3 });
      expect(days(deleted)).toEqual(['11-17']);
      expect(days(kept)).toEqual(['11-23', '11-22', '11-21', '11-20', '11-19', '11-18']);
    },
  );

  test('a period keeps its newest good snapshot, not its newest', () => {
    const interrupted = snapshot('2026-11-20T12:00:00Z', { state: 'failed', status: 'killed' });
    expect(decide([...good, interrupted], { daily: 1 }).kept).toContain('2026-11-20T00:00:00.000Z');
  });

  test('pending and unknown snapshots are never deleted, however old', () => {
    const old = (['pending', 'unknown'] as const).map((state, i) =>
      snapshot(`2020-01-0${i + 1}T00:00:00Z`, { state, status: state }),
    );
    const { kept, reasons } = decide([...good, ...old], { last: 1 });
    expect(kept).toEqual(expect.arrayContaining(old.map(({ id }) => id)));
    expect(old.map(({ id }) => reasons.get(id))).toEqual([
      ['not finished (pending)'],
      ['status "unknown" is not understood: not counted'],
    ]);
  });

  test.each<[string, string, boolean]>([
    ['two days old, with a newer good one', '2026-11-19T12:00:00Z', false],
    ['two days old, and newer than every good one', '2026-11-20T12:00:00Z', true],
    ['of the same slot as the newest good one', '2026-11-20T00:00:00Z', true],
    ['an hour old', '2026-11-23T05:00:00Z', true],
  ])('a failed snapshot is deleted a day later, once there is a newer good one: %s', (_, slot, keep) => {
    const failed = snapshot(slot, { id: 'failed', state: 'failed', status: 'killed' });
    expect(decide([...good, failed], { last: 9 }).kept.includes('failed')).toBe(keep);
  });

  test('a failed snapshot is deleted when it is 24 hours old to the second, with the reason', () => {
    const createdAt = new Date(NOW.getTime() - DAY_MS);
    const failed = snapshot('2026-11-19T12:00:00Z', { id: 'f', state: 'failed', createdAt });
    const { deleted, reasons } = decide([...good, failed], { last: 9 });
    expect(deleted).toEqual(['f']);
    expect(reasons.get('f')).toEqual(['failed, and a newer good one exists']);
  });

  test('a younger failed snapshot stays although there is a newer good one', () => {
    const failed = snapshot('2026-11-19T12:00:00Z', {
      id: 'f',
      state: 'failed',
      createdAt: new Date(NOW.getTime() - DAY_MS + 1),
    });
    expect(decide([...good, failed], { last: 9 }).reasons.get('f')).toEqual([
      'failed less than 24 hours ago',
    ]);
  });
});

describe('snapshots that are kept without counting', () => {
  const series = dailies('2026-11-23T00:00:00Z', 4);
  const [newest] = series;

  test.each<[Snapshot['hold'], string]>([
    ['forever', 'held forever'],
    ['protected', 'held: the image is protected'],
    [new Date('2027-01-01T00:00:00Z'), 'held until 2027-01-01T00:00:00Z'],
  ])('a hold: %s', (hold, reason) => {
    const { kept, reasons } = decide([{ ...newest!, hold }, ...series.slice(1)], { last: 2 });
    expect(days(kept)).toEqual(['11-23', '11-22', '11-21']);
    expect(reasons.get(newest!.id)).toEqual([reason]);
  });

  test('an ended hold has no effect', () => {
    const [oldest] = series.slice(-1);
    const { deleted } = decide([...series, { ...oldest!, hold: NOW }], { last: 3 });
    expect(deleted).toEqual([oldest!.id]);
  });

  test('a snapshot of the current second is not dated in the future', () => {
    expect(decide([...series, snapshot(NOW)], { last: 1 }).kept).toEqual([NOW.toISOString()]);
  });

  test('a snapshot dated in the future', () => {
    const future = snapshot('2027-01-01T00:00:00Z');
    const { kept, reasons } = decide([...series, future], { last: 1 });
    expect(kept).toEqual([future.id, newest!.id]);
    expect(reasons.get(future.id)).toEqual(['dated in the future: not counted']);
  });
});

describe('the input', () => {
  const series = dailies('2026-11-23T00:00:00Z', 20);

  test('its order and duplicates in it have no effect', () => {
    const keep = { last: 2, weekly: 2 };
    expect(decide([...series.toReversed(), ...series], keep)).toEqual(decide(series, keep));
  });

  test('snapshots of equal slots are ordered by creation, then by id', () => {
    const slot = '2026-11-23T00:00:00Z';
    const at = (id: string, created: string) => snapshot(slot, { id, createdAt: new Date(created) });
    const twins = [
      at('b', '2026-11-23T00:01:00Z'),
      at('a', '2026-11-23T00:01:00Z'),
      at('c', '2026-11-23T00:00:00Z'),
    ];
    for (const order of [twins, twins.toReversed()]) {
      expect([...decide(order, { last: 1 }).reasons.keys()]).toEqual(['b', 'a', 'c']);
    }
  });
});

test('rules without any keep rule are an error, so that nothing is deleted', () => {
  expect(() => retain([], { atLeast: 1 }, { now: NOW, timezone: 'UTC' })).toThrow('no keep rule at all');
  expect(() => retain([], { atLeast: 1, last: undefined }, { now: NOW, timezone: 'UTC' })).toThrow(
    RangeError,
  );
});

test('an outage has no effect: years later the same snapshots are kept', () => {
  const series = dailies('2026-11-23T00:00:00Z', 60);
  const keep = { within: 30 * DAY_MS, monthly: 2 };
  const later = decide(series, keep, 'UTC', new Date('2036-11-23T00:00:00Z'));
  expect(later.kept).toEqual(decide(series, keep).kept);
  expect(later.kept).toHaveLength(30);
});

describe('an ad-hoc snapshot', () => {
  const adhoc = (changes: Partial<Snapshot>, others: readonly Snapshot[] = []) => {
    const one = snapshot('2026-11-01T00:00:00Z', { policy: 'adhoc', ...changes });
    const decision = retainAdhoc(one, [...others, one], NOW);
    return { ...decision, reasons: decision.reasons.map(sentenceOf) };
  };
  const ended = new Date(NOW.getTime() - 1);
  test.each<[string, Partial<Snapshot>, boolean, string]>([
    ['without an end stays', {}, true, 'ad-hoc snapshot without an expiry date'],
    [
      'stays until its expiry',
      { expires: new Date(NOW.getTime() + 1) },
      true,
      'ad hoc, until 2026-11-23T06:00:00Z',
    ],
    ['goes at its end', { expires: NOW }, false, 'ad hoc, ended 2026-11-23T06:00:00Z'],
    ['goes after its end', { expires: ended }, false, 'ad hoc, ended 2026-11-23T05:59:59Z'],
    ['stays while it is held', { expires: ended, hold: 'forever' }, true, 'held forever'],
    [
      'stays while it is pending',
      { expires: ended, state: 'pending', status: 'saving' },
      true,
      'not finished (saving)',
    ],
    [
      'stays if its status is unknown',
      { expires: ended, state: 'unknown', status: 'odd' },
      true,
      'status "odd" is not understood: not counted',
    ],
    [
      'is deleted after its expiry even if it failed',
      { expires: ended, state: 'failed' },
      false,
      'ad hoc, ended 2026-11-23T05:59:59Z',
    ],
    [
      'stays until its end if it failed',
      { expires: new Date('2026-12-01T00:00:00Z'), state: 'failed', status: 'killed' },
      true,
      'ad hoc, failed (killed): it holds nothing that can be restored; it expires at 2026-12-01T00:00:00Z',
    ],
    [
      'has to be deleted by hand if it failed and has no end',
      { expires: undefined, state: 'failed', status: 'killed' },
      true,
      'ad hoc, failed (killed): it holds nothing that can be restored; it never expires: delete it by hand, or take another: a later cleanup then deletes it',
    ],
  ])('%s', (_, changes, keep, reason) => {
    expect(adhoc(changes)).toMatchObject({ keep, reasons: [reason] });
  });

  const failed = { state: 'failed', status: 'killed' } as const;
  const newer = (changes: Partial<Snapshot> = {}) =>
    snapshot('2026-11-02T00:00:00Z', { policy: 'adhoc', ...changes });
  test.each<[string, Partial<Snapshot>, Partial<Snapshot>, boolean]>([
    ['goes if it failed and a newer one is good', failed, {}, false],
    ['stays if it failed and the newer one failed, too', failed, failed, true],
    ['stays if it failed and the newer one is held, which does not count', failed, { hold: 'forever' }, true],
    ['stays if it failed less than a day ago', { ...failed, createdAt: NOW }, {}, true],
    ['stays if it failed and is held', { ...failed, hold: 'forever' }, {}, true],
    ['stays if it is good, whatever is newer', {}, {}, true],
    ['stays if it failed and has data of a volume', { ...failed, partial: true }, {}, true],
    ['stays if its status is unknown', { state: 'unknown', status: 'odd' }, {}, true],
  ])('%s', (_, changes, other, keep) => {
    expect(adhoc(changes, [newer(other)]).keep).toBe(keep);
  });
});
