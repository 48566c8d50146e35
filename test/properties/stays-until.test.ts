import fc from 'fast-check';
import { expect, test } from 'vitest';
import { protectionOf } from '../../lib/audit/protection.ts';
import { isoSeconds } from '../../lib/config/dates.ts';
import { type Policy, parsePolicy } from '../../lib/config/policy.ts';
import { intervalMs, type Schedule } from '../../lib/config/schedule.ts';
import type { Server } from '../../lib/openstack/compute.ts';
import type { Image } from '../../lib/openstack/images.ts';
import { planCleanup } from '../../lib/snapshots/cleanup-plan.ts';
import { verdictMarks } from '../../lib/snapshots/drill-marks.ts';
import { markerOf, nameEnding } from '../../lib/snapshots/marker.ts';
import { readerOf } from '../../lib/snapshots/ownership.ts';
import { isSnapshot } from '../../lib/snapshots/snapshot.ts';
import { policy } from '../harness.ts';
import { aRegion, image, server } from '../snapshots.ts';
import { always } from './always.ts';
import { keepEvents, NOW, timezones } from './worlds.ts';

// "Stays until" is simulated forward with the plan of the real cleanup, at the moments that are the
// worst for a snapshot: as soon as a new one is there, one in progress ends, a hold ends.

const HOUR_MS = 3_600_000;
const OWNER = 'autosnap-test';
/** How many runs are simulated. */
const RUNS_AHEAD = 30;

const SCHEDULES = [
  'cron(0 0 * * ? *)',
  'cron(0 0/6 * * ? *)',
  'cron(0 8-17 ? * MON-FRI *)',
  'cron(0 3 ? * SUN *)',
  'cron(0 0 1 * ? *)',
  'cron(0 0 1-28 11 ? 2026)',
  'rate(8 hours)',
  'rate(1 day)',
  'rate(3 days)',
];
const mostly = <T>(usual: T, ...others: T[]) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

const pasts = fc.array(
  fc.record({
    /** How many runs ago, from the one before. */
    runs: mostly(1, 2, 9),
    /** A retry took it so much later: a part of half an interval. */
    retried: mostly(0, 0.3, 0.9),
    status: mostly('active', 'killed', 'saving', 'deactivated'),
    holdDays: mostly(0, -3, 2, 9, 40, Number.POSITIVE_INFINITY),
    verdict: mostly<boolean | undefined>(undefined, true, false),
    visibility: mostly<'private' | 'shared'>('private', 'shared'),
  }),
  { maxLength: 24, size: 'max' },
);

const worlds = fc.record({
  policy: fc
    .record({
      schedule: fc.constantFrom(...SCHEDULES),
      keep: keepEvents,
      timezone: timezones,
      orphans: fc.record({ after: fc.constantFrom('2d', '30d'), keep: fc.constantFrom(1, 3) }),
    })
    .map((changes) => parsePolicy(policy({ ...changes, maxDeletes: 100 }))),
  past: pasts,
  server: mostly('selected', 'deselected', 'gone'),
  /** Hours from the last run of a rate to now, as a part of its interval. */
  phase: fc.constantFrom(0, 0.2, 0.7),
  future: fc.infiniteStream(
    fc.record({ fails: mostly(false, true), ends: mostly(true, false), proves: mostly(false, true) }),
  ),
});

/** The times of a schedule before now, newest first, and those after it; of a rate by its phase. */
function timesOf(
  schedule: Schedule,
  phase: number,
): { before(runs: number): Date | undefined; after: Iterable<Date> } {
  if (!schedule.exact) {
    const everyMs = intervalMs(schedule, NOW)!;
    const at = (runs: number) => new Date(NOW.getTime() + (runs - phase) * everyMs);
    return {
      before: (runs) => at(-runs),
      after: Array.from({ length: RUNS_AHEAD }, (_, i) => at(i + 1)),
    };
  }
  const after: Date[] = [];
  for (let at = schedule.next(NOW); at && after.length < RUNS_AHEAD; at = schedule.next(at)) after.push(at);
  return {
    before(runs) {
      let at = schedule.slot(NOW);
      for (let i = 0; at && i < runs; i += 1) at = schedule.slot(new Date(at.getTime() - 1000));
      return at;
    },
    after,
  };
}

function imageAt(slot: Date, id: string, changes: Partial<Image>, more: Record<string, string> = {}): Image {
  const marker = { owner: OWNER, policy: 'daily', server: 's', slot };
  return image({
    id,
    name: `web${nameEnding('daily', slot)}`,
    owner: 'p',
    createdAt: slot,
    properties: { ...markerOf(marker), instance_uuid: 's', ...more },
    ...changes,
  });
}

type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never;

/** The images of a series at {@link NOW}. */
function imagesOf({ past, policy: { schedule }, phase }: World): Image[] {
  const times = timesOf(schedule, phase);
  const everyMs = intervalMs(schedule, NOW) ?? 0;
  let runs = -1;
  return past.flatMap(({ runs: more, retried, status, holdDays, verdict, visibility }, i) => {
    runs += more;
    const fired = times.before(runs);
    if (!fired) return [];
    const shiftMs = schedule.exact ? 0 : Math.round((retried * everyMs) / 2 / 1000) * 1000;
    const slot = new Date(Math.min(fired.getTime() + shiftMs, NOW.getTime()));
    const id = `image-${i}`;
    const until = new Date(NOW.getTime() + holdDays * 24 * HOUR_MS);
    const hold = holdDays === 0 ? 'none' : Number.isFinite(holdDays) ? isoSeconds(until) : 'forever';
    const drilledAt = new Date(Math.min(slot.getTime() + HOUR_MS, NOW.getTime()));
    const marks = verdict === undefined ? [] : verdictMarks(id, verdict, drilledAt);
    return imageAt(
      slot,
      id,
      { status, visibility, sizeBytes: status === 'saving' ? undefined : 2e9 },
      { autosnap_hold: hold, ...Object.fromEntries(marks) },
    );
  });
}

