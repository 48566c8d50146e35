import { HOUR_MS } from '../config/dates.ts';
import type { Drill, Policy } from '../config/policy.ts';
import { intervalMs, type Schedule } from '../config/schedule.ts';
import { type Flavor, findFlavor, fits, fitting, leastOf } from '../openstack/flavors.ts';
import type { Image } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { hasPassed } from '../snapshots/retention.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { DrillRecord } from './record.ts';
import type { ThrowAway } from './throw-away.ts';

/** A policy with the field `drill`. */
export type DrillPolicy = Policy & { drill: Drill };

/** Why the drills of a policy can't run on a cloud; undefined when they can. */
export function drillProblem({ networks }: Drill, provider: Session['provider']): Reason | undefined {
  return provider === 'rackspace' && networks.length === 0 ? { code: 'DRILL_WITHOUT_NETWORK' } : undefined;
}

/** A snapshot with the drill records of its image. */
export interface Drillable extends Snapshot {
  records: readonly DrillRecord[];
  /**
   * Whether the snapshot may have been taken in a region that was not read. A drill of the snapshot
   * may be running there.
   */
  isElsewhere?: boolean;
  /**
   * Whether the policy perhaps does not select the server now: then no drill boots a copy of it.
   */
  isUnselected?: boolean;
  /** Why the snapshot can't be booted now. */
  obstacle?: Reason;
}

/** The drills of a policy that a run may begin now. */
export interface DrillPlan<S extends Snapshot = Snapshot> {
  /**
   * The newest good snapshot of each series, if it may be booted, in the order in which to boot
   * them.
   */
  waiting: S[];
  /** How many of the waiting snapshots may be booted now. */
  capacity: number;
  /** The snapshots that can't be booted, and why. */
  skip: { snapshot: S; reason: Reason }[];
}

/** A drill that has begun: when, and of which image or volume snapshot. */
export type BegunDrill = Pick<ThrowAway, 'region' | 'image' | 'createdAt'>;

/** The throw-away servers of a policy that exist now, and the drills that have only volumes yet. */
export interface ExistingServers {
  running: readonly BegunDrill[];
  /**
   * Servers whose deletion is overdue. They do not count towards `atOnce`; only the drills of their
   * own images wait until they are deleted.
   */
  stuck?: readonly BegunDrill[];
  /**
   * Servers that a drill may have made, although nothing proves it: only a person may delete them.
   * They count towards `atOnce` as long as they exist.
   */
  abandoned?: readonly BegunDrill[];
}

/**
 * With this many stuck or abandoned servers no more servers are created: otherwise a cloud that
 * deletes no servers would fill up with them.
 */
export const MOST_STUCK = 3;

/**
 * Decides which snapshots of one policy to boot now: the newest good snapshot of each series that
 * has no throw-away server, unless that snapshot has already passed a drill, or the policy perhaps
 * does not select its server any more. Series without any
 * attempt come first, then the series with the oldest attempt or verdict, so that a snapshot that
 * can't be booted does not block other series.
 *
 * Each slot of the schedule allows `atOnce` drills. Drills that were begun or judged in the slot
 * count, so that a second run in the same slot begins no more drills. A run that somebody asked for
 * by hand (`isByHand`) may begin `atOnce` drills at any time.
 */
