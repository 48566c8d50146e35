import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseSchedule } from '../../lib/config/schedule.ts';
import { type Drillable, drillFlavor, MOST_STUCK, planDrills, surplusOf } from '../../lib/drill/plan.ts';
import type { ThrowAway } from '../../lib/drill/throw-away.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { always } from '../properties/always.ts';
import { snapshot } from '../snapshots.ts';

const MINUTE_MS = 60_000;
const NOW = new Date('2026-11-23T06:00:00Z');
const NIGHTLY = parseSchedule('cron(0 3 * * ? *)');

const nights = (n: number) => new Date(NOW.getTime() - n * 24 * 60 * MINUTE_MS);
const of = (
  server: string,
  age: number,
  { records = [], ...changes }: Partial<Drillable> = {},
): Drillable => ({
  ...snapshot(nights(age), { id: `${server}${age}`, server, ...changes }),
  records,
});
/** A drill that is recorded on an image. */
const drillAt = (at: Date, its = 'made') => ({ nonce: 'n', at, server: its || undefined });
/** A throw-away server of an image, begun that many minutes ago. */
const server = (image: string, minutes: number): ThrowAway => ({
  id: `of-${image}`,
  name: '',
  region: 'DFW',
  owner: 'o',
  policy: 'daily',
  image,
  nonce: 'n',
  createdAt: new Date(NOW.getTime() - minutes * MINUTE_MS),
});

function begun(snapshots: Drillable[], running: ThrowAway[] = [], atOnce = 1, schedule = NIGHTLY): string[] {
  const { waiting, capacity } = planDrills(snapshots, { running }, { atOnce, schedule }, NOW);
  return waiting.slice(0, capacity).map(({ id }) => id);
}

test('a run by hand begins a drill although the slot had its drill, and no more than atOnce', () => {
  const snapshots = [of('a', 0, { drilled: new Date(NOW.getTime() - 60 * MINUTE_MS) }), of('b', 1)];
  const capacityOf = (isByHand: boolean, running: ThrowAway[] = []) =>
    planDrills(snapshots, { running }, { atOnce: 1, schedule: NIGHTLY, isByHand }, NOW).capacity;
  expect([capacityOf(false), capacityOf(true), capacityOf(true, [server('a0', 5)])]).toEqual([0, 1, 0]);
});

describe('the next snapshot', () => {
  test.each<[string, Drillable[], string[]]>([
    ['none when there are none', [], []],
    ['the newest good one', [of('a', 2), of('a', 1), of('a', 0, { state: 'pending' })], ['a1']],
    ['none that is dated in the future', [of('a', -1), of('a', 1)], ['a1']],
    ['none when none is good', [of('a', 1, { state: 'failed' }), of('a', 0, { state: 'unknown' })], []],
    [
      'of the server with the longest history, if several were never drilled',
      [of('a', 1), of('b', 1), of('b', 9)],
      ['b1'],
    ],
    ['one never tried before one tried long ago', [of('a', 9, { drilled: nights(9) }), of('b', 1)], ['b1']],
    [
      'the one whose last verdict is the oldest, whatever it was',
      [
        of('a', 1),
        of('a', 3, { drilled: nights(2), proven: nights(2) }),
        of('b', 1),
        of('b', 4, { drilled: nights(3) }),
      ],
      ['b1'],
    ],
    [
      'none that is proven, if there is nothing newer',
      [of('a', 5, { proven: nights(4), drilled: nights(4) })],
      [],
    ],
    ['one that has failed since', [of('a', 5, { proven: nights(4), drilled: nights(3) })], ['a5']],
    [
      'one that was never drilled before one that could not begin',
      [of('a', 9, { records: [drillAt(nights(0), '')] }), of('b', 1)],
      ['b1'],
    ],
    [
      'the one whose last attempt is the oldest',
      [
        of('a', 9, { drilled: nights(5), records: [drillAt(nights(1))] }),
        of('b', 1, { records: [drillAt(nights(2), '')] }),
      ],
      ['b1'],
    ],
    [
      'none of a server that the policy does not select, even if another one waits behind it',
      [of('a', 9, { isUnselected: true }), of('b', 1)],
      ['b1'],
    ],
    [
      'none whose volumes are not finished',
      [of('a', 9, { obstacle: { code: 'DRILL_VOLUMES_UNFINISHED' } }), of('b', 1)],
      ['b1'],
    ],
    ['one whose disk is a volume', [of('a', 9, { volumeSnapshots: ['v'] })], ['a9']],
  ])('%s: a drill begins with $2', (_, snapshots, expected) => {
    expect(begun(snapshots)).toEqual(expected);
  });

  test('a snapshot that can not be booted now is reported with the reason', () => {
    const { skip } = planDrills(
      [of('a', 1, { obstacle: { code: 'DRILL_VOLUMES_UNFINISHED' } })],
      { running: [] },
      { atOnce: 1, schedule: NIGHTLY },
      NOW,
    );
    expect(skip).toMatchObject([{ snapshot: { id: 'a1' }, reason: { code: 'DRILL_VOLUMES_UNFINISHED' } }]);
  });
});

