import type { Drill, Policy } from '../config/policy.ts';
import { intervalMs, type Schedule } from '../config/schedule.ts';
import { type Flavor, findFlavor, fits, fitting, leastOf } from '../openstack/flavors.ts';
import type { Image } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { hasPassed } from '../snapshots/retention.ts';
import type { DrillRecord } from './record.ts';
import type { ThrowAway } from './throw-away.ts';

const HOUR_MS = 3_600_000;

/** A policy that asks for drills. */
export type DrillPolicy = Policy & { drill: Drill };

/** Why a policy's drills can't be begun at a cloud; undefined when they can. */
export function problemWith({ networks }: Drill, provider: Session['provider']): Reason | undefined {
  return provider === 'rackspace' && networks.length === 0 ? { code: 'DRILL_WITHOUT_NETWORK' } : undefined;
}

/** A snapshot, with the drills that its image records. */
export interface Drillable extends Snapshot {
  records: readonly DrillRecord[];
  /** It may have been taken in a region that is not read: a drill of it may be at work there. */
  isElsewhere?: boolean;
}

/** What is to be tried next of a policy's series. */
export interface Turn<S extends Snapshot = Snapshot> {
  /** The newest good snapshots that may be booted, one a series, the one whose turn it is first. */
  waiting: S[];
  /** How many of them may be booted now. */
  places: number;
  /** Those that can't be tried, and why. */
  skip: { snapshot: S; reason: Reason }[];
}

/** The throw-away servers of a policy that a run has found. */
export interface Found {
  running: readonly ThrowAway[];
  /** Those that should have been gone long ago and do not go. They take up no place, and only their own image waits for them. */
  stuck?: readonly ThrowAway[];
  /**
   * Those that a drill may have made, although nothing proves it: only a person may delete them. They take up their
   * places for as long as they are there.
   */
  abandoned?: readonly ThrowAway[];
}

/** With that many servers that are stuck or abandoned no more are made: a cloud that deletes none would be filled. */
export const MOST_STUCK = 3;

/**
 * Decides which snapshots to boot now, of those of one policy: of series that no throw-away server is of, the newest good
 * one, unless it is proven already. The longest untested come first: those that never were tried, then by their last
 * verdict or attempt, so that one that can't be booted leaves the next turn to others.
 *
 * The schedule's slot allows `atOnce` of them: what was begun or judged since counts, so a run again begins no more.
 */
export function planDrills<S extends Drillable>(
  snapshots: readonly S[],
  { running: proven, stuck = [], abandoned = [] }: Found,
  { atOnce, schedule }: Pick<Drill, 'atOnce' | 'schedule'>,
  now: Date,
): Turn<S> {
  const running = [...proven, ...abandoned];
  const key = ({ region, id }: Snapshot) => `${region} ${id}`;
  const imageKeys = (servers: readonly ThrowAway[]) =>
    new Set(servers.map(({ region, image }) => `${region} ${image}`));
  const [tried, waitedFor] = [imageKeys(running), imageKeys(stuck)];
  const waiting = [...Map.groupBy(snapshots, ({ region, server }) => `${region} ${server}`).values()]
    .filter((series) => !series.some((snapshot) => tried.has(key(snapshot))))
    .flatMap((series) => {
      const good = series.filter(({ state, slot }) => state === 'good' && slot <= now).sort(byAge);
      const newest = good.at(-1);
      if (!newest || newest.isElsewhere || hasPassed(newest) || waitedFor.has(key(newest))) return [];
      const attempts = series
        .flatMap(({ drilled, records }) => [drilled, ...records.map(({ at }) => at)])
        .flatMap((at) => at?.getTime() ?? []);
      const lastMs = attempts.length > 0 ? Math.max(...attempts) : undefined;
      return [{ newest, lastMs, sinceMs: lastMs ?? good[0]!.slot.getTime() }];
    })
    .sort(
      (a, b) =>
        Number(a.lastMs !== undefined) - Number(b.lastMs !== undefined) ||
        a.sinceMs - b.sinceMs ||
        (a.newest.server < b.newest.server ? -1 : 1),
    )
    .map(({ newest }) => newest);
  const begun = begunInSlot(snapshots, [...running, ...stuck], schedule, now);
  const isFull = stuck.length + abandoned.length >= MOST_STUCK;
  const places = isFull ? 0 : Math.min(atOnce - running.length, atOnce - begun);
  return {
    waiting: waiting.filter((s) => !obstacleTo(s)),
    places: Math.max(0, places),
    skip: waiting.flatMap((snapshot) => {
      const reason = obstacleTo(snapshot);
      return reason ? [{ snapshot, reason }] : [];
    }),
  };
}

function byAge(a: Snapshot, b: Snapshot): number {
  return a.slot.getTime() - b.slot.getTime() || a.createdAt.getTime() - b.createdAt.getTime();
}

/** Why a snapshot is never booted; undefined when it can be. */
function obstacleTo({ volumeSnapshots }: Snapshot): Reason | undefined {
  return volumeSnapshots.length > 0 ? { code: 'DRILL_OF_VOLUMES' } : undefined;
}

/** Drills that were begun since then belong to the slot that a run at `now` is for; undefined before the first slot. */
export function slotBegin(schedule: Schedule, now: Date): Date | undefined {
  const slot = schedule.slot(now);
  if (!slot) return undefined;
  const everyMs = schedule.exact ? 0 : (intervalMs(schedule, now) ?? 0);
  // A rate counts from the drill before. Runs come hourly, and a verdict is some minutes later than its beginning.
  return new Date(slot.getTime() - Math.max(everyMs / 2, everyMs - HOUR_MS / 2));
}

/** How many drills belong to the slot that a run at `now` is for; all that there may be before the first slot. */
function begunInSlot(
  snapshots: readonly Drillable[],
  there: readonly ThrowAway[],
  schedule: Schedule,
  now: Date,
): number {
  const since = slotBegin(schedule, now);
  if (!since) return Infinity;
  const begun = [
    ...there.map(({ image, createdAt }) => ({ image, at: createdAt })),
    ...snapshots.flatMap(({ id, drilled, records }) => [
      { image: id, at: drilled },
      // A drill whose verdict could not be written was begun all the same. One whose server was refused was not.
      ...records.filter(({ server }) => server !== undefined).map(({ at }) => ({ image: id, at })),
    ]),
  ];
  return new Set(begun.filter(({ at }) => at && at >= since).map(({ image }) => image)).size;
}

/** Those that are too many when more than `atOnce` are there, because two runs have begun some at the same moment. */
export function surplusOf(running: readonly ThrowAway[], atOnce: number): ThrowAway[] {
  return [...running]
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1))
    .slice(atOnce);
}

/**
 * The flavor for a throw-away server: the one that is asked for, or else the smallest that fits. One without a disk of
 * its own is the last choice: clouds may refuse it without a volume.
 *
 * @returns what is wrong where there is none.
 */
export function flavorFor(
  image: Image,
  wanted: string | undefined,
  flavors: readonly Flavor[],
): Flavor | Reason {
  if (wanted !== undefined) {
    const found = findFlavor(flavors, wanted);
    if (!found) return { code: 'DRILL_FLAVOR_UNKNOWN', flavor: wanted };
    return fits(image, found)
      ? found
      : { code: 'DRILL_FLAVOR_TOO_SMALL', flavor: found.name, image: image.id, least: leastOf(image) };
  }
  const all = fitting(image, flavors);
  return (
    all.find(({ diskGb }) => diskGb > 0) ??
    all[0] ?? { code: 'DRILL_WITHOUT_FLAVOR', image: image.id, least: leastOf(image) }
  );
}
