import { isoSeconds } from '../config/dates.ts';
import { ADHOC, type Policy } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import type { Finding, Reason, ReasonCode } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { usedByVolumes } from '../volumes/in-use.ts';
import type { VolumeReader } from '../volumes/marker.ts';
import { isStuckCreating, snapshotId } from '../volumes/plan.ts';
import { setOf } from '../volumes/set.ts';
import { type InUse, inUseIn } from './in-use.ts';
import { isSnapshot, isStuck, isTakenAgain, type Snapshot, serverNameIn } from './marker.ts';
import type { Reader } from './ownership.ts';
import type { RegionInventory } from './region-inventory.ts';
import { type Decision, endOf, heldBecause, retain, retainAdhoc } from './retention.ts';
import { selectsServer } from './selector.ts';

/** A snapshot in a plan: it is kept, deleted in this run, or deferred to a later run. */
export interface PlanItem {
  snapshot: Snapshot;
  action: 'keep' | 'delete' | 'defer';
  reasons: Reason[];
  /**
   * The snapshot is kept, but does not count as one of the `floor`, because its ownership can't be
   * proven.
   */
  uncounted?: true;
}

/**
 * What a cleanup does with each snapshot of one server, or of one volume of it, under one policy in
 * one region.
 */
export interface SeriesPlan {
  server: string;
  /** For the snapshots of a volume. The name is the volume's id if it has none. */
  volume?: { id: string; name: string };
  /** For a server that is not here, the name that its newest image has; empty without an image. */
  name: string;
  region: string;
  policy: string;
  /** The minimum number of good snapshots that every deletion must leave. */
  floor: number;
  /** Newest first. */
  items: PlanItem[];
  /** The server is not here, or the volume is attached to no server here. */
  isOrphaned?: true;
}

export interface RegionPlan {
  region: string;
  series: SeriesPlan[];
  /**
   * Why a drill or a restore still needs an image. The cleanup calls it again right before each
   * deletion.
   */
  inUse: InUse;
  warnings: Finding[];
}

/**
 * Plans the cleanup of one completely listed region: for each snapshot of `policy` and each ad-hoc
 * snapshot, whether it is kept, deleted or deferred. The whole series of a deleted server is kept,
 * unless the policy has `orphans`. If the event names some servers of the policy, only their series
 * are planned.
 *
 * @param run its `goneEverywhere` are the ids of servers that no region of the account has.
 *   `orphans` applies to the series of these servers only. Its `readVolume` reads the markers of
 *   volume snapshots, which otherwise are in no series.
 */