describe('the number of drills', () => {
  const fleet = ['a', 'b', 'c', 'd'].map((name) => of(name, 1));
  test.each<[string, ThrowAway[], number, number]>([
    ['none is there', [], 2, 2],
    ['one is there since before the slot', [server('a1', 400)], 2, 1],
    ['no capacity is left', [server('a1', 400), server('b1', 400)], 2, 0],
    ['one was begun for this slot', [server('a1', 20)], 2, 1],
  ])('%s: $3 begin', (_, running, atOnce, count) => {
    expect(begun(fleet, running, atOnce)).toHaveLength(count);
  });

  test('verdicts since the slot count, earlier ones do not', () => {
    const judged = (minutes: number) => [
      of('z', 1, { drilled: new Date(NOW.getTime() - minutes * MINUTE_MS) }),
      ...fleet,
    ];
    expect(begun(judged(179))).toEqual([]);
    expect(begun(judged(181))).toHaveLength(1);
  });

  test('drills that began since the slot count even without a verdict; those that could not begin do not', () => {
    const since = new Date(NOW.getTime() - 100 * MINUTE_MS);
    const having = (records: Drillable['records']) => begun([of('z', 1, { records }), ...fleet]);
    expect(having([drillAt(since)])).toEqual([]);
    expect(having([drillAt(since, '')])).toHaveLength(1);
    expect(having([drillAt(nights(1))])).toHaveLength(1);
  });

  test('a server that cannot be deleted does not count, and only its own image waits; several such servers stop all drills', () => {
    const stuck = (images: string[]) => images.map((image) => server(image, 400));
    const turn = (images: string[], running: ThrowAway[] = []) =>
      planDrills(fleet, { running, stuck: stuck(images) }, { atOnce: 1, schedule: NIGHTLY }, NOW);
    expect(turn(['a1'])).toMatchObject({ capacity: 1, waiting: [{ id: 'b1' }, { id: 'c1' }, { id: 'd1' }] });
    expect(turn(['a0']).waiting).toHaveLength(4);
    expect(turn(['a1'], [server('b1', 400)]).capacity).toBe(0);
    expect(turn(['x', 'y', 'z'].slice(0, MOST_STUCK)).capacity).toBe(0);
  });

  test('no drill before the schedule has fired for the first time', () => {
    expect(begun(fleet, [], 1, parseSchedule('cron(0 0 1 1 ? 2199)'))).toEqual([]);
  });

  test.each([
    ['rate(30 minutes)', 24],
    ['rate(1 hour)', 24],
    ['rate(2 hours)', 12],
    ['rate(5 hours)', 5],
    ['rate(1 day)', 1],
    ['cron(0 1-4 * * ? *)', 4],
    ['cron(0 3 * * ? *)', 1],
  ])('%s, with a run every hour and its retry a minute later: %i a day', (expression, count) => {
    const schedule = parseSchedule(expression);
    const snapshots = Array.from({ length: 60 }, (_, i) => of(`s${i}`, 3));
    let total = 0;
    // The first day also has the slot of the day before.
    for (let hour = 0; hour < 48; hour++) {
      for (const minutes of [0, 1]) {
        const now = new Date(Date.parse('2026-11-23T00:00:20Z') + (hour * 60 + minutes) * MINUTE_MS);
        const { waiting, capacity } = planDrills(snapshots, { running: [] }, { atOnce: 1, schedule }, now);
        for (const { id } of waiting.slice(0, capacity)) {
          if (hour >= 24) total++;
          const i = snapshots.findIndex((s) => s.id === id);
          // Each server boots for half a minute.
          snapshots[i] = { ...snapshots[i]!, proven: now, drilled: new Date(now.getTime() + 30_000) };
        }
      }
    }
    expect(total).toBe(count);
  });
});