/** A series that the real cleanup rotates. */
function simulation(world: World) {
  const { policy: rules } = world;
  const servers: Server[] =
    world.server === 'gone' ? [] : [server({ createdAt: new Date(0), taskState: 'image_uploading' })];
  const gone = new Set(world.server === 'gone' ? ['s'] : []);
  const run = { owner: OWNER, projectId: 'p', goneEverywhere: gone, policies: [rules] };
  const asked: Policy = world.server === 'deselected' ? { ...rules, servers: { names: ['other'] } } : rules;
  const region = (images: Image[]) => aRegion({ servers, images, gone });
  return {
    audit: (images: Image[]) => protectionOf(region(images), asked, { ...run, now: NOW, adhoc: false }),
    /** The ids that a cleanup deletes. */
    cleanup(images: Image[], now: Date): Set<string> {
      const read = readerOf(region(images), asked, run);
      const { series } = planCleanup(region(images), asked, read, { ...run, now });
      const items = series.flatMap((one) => one.items).filter(({ action }) => action === 'delete');
      return new Set(items.map(({ snapshot }) => snapshot.id));
    },
    isCovered(images: Image[], at: Date): boolean {
      const read = readerOf(region(images), asked, run);
      return images
        .map((one) => read(one, []))
        .filter(isSnapshot)
        .some(({ state, slot }) => state !== 'failed' && asked.schedule.covers(slot, at));
    },
  };
}

/** Image id -> when a cleanup deletes it, as time goes on. */
function deletionsOf(world: World): Map<string, Date> {
  const { policy: rules, phase, past } = world;
  const future = world.future[Symbol.iterator]();
  const next = () => future.next().value!;
  const { cleanup, isCovered } = simulation(world);
  const deleted = new Map<string, Date>();
  let images = imagesOf(world);
  const rotate = (now: Date) => {
    const gone = cleanup(images, now);
    for (const id of gone) deleted.set(id, now);
    images = images.filter(({ id }) => !gone.has(id));
  };
  const step = (now: Date) => {
    // Those in progress end one way or the other, when nobody knows.
    images = images.map((one) =>
      one.status === 'saving' && next().ends
        ? { ...one, status: next().fails ? 'killed' : 'active', sizeBytes: 2e9 }
        : one,
    );
    const newest = images.find(({ status }) => status === 'active');
    if (newest && next().proves) {
      const marks = Object.fromEntries(verdictMarks(newest.id, true, now));
      images = images.map((one) =>
        one === newest ? { ...one, properties: { ...one.properties, ...marks } } : one,
      );
    }
    rotate(now);
  };
  const runs = world.server === 'selected' ? [...timesOf(rules.schedule, phase).after] : [];
  const end = runs.at(-1)?.getTime() ?? NOW.getTime() + 60 * 24 * HOUR_MS;
  const changes = [
    ...past.map(({ holdDays }) => NOW.getTime() + holdDays * 24 * HOUR_MS),
    ...images.flatMap(({ createdAt }) =>
      [24 * HOUR_MS, 48 * HOUR_MS, 30 * 24 * HOUR_MS].map((ms) => createdAt.getTime() + ms),
    ),
  ].filter((ms) => ms > NOW.getTime() && ms <= end);
  const times = [...new Set([NOW.getTime(), ...changes, ...runs.map((at) => at.getTime())])];
  for (const ms of times.sort((a, b) => a - b)) {
    const now = new Date(ms);
    const isRun = runs.some((at) => at.getTime() === ms);
    if (isRun && !isCovered(images, now) && !next().fails)
      images = [imageAt(now, `new-${isoSeconds(now)}`, {}), ...images];
    step(now);
  }
  return deleted;
}

test('property: no cleanup deletes a snapshot earlier than the audit says', () =>
  always(
    fc.property(worlds, (world) => {
      const { series } = simulation(world).audit(imagesOf(world));
      const shown = new Map(series.flatMap(({ snapshots }) => snapshots.map((s) => [s.image, s])));
      for (const [id, at] of deletionsOf(world)) {
        const said = shown.get(id);
        if (said?.action !== 'keep') continue;
        expect(said.expiresAt, `${id} goes ${isoSeconds(at)}`).toBeDefined();
        expect(
          said.expiresAt! <= isoSeconds(at),
          `${id} goes ${isoSeconds(at)}, said ${said.expiresAt}`,
        ).toBe(true);
      }
    }),
    { slow: true },
  ));

test('property: where all succeeds, each goes just when the audit says', () =>
  always(
    fc.property(worlds, (world) => {
      const calm: World = {
        ...world,
        past: world.past.map((one) => ({ ...one, status: one.status === 'saving' ? 'active' : one.status })),
        future: fc.stream(
          (function* () {
            for (;;) yield { fails: false, ends: true, proves: false };
          })(),
        ),
      };
      const { series } = simulation(calm).audit(imagesOf(calm));
      const deleted = deletionsOf(calm);
      const last = [...deleted.values()].at(-1) ?? NOW;
      for (const said of series.flatMap(({ snapshots }) => snapshots)) {
        if (said.action !== 'keep' || said.condition) continue;
        const at = deleted.get(said.image);
        if (at || (said.expiresAt && said.expiresAt <= isoSeconds(last))) {
          expect(said.expiresAt, said.image).toBe(at && isoSeconds(at));
        }
      }
    }),
    { slow: true },
  ));
