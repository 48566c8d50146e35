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

/** Why a policy's drills can't run on a cloud; undefined when they can. */
export function problemWith({ networks }: Drill, provider: Session['provider']): Reason | undefined {
  return provider === 'rackspace' && networks.length === 0 ? { code: 'DRILL_WITHOUT_NETWORK' } : undefined;
}

/** A snapshot with the drill records of its image. */
export interface Drillable extends Snapshot {
  records: readonly DrillRecord[];
  /**
   * The snapshot may have been taken in a region that was not read, where a drill of it may be
   * running.
   */
  isElsewhere?: boolean;
}

/** The snapshots of a policy to boot next. */
export interface Turn<S extends Snapshot = Snapshot> {
  /** The newest good snapshot of each series, if it may be booted, in the order of their turns. */
  waiting: S[];
  /** How many snapshots may be booted now. */
  places: number;
  /** The snapshots that can't be booted, and why. */
  skip: { snapshot: S; reason: Reason }[];
}

/** The throw-away servers of a policy that a run has found. */
export interface Found {
  running: readonly ThrowAway[];
  /**
   * Servers whose deletion is overdue. They take up no place; only the drills of their own images
   * wait for them.
   */
  stuck?: readonly ThrowAway[];
  /**
   * Servers that a drill may have made, although nothing proves it: only a person may delete them.
   * They take up places for as long as they exist.
   */
  abandoned?: readonly ThrowAway[];
}

/**
 * With that many stuck or abandoned servers no more are created: otherwise they would fill a cloud
 * that deletes none.
 */
export const MOST_STUCK = 3;

/**
 * Decides which snapshots of one policy to boot now: the newest good snapshot of each series that
 * has no throw-away server, unless that snapshot has passed a drill already. The series that were
 * untested the longest come first: those without any attempt, then by the last verdict or attempt,
 * so that a snapshot that can't be booted does not block others.
 *
 * Each slot of the schedule allows `atOnce` drills. Drills that were begun or judged in the slot
 * count, so a second run in the same slot begins no more.
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

/** Why a snapshot can never be booted; undefined when it can. */
function obstacleTo({ volumeSnapshots }: Snapshot): Reason | undefined {
  return volumeSnapshots.length > 0 ? { code: 'DRILL_OF_VOLUMES' } : undefined;
}

/**
 * The beginning of the current slot: drills that were begun since then belong to it. Undefined
 * before the first slot.
 */
export function slotBegin(schedule: Schedule, now: Date): Date | undefined {
  const slot = schedule.slot(now);
  if (!slot) return undefined;
  const everyMs = schedule.exact ? 0 : (intervalMs(schedule, now) ?? 0);
  // A rate counts from the previous drill. Runs come hourly, and a verdict follows some minutes
  // after the beginning.
  return new Date(slot.getTime() - Math.max(everyMs / 2, everyMs - HOUR_MS / 2));
}

/**
 * How many drills were begun in the current slot; Infinity before the first slot, so that no drill
 * begins.
 */
function begunInSlot(
  snapshots: readonly Drillable[],
  existing: readonly ThrowAway[],
  schedule: Schedule,
  now: Date,
): number {
  const since = slotBegin(schedule, now);
  if (!since) return Infinity;
  const begun = [
    ...existing.map(({ image, createdAt }) => ({ image, at: createdAt })),
    ...snapshots.flatMap(({ id, drilled, records }) => [
      { image: id, at: drilled },
      // A record with a server counts even without a verdict. A record without one is of a refused
      // request.
      ...records.filter(({ server }) => server !== undefined).map(({ at }) => ({ image: id, at })),
    ]),
  ];
  return new Set(begun.filter(({ at }) => at && at >= since).map(({ image }) => image)).size;
}

/**
 * The youngest servers beyond `atOnce`: there are too many when two runs began drills at the same
 * moment.
 */
export function surplusOf(running: readonly ThrowAway[], atOnce: number): ThrowAway[] {
  return [...running]
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1))
    .slice(atOnce);
}

/**
 * The flavor for a throw-away server: the `wanted` one, or by default the smallest that fits. A
 * flavor without a local disk is the last choice, because clouds may refuse it without a volume.
 *
 * @returns the flavor, or the reason why there is none.
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