export function planDrills<S extends Drillable>(
  snapshots: readonly S[],
  { running: proven, stuck = [], abandoned = [] }: ExistingServers,
  { atOnce, schedule, isByHand = false }: Pick<Drill, 'atOnce' | 'schedule'> & { isByHand?: boolean },
  now: Date,
): DrillPlan<S> {
  const running = [...proven, ...abandoned];
  const key = ({ region, id }: Snapshot) => `${region} ${id}`;
  const imageKeys = (servers: readonly BegunDrill[]) =>
    new Set(servers.map(({ region, image }) => `${region} ${image}`));
  const [tried, waitedFor] = [imageKeys(running), imageKeys(stuck)];
  const waiting = [...Map.groupBy(snapshots, ({ region, server }) => `${region} ${server}`).values()]
    .filter((series) => !series.some((snapshot) => tried.has(key(snapshot))))
    .flatMap((series) => {
      const good = series.filter(({ state, slot }) => state === 'good' && slot <= now).sort(byAge);
      const newest = good.at(-1);
      if (!newest || newest.isElsewhere || newest.isUnselected) return [];
      if (hasPassed(newest) || waitedFor.has(key(newest))) return [];
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
  const begun = isByHand ? 0 : begunInSlot(snapshots, [...running, ...stuck], schedule, now);
  const isFull = stuck.length + abandoned.length >= MOST_STUCK;
  const capacity = isFull ? 0 : Math.min(atOnce - running.length, atOnce - begun);
  return {
    waiting: waiting.filter(({ obstacle }) => !obstacle),
    capacity: Math.max(0, capacity),
    skip: waiting.flatMap((snapshot) => (snapshot.obstacle ? [{ snapshot, reason: snapshot.obstacle }] : [])),
  };
}

function byAge(a: Snapshot, b: Snapshot): number {
  return a.slot.getTime() - b.slot.getTime() || a.createdAt.getTime() - b.createdAt.getTime();
}

/**
 * The start of the current slot. Drills that were begun since then count towards the slot.
 * Undefined before the first slot.
 */
export function slotBegin(schedule: Schedule, now: Date): Date | undefined {
  const slot = schedule.slot(now);
  if (!slot) return undefined;
  const everyMs = schedule.exact ? 0 : (intervalMs(schedule, now) ?? 0);
  // For a rate, the slot starts an interval before now, less half an hour: runs are hourly, and a
  // verdict is written some minutes after its drill began.
  return new Date(slot.getTime() - Math.max(everyMs / 2, everyMs - HOUR_MS / 2));
}

/**
 * How many drills were begun in the current slot; Infinity before the first slot, so that no drill
 * begins.
 */
function begunInSlot(
  snapshots: readonly Drillable[],
  existing: readonly BegunDrill[],
  schedule: Schedule,
  now: Date,
): number {
  const since = slotBegin(schedule, now);
  if (!since) return Infinity;
  const begun = [
    ...existing.map(({ image, createdAt }) => ({ image, at: createdAt })),
    ...snapshots.flatMap(({ id, drilled, records }) => [
      { image: id, at: drilled },
      // A record with a server id counts even without a verdict. A record without a server id
      // belongs to a request that the cloud refused.
      ...records.filter(({ server }) => server !== undefined).map(({ at }) => ({ image: id, at })),
    ]),
  ];
  return new Set(begun.filter(({ at }) => at && at >= since).map(({ image }) => image)).size;
}

/**
 * The youngest servers beyond `atOnce`. There are too many servers when two runs began drills at
 * the same moment.
 */
export function surplusOf(running: readonly ThrowAway[], atOnce: number): ThrowAway[] {
  return [...running]
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1))
    .slice(atOnce);
}

/**
 * The flavor for a throw-away server: the flavor that the policy names, or by default the smallest
 * flavor that is large enough. A flavor without a local disk is the last choice, because a cloud
 * may refuse to boot it without a volume.
 *
 * A server that boots from a volume needs no local disk, but, at Rackspace, a flavor that allows
 * it.
 *
 * @returns the flavor, or the reason why there is none.
 */
export function drillFlavor(
  source: Image,
  wanted: string | undefined,
  known: readonly Flavor[],
  isOnVolume = false,
): Flavor | Reason {
  const image = isOnVolume ? { ...source, minDiskGb: 0, sizeBytes: 0 } : source;
  const flavors = isOnVolume ? known.filter(({ mayBootVolume }) => mayBootVolume) : known;
  if (wanted !== undefined) {
    const found = findFlavor(flavors, wanted);
    if (!found) return { code: 'DRILL_FLAVOR_UNKNOWN', flavor: wanted };
    return fits(image, found)
      ? found
      : { code: 'DRILL_FLAVOR_TOO_SMALL', flavor: found.name, image: image.id, least: leastOf(image) };
  }
  const all = fitting(image, flavors);
  return (
    (isOnVolume ? undefined : all.find(({ diskGb }) => diskGb > 0)) ??
    all[0] ?? { code: 'DRILL_WITHOUT_FLAVOR', image: image.id, least: leastOf(image) }
  );
}
