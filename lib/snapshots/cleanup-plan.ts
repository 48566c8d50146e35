import { ADHOC } from '../config/adhoc-event.ts';
import type { Policy } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { usedByVolumes } from '../volumes/in-use.ts';
import type { VolumeReader } from '../volumes/marker.ts';
import { backlogWarnings, doubleSlotWarnings, snapshotWarnings } from './cleanup-warnings.ts';
import { inUseIn } from './in-use.ts';
import { planOrphan } from './orphan-plan.ts';
import type { Reader } from './ownership.ts';
import type { RegionInventory } from './region-inventory.ts';
import { type Decision, retain, retainAdhoc } from './retention.ts';
import { selectsServer } from './selector.ts';
import { lastNameIn, newestOf, type PlanItem, type RegionPlan } from './series-plan.ts';
import { setsToLookAt } from './sets-to-look-at.ts';
import { isSnapshot, type Snapshot } from './snapshot.ts';
import { keepWholeSets } from './whole-sets.ts';

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
  const warnOf = (...reasons: Reason[]) => {
    warnings.push(...reasons.map((reason) => ({ ...reason, region })));
  };
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
    warnOf({ code: 'POLICY_NOT_DEPLOYED', policy: name, count: its.length, bytes });
  }

  const serverOf = new Map(servers.map((server) => [server.id, server]));
  const { only } = policy.servers;
  const isPlanned = (s: Snapshot) => !only || selectsServer(only, s.server, serverOf.get(s.server));
  const volumeOf = new Map(volumes.map((volume) => [volume.id, volume]));
  const serverWith = (volume: string): Server | undefined =>
    volumeOf
      .get(volume)
      ?.attachments.map(({ serverId }) => serverOf.get(serverId))
      .find((one) => one !== undefined) ?? servers.find(({ volumeIds }) => volumeIds.includes(volume));
  // The snapshots of a volume have the name of the volume, not of the server.
  const imagesOf = Map.groupBy(
    ours.filter(({ volume }) => volume === undefined),
    ({ server }) => server,
  );
  // All of a server's sets count, also if a run is for another server of a shared volume.
  const series = [...Map.groupBy(ours, seriesKey).values()].map((snapshots) => {
    const warn = snapshots.some(isPlanned) ? warnOf : () => {};
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
    if (name === ADHOC) {
      // An end is that of the set, also if the volume was detached from its server since.
      const items = snapshots.map((s) =>
        itemOf(retainAdhoc(s, snapshots, now), server ?? serverOf.get(s.server)),
      );
      return { ...plan, items };
    }
    if (server) {
      const decisions = retain(snapshots, policy.keep, { now, timezone: policy.timezone });
      return { ...plan, items: decisions.map((decision) => itemOf(decision, server)) };
    }
    const isGone = volume === undefined ? goneEverywhere.has(id) : goneVolumes.has(volume);
    const { items, floor } = planOrphan(snapshots, policy, now, { isGone, isVolume: volume !== undefined });
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
  warnOf(...foreign);
  const inUse = inUseIn({ servers, images }, policy, now);
  const imageOf = new Map(images.map((image) => [image.id, image]));
  const used = usedByVolumes(volumes, now);
  const keptIfInUse = (item: PlanItem): PlanItem => {
    const image = item.action === 'keep' ? undefined : imageOf.get(item.snapshot.id);
    const reason = used.get(item.snapshot.id) ?? (image && inUse(image));
    return reason ? { ...item, action: 'keep', reasons: [reason] } : item;
  };
  const free = series.map((plan) => ({ ...plan, items: plan.items.map(keptIfInUse) }));
  const whole = keepWholeSets(free, policy, now);
  const limited = whole.flatMap((plan) => {
    const items = plan.items.filter(({ snapshot }) => isPlanned(snapshot));
    return items.length === 0 ? [] : [{ ...plan, items: limitDeletions(items, policy.maxDeletes) }];
  });
  for (const plan of limited) warnOf(...backlogWarnings(plan, policy, now));
  return {
    region,
    series: limited,
    inUse,
    setsOf: setsToLookAt(whole, policy.policy),
    warnings,
  };
}

/** The snapshots of a server, or of a volume whatever server it is attached to. */
function seriesKey({ policy, server, volume }: Snapshot): string {
  return volume === undefined ? `${policy} server ${server}` : `${policy} volume ${volume}`;
}

function itemOf({ snapshot, keep, reasons }: Decision, server: Server | undefined): PlanItem {
  if (keep) return { snapshot, action: 'keep', reasons };
  return server
    ? { snapshot, action: 'delete', reasons }
    : { snapshot, action: 'keep', reasons: [{ code: 'SERVER_ELSEWHERE_KEPT' }] };
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