const aSnapshot = fc
  .record({
    server: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    age: fc.integer({ min: -1, max: 20 }),
    state: fc.constantFrom(
      'good' as const,
      'good' as const,
      'good' as const,
      'pending' as const,
      'failed' as const,
    ),
    drilled: fc.option(fc.integer({ min: 0, max: 20 })),
    proven: fc.boolean(),
    volume: fc.boolean(),
  })
  .map(({ server: its, age, state, drilled, proven, volume }) =>
    of(its, age, {
      state,
      volumeSnapshots: volume ? ['v'] : [],
      ...(drilled === null ? {} : { drilled: nights(drilled), proven: proven ? nights(drilled) : undefined }),
    }),
  );

test('never more than atOnce, never two of a series, only good snapshots, and the longest untested first', async () => {
  await always(
    fc.property(
      fc.uniqueArray(aSnapshot, { selector: ({ id }) => id, maxLength: 25 }),
      fc.array(fc.integer({ min: 0, max: 600 }), { maxLength: 3 }),
      fc.integer({ min: 1, max: 4 }),
      (snapshots, minutes, atOnce) => {
        const running = minutes.map((ago, i) => server(snapshots[i]?.id ?? `gone${i}`, ago));
        const { waiting, capacity } = planDrills(snapshots, { running }, { atOnce, schedule: NIGHTLY }, NOW);
        const begin = waiting.slice(0, capacity);
        expect(begin.length + running.length).toBeLessThanOrEqual(Math.max(atOnce, running.length));
        const servers = begin.map((s) => s.server);
        expect(new Set(servers).size).toBe(servers.length);
        const lastMs = (its: string) =>
          Math.max(
            ...snapshots
              .filter((s) => s.server === its)
              .map(({ drilled }) => drilled?.getTime() ?? -Infinity),
          );
        for (const chosen of begin) {
          expect(chosen).toMatchObject({ state: 'good' });
          const series = snapshots.filter((s) => s.server === chosen.server);
          const newer = series.filter((s) => s.state === 'good' && s.slot <= NOW && s.slot > chosen.slot);
          expect(newer).toEqual([]);
          expect(running.some(({ image }) => series.some(({ id }) => id === image))).toBe(false);
        }
        const order = servers.map(lastMs);
        expect(order).toEqual(order.toSorted((a, b) => a - b));
        // Drills that more capacity would allow only come later.
        const all = planDrills(snapshots, { running }, { atOnce: 99, schedule: NIGHTLY }, NOW);
        expect(all.waiting).toEqual(waiting);
      },
    ),
    { pure: true },
  );
});

test('the youngest servers are the surplus', () => {
  const three = [server('b', 5), server('c', 1), server('a', 9)];
  expect(surplusOf(three, 2)).toEqual([server('c', 1)]);
  expect(surplusOf(three, 3)).toEqual([]);
  const twins = [server('b', 5), server('a', 5)];
  expect(surplusOf(twins, 1)).toEqual(surplusOf(twins.toReversed(), 1));
});

describe('the flavor', () => {
  const image = { id: 'i', minDiskGb: 20, minRamMb: 512 } as Image;
  const flavor = (id: string, ramMb: number, diskGb: number) => ({
    id,
    name: `${id} name`,
    ramMb,
    diskGb,
    hasDataDisks: false,
    mayBootVolume: true,
  });
  const flavors = [
    flavor('large', 4096, 80),
    flavor('bare', 512, 0),
    flavor('fit', 1024, 20),
    flavor('tiny', 256, 20),
  ];

  test.each([
    ['the smallest that fits, and that has a disk', undefined, flavors, 'fit'],
    ['without a disk of its own when there is no other', undefined, [flavor('bare', 512, 0)], 'bare'],
    ['as asked, by its id', 'large', flavors, 'large'],
    ['as asked, by its name', 'large name', flavors, 'large'],
  ])('%s: it is $3', (_, wanted, all, id) => {
    expect(drillFlavor(image, wanted, all)).toMatchObject({ id });
  });

  const LEAST = '20 GB of disk and 512 MB of memory';
  test.each([
    ['that is not there', 'huge', flavors, { code: 'DRILL_FLAVOR_UNKNOWN', flavor: 'huge' }],
    [
      'that is too small',
      'tiny',
      flavors,
      { code: 'DRILL_FLAVOR_TOO_SMALL', flavor: 'tiny name', image: 'i', least: LEAST },
    ],
    [
      'of which none is large enough',
      undefined,
      [flavor('tiny', 256, 20)],
      { code: 'DRILL_WITHOUT_FLAVOR', image: 'i', least: LEAST },
    ],
  ])('%s is refused, with a reason: $1', (_, wanted, all, problem) => {
    expect(drillFlavor(image, wanted, all)).toEqual(problem);
  });
});