export function planCleanup(
  {
    region,
    servers,
    images,
    volumes,
    volumeSnapshots,
    goneVolumes,
  }: Omit<RegionInventory, 'gone' | 'doubts'>,
  policy: Policy,
  read: Reader,
  {
    now,
    policies,
    goneEverywhere = new Set(),
    readVolume = () => undefined,
  }: Pick<Run, 'now' | 'policies'> & { goneEverywhere?: ReadonlySet<string>; readVolume?: VolumeReader },
): RegionPlan {
  const warnings: Finding[] = [];
  const warn = (...reasons: Reason[]) => warnings.push(...reasons.map((reason) => ({ ...reason, region })));
  const foreign: Reason[] = [];
  const ours: Snapshot[] = [];
  const withoutPolicy: Snapshot[] = [];
  const found = [...images.map((image) => read(image, volumeSnapshots)), ...volumeSnapshots.map(readVolume)];
  for (const snapshot of found) {
    if (!isSnapshot(snapshot)) {
      if (snapshot) foreign.push({ code: 'IMAGE_SUSPECT', problem: snapshot.problem });
    } else if (snapshot.policy === policy.policy || snapshot.policy === ADHOC) ours.push(snapshot);
    else if (policies?.every(({ policy: other }) => other !== snapshot.policy)) {
      withoutPolicy.push(snapshot);
    }
  }
  for (const [name, its] of Map.groupBy(withoutPolicy, (snapshot) => snapshot.policy)) {
    const bytes = its.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    warn({ code: 'POLICY_NOT_DEPLOYED', policy: name, count: its.length, bytes });
  }

  const serverOf = new Map(servers.map((server) => [server.id, server]));
  const { only } = policy.servers;
  const planned = ours.filter((s) => !only || selectsServer(only, s.server, serverOf.get(s.server)));
  const volumeOf = new Map(volumes.map((volume) => [volume.id, volume]));
  const serverWith = (volume: string): Server | undefined =>
    volumeOf
      .get(volume)
      ?.attachments.map(({ serverId }) => serverOf.get(serverId))
      .find((one) => one !== undefined) ?? servers.find(({ volumeIds }) => volumeIds.includes(volume));
  // The snapshots of a volume have the name of the volume, not of the server.
  const imagesOf = Map.groupBy(
    planned.filter(({ volume }) => volume === undefined),
    ({ server }) => server,
  );
  const series = [...Map.groupBy(planned, seriesKey).values()].map((snapshots) => {
    const { server: taken, volume, policy: name } = newestOf(snapshots);
    // The series of a volume is that of a server as long as the volume is attached to one.
    const server = volume === undefined ? serverOf.get(taken) : serverWith(volume);
    const id = server?.id ?? taken;
    for (const s of snapshots) warn(...snapshotWarnings(s, snapshots, server, now));
    if (name !== ADHOC) warn(...doubleSlotWarnings(snapshots, server));
    const adopted = snapshots.filter((s) => s.adopted).length;
    if (adopted > 0) warn({ code: 'ADOPTED', count: adopted, name: server?.name ?? id });
    const named = volume === undefined ? snapshots : imagesOf.get(taken);
    const serverName = server?.name ?? serverOf.get(taken)?.name ?? (named ? lastNameIn(named) : '');
    const volumeName = volume === undefined ? '' : volumeOf.get(volume)?.name || lastNameIn(snapshots);
    const plan = {
      ...{ server: id, name: serverName, region, policy: name, floor: policy.keep.atLeast },
      ...(volume === undefined ? {} : { volume: { id: volume, name: volumeName || volume } }),
    };
    if (name === ADHOC) return { ...plan, items: snapshots.map((s) => itemOf(retainAdhoc(s, now), server)) };
    if (server) {
      const decisions = retain(snapshots, policy.keep, { now, timezone: policy.timezone });
      return { ...plan, items: decisions.map((decision) => itemOf(decision, server)) };
    }
    const isGone = volume === undefined ? goneEverywhere.has(id) : goneVolumes.has(volume);
    const { items, floor } = planOrphan(snapshots, policy, now, isGone);
    const isOrphaned = true as const;
    const kept = items.filter(({ action }) => action === 'keep').length;
    const gone = { server: id, name: serverName, policy: name };
    if (volume !== undefined) {
      const of = { volume, name: volumeName || volume, policy: name, count: items.length };
      warn(
        isGone
          ? { code: 'SERIES_OF_GONE_VOLUME', ...of, kept }
          : { code: 'SERIES_OF_DETACHED_VOLUME', ...of },
      );
      return { ...plan, floor, items, isOrphaned };
    }
    warn(
      isGone
        ? { code: 'SERIES_OF_GONE_SERVER', ...gone, count: items.length, kept }
        : { code: 'SERIES_OF_SERVER_ELSEWHERE', ...gone, count: items.length },
    );
    return { ...plan, floor, items, isOrphaned };
  });
  // These warnings come last, because there may be many.
  warn(...foreign);
  const inUse = inUseIn({ servers, images }, policy, now);
  const imageOf = new Map(images.map((image) => [image.id, image]));
  const used = usedByVolumes(volumes, now);
  const keptIfInUse = (item: PlanItem): PlanItem => {
    const image = item.action === 'keep' ? undefined : imageOf.get(item.snapshot.id);
    const reason = used.get(item.snapshot.id) ?? (image && inUse(image));
    return reason ? { ...item, action: 'keep', reasons: [reason] } : item;
  };
  const free = series.map((plan) => ({ ...plan, items: plan.items.map(keptIfInUse) }));
  const limited = keepWholeSets(free, policy, now).map((plan) => ({
    ...plan,
    items: limitDeletions(plan.items, policy.maxDeletes),
  }));
  for (const plan of limited) warn(...rotationBehindWarnings(plan, policy.maxDeletes));
  return {
    region,
    series: limited,
    inUse,
    warnings,
  };
}

/**
 * Keeps each good snapshot of which another part of the same set stays: one that is held or in use,
 * or, while the server is here, one that is good or not finished. And keeps the complete sets that the rules of the
 * policy keep among them. Otherwise, if the parts of different sets failed, the last complete set
 * would be deleted, because each series has a newer good snapshot.
 */
function keepWholeSets(series: readonly SeriesPlan[], policy: Policy, now: Date): readonly SeriesPlan[] {
  // Large fleets without volumes need no sets.
  if (series.every(({ volume }) => volume === undefined)) return series;
  const keptIn = new Map<string, (SeriesPlan | undefined)[]>();
  for (const set of completeSets(series, policy, now)) keptIn.set(set, [undefined]);
  for (const plan of series) {
    for (const { snapshot, action, reasons } of plan.items) {
      const isPinned = reasons.some(({ code }) => PINNING.includes(code));
      const isOrBecomesGood = snapshot.state === 'good' || snapshot.state === 'pending';
      if (action !== 'keep' || !(isPinned || (isOrBecomesGood && !plan.isOrphaned))) continue;
      const set = setOf(snapshot);
      keptIn.set(set, [...(keptIn.get(set) ?? []), plan]);
    }
  }
  return series.map((plan) => ({
    ...plan,
    items: plan.items.map((item): PlanItem => {
      const { snapshot, action } = item;
      const others = keptIn.get(setOf(snapshot))?.filter((one) => one !== plan);
      if (action === 'keep' || snapshot.state !== 'good' || !others?.length) return item;
      const part = others.find((one) => one !== undefined);
      const reason: Reason = part
        ? { code: 'SET_KEPT', part: part.volume?.name }
        : { code: 'COMPLETE_SET_KEPT' };
      return { ...item, action: 'keep', reasons: [reason] };
    }),
  }));
}

/**
 * The sets of servers with volumes that are complete, that is, have a good snapshot in each series
 * of the server, and that the rules keep if only such sets count.
 */
function completeSets(series: readonly SeriesPlan[], policy: Policy, now: Date): string[] {
  const here = series.filter((plan) => plan.policy === policy.policy && !plan.isOrphaned);
  return [...Map.groupBy(here, ({ server }) => server).values()].flatMap((plans) => {
    const [first, ...others] = plans.map(({ items }) =>
      items.map(({ snapshot }) => snapshot).filter(({ state }) => state === 'good'),
    );
    if (!first || others.length === 0) return [];
    const sets = others.map((its) => new Set(its.map(setOf)));
    const complete = first.filter((snapshot) => sets.every((its) => its.has(setOf(snapshot))));
    return retain(complete, policy.keep, { now, timezone: policy.timezone }).flatMap(({ snapshot, keep }) =>
      keep ? [setOf(snapshot)] : [],
    );
  });
}

/** The reasons of a hold, and of the use by a restore or a drill. */
const PINNING: readonly ReasonCode[] = [
  ...(['HELD', 'HELD_UNTIL', 'PROTECTED'] as const),
  ...(['RESTORED_AS_NEW', 'RESTORED_IN_PLACE', 'VOLUME_FILLING', 'SERVER_BUILDING'] as const),
  ...(['DRILL_RUNNING', 'DRILL_OF_SLOT'] as const),
];

/** The snapshots of a server, or of a volume whatever server it is attached to. */
function seriesKey({ policy, server, volume }: Snapshot): string {
  return volume === undefined ? `${policy} server ${server}` : `${policy} volume ${volume}`;
}

function newestOf(snapshots: readonly Snapshot[]): Snapshot {
  return snapshots.toSorted((a, b) => b.slot.getTime() - a.slot.getTime())[0]!;
}

/** The name of the server or the volume when the newest of its snapshots was taken. */
function lastNameIn(snapshots: readonly Snapshot[]): string {
  return serverNameIn(newestOf(snapshots));
}

/** The minimum number of good snapshots that stay of a deleted server. */
export function orphanFloor({ keep, orphans }: Pick<Policy, 'keep' | 'orphans'>): number {
  return Math.max(orphans?.keep ?? 0, keep.atLeast);
}

/**
 * Plans the series of a server that is not in this region. The whole series is kept, unless the
 * server is gone and the series' newest good snapshot is older than `orphans.after`. Then the
 * newest `orphans.keep` snapshots are kept.
 */
function planOrphan(
  snapshots: Snapshot[],
  policy: Policy,
  now: Date,
  isGone: boolean,
): Pick<SeriesPlan, 'items' | 'floor'> {
  const { keep, orphans, timezone } = policy;
  const floor = orphanFloor(policy);
  const newestMs = Math.max(
    ...snapshots.filter(({ state }) => state === 'good').map(({ slot }) => slot.getTime()),
  );
  // Without a good snapshot, the newest time is minus infinity.
  const shrinks = isGone && orphans && Number.isFinite(newestMs) && now.getTime() - newestMs >= orphans.after;
  if (!shrinks) {
    const items = retain(snapshots, keep, { now, timezone }).map(
      ({ snapshot, keep: kept, reasons }): PlanItem => {
        return {
          snapshot,
          action: 'keep',
          reasons: kept ? reasons : [{ code: isGone ? 'SERVER_GONE' : 'SERVER_ELSEWHERE' }],
        };
      },
    );
    return { items, floor };
  }
  // The ownership of an image with volume snapshots can only be proven while its server exists:
  // anyone who creates a server from one of our volume snapshots can make an image that looks the
  // same.
  const isProvable = ({ volumeSnapshots }: Snapshot) => volumeSnapshots.length === 0;
  const decisions = retain(snapshots.filter(isProvable), { last: floor, atLeast: floor }, { now, timezone });
  const provable = decisions.map(
    ({ snapshot, keep: kept, reasons }): PlanItem =>
      kept
        ? { snapshot, action: 'keep', reasons }
        : { snapshot, action: 'delete', reasons: [{ code: 'ORPHAN', keep: floor }] },
  );
  const others = snapshots
    .filter((snapshot) => !isProvable(snapshot))
    .map(
      (snapshot): PlanItem => ({
        snapshot,
        action: 'keep',
        reasons: [{ code: 'ORPHAN_UNPROVABLE' }],
        uncounted: true,
      }),
    );
  const bySlot = (a: PlanItem, b: PlanItem) => b.snapshot.slot.getTime() - a.snapshot.slot.getTime();
  return { items: [...provable, ...others].sort(bySlot), floor };
}

/**
 * The warnings about a single snapshot: stuck, failed, not deletable, exposed, or dated in the
 * future.
 */
function snapshotWarnings(
  s: Snapshot,
  series: readonly Snapshot[],
  server: Server | undefined,
  now: Date,
): Reason[] {
  const which = { ...snapshotId(s), of: server?.name ?? s.server };
  const warnings: Reason[] = [];
  const stuck = s.volume === undefined ? isStuck(s, server?.taskState ?? null, now) : isStuckCreating(s, now);
  if (stuck) {
    const serverIs = server ? 'idle' : 'not here';
    const since = isoSeconds(s.createdAt);
    warnings.push({ code: 'IMAGE_STUCK', ...which, status: s.status, since, serverIs });
  }
  if (s.policy !== ADHOC && s.state === 'failed' && heldBecause(s, now)) {
    const isProtected = s.hold === 'protected';
    warnings.push({ code: 'FAILED_IMAGE_HELD', ...which, status: s.status, isProtected });
  }
  if (s.policy === ADHOC && s.state === 'failed' && !isTakenAgain(s, series)) {
    const end = endOf(s);
    const until = end && server ? { until: isoSeconds(end) } : {};
    warnings.push({ code: 'ADHOC_SNAPSHOT_FAILED', ...which, status: s.status, ...until });
  }
  if (s.status === 'error_deleting') {
    warnings.push({ code: 'NOT_DELETABLE', ...which, reasons: [{ code: 'DELETION_FAILED' }] });
  }
  if (s.exposure) warnings.push({ code: 'IMAGE_EXPOSED', ...which, exposure: s.exposure });
  if (s.slot > now) warnings.push({ code: 'IMAGE_IN_FUTURE', ...which, slot: isoSeconds(s.slot) });
  return warnings;
}

/**
 * The warnings about slots with several good snapshots. Two concurrent runs can take a slot twice,
 * if the cloud does not refuse the second request as busy.
 */
function doubleSlotWarnings(snapshots: Snapshot[], server: Server | undefined): Reason[] {
  const good = snapshots.filter(({ state, adopted }) => state === 'good' && !adopted);
  return [...Map.groupBy(good, ({ slot }) => isoSeconds(slot))]
    .filter(([, same]) => same.length > 1)
    .map(([slot, same]) => ({
      code: 'SLOT_TAKEN_TWICE',
      of: server?.name ?? same[0]!.server,
      slot,
      images: same.map(({ id }) => id),
    }));
}

function itemOf({ snapshot, keep, reasons }: Decision, server: Server | undefined): PlanItem {
  if (keep) return { snapshot, action: 'keep', reasons };
  return server
    ? { snapshot, action: 'delete', reasons }
    : { snapshot, action: 'keep', reasons: [{ code: 'SERVER_ELSEWHERE_KEPT' }] };
}

/**
 * The warning about a series with more deferred deletions than one run may make: the series grows,
 * or takes many runs to shrink.
 */
function rotationBehindWarnings(plan: SeriesPlan, most: number): Reason[] {
  const { policy, items } = plan;
  const deferred = items.filter(({ action }) => action === 'defer').length;
  return deferred > most ? [{ code: 'ROTATION_BEHIND', of: nameOfSeries(plan), policy, deferred, most }] : [];
}

/** "db", or "db, volume db-data". */
export function nameOfSeries({
  server,
  name,
  volume,
}: Pick<SeriesPlan, 'server' | 'name' | 'volume'>): string {
  return `${name || server}${volume ? `, volume ${volume.name}` : ''}`;
}

/**
 * Defers the deletions above `maxDeletes` to a later run. The oldest snapshots are deleted first.
 * `items` are newest first.
 */
function limitDeletions(items: PlanItem[], maxDeletes: number): PlanItem[] {
  const allowed = new Set(items.filter(({ action }) => action === 'delete').slice(-maxDeletes));
  return items.map((item) =>
    item.action !== 'delete' || allowed.has(item)
      ? item
      : {
          ...item,
          action: 'defer',
          reasons: [...item.reasons, { code: 'MAX_DELETES', most: maxDeletes }],
        },
  );
}
