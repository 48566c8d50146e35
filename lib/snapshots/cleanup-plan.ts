import { isoSeconds } from '../config/dates.ts';
import { ADHOC, type Policy } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { type InUse, inUseIn } from './in-use.ts';
import { isSnapshot, isStuck, type Snapshot } from './marker.ts';
import type { Reader } from './ownership.ts';
import type { RegionInventory } from './region-inventory.ts';
import { type Decision, endOf, retain, retainAdhoc } from './retention.ts';
import { meansServer } from './selector.ts';

/** One snapshot in a plan: kept, to be deleted now, or left to a later run. */
export interface Item {
  snapshot: Snapshot;
  action: 'keep' | 'delete' | 'defer';
  reasons: Reason[];
  /** It stays, and stands for no other: nothing shows whose it is. */
  uncounted?: true;
}

/** What is to become of the snapshots of one server under one policy in one region. */
export interface SeriesPlan {
  server: string;
  /** Empty when the server is gone. */
  name: string;
  region: string;
  policy: string;
  /** Good snapshots that stay, whatever else is decided. */
  floor: number;
  /** Newest first. */
  items: Item[];
}

export interface RegionPlan {
  region: string;
  series: SeriesPlan[];
  /** What a drill or a restore still needs; asked again right before each deletion. */
  inUse: InUse;
  warnings: Finding[];
}

/**
 * Decides, for one completely listed region, what is to become of each snapshot of `policy`, and of
 * the ad-hoc snapshots. A server that is gone keeps its whole series, unless the policy's `orphans`
 * shrinks it. Where the policy is narrowed to some servers, only the series of these are planned.
 *
 * @param run its `goneEverywhere` are the servers that no region of the account has: only their
 *   series are shrunk.
 */
export function planCleanup(
  { region, servers, images, volumeSnapshots }: Omit<RegionInventory, 'gone' | 'doubts'>,
  policy: Policy,
  read: Reader,
  {
    now,
    policies,
    goneEverywhere = new Set(),
  }: Pick<Run, 'now' | 'policies'> & { goneEverywhere?: ReadonlySet<string> },
): RegionPlan {
  const warnings: Finding[] = [];
  const warn = (...reasons: Reason[]) => warnings.push(...reasons.map((reason) => ({ ...reason, region })));
  const foreign: Reason[] = [];
  const ours: Snapshot[] = [];
  const ofNoPolicy: Snapshot[] = [];
  for (const image of images) {
    const snapshot = read(image, volumeSnapshots);
    if (!isSnapshot(snapshot)) {
      if (snapshot) foreign.push({ code: 'IMAGE_SUSPECT', problem: snapshot.problem });
    } else if (snapshot.policy === policy.policy || snapshot.policy === ADHOC) ours.push(snapshot);
    else if (policies?.every(({ policy: other }) => other !== snapshot.policy)) {
      ofNoPolicy.push(snapshot);
    }
  }
  for (const [name, its] of Map.groupBy(ofNoPolicy, (snapshot) => snapshot.policy)) {
    const bytes = its.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    warn({ code: 'POLICY_NOT_DEPLOYED', policy: name, count: its.length, bytes });
  }

  const serverOf = new Map(servers.map((server) => [server.id, server]));
  const { only } = policy.servers;
  const meant = ours.filter((s) => !only || meansServer(only, s.server, serverOf.get(s.server)));
  const series = [...Map.groupBy(meant, (s) => `${s.policy} ${s.server}`).values()].map((snapshots) => {
    const { server: id, policy: name } = snapshots[0]!;
    const server = serverOf.get(id);
    for (const s of snapshots) warn(...oddities(s, server, now));
    if (name !== ADHOC) warn(...doubles(snapshots, server));
    const adopted = snapshots.filter((s) => s.adopted).length;
    if (adopted > 0) warn({ code: 'ADOPTED', count: adopted, name: server?.name ?? id });
    const plan = { server: id, name: server?.name ?? '', region, policy: name, floor: policy.keep.atLeast };
    if (name === ADHOC) return { ...plan, items: snapshots.map((s) => itemOf(retainAdhoc(s, now), server)) };
    if (server) {
      const decisions = retain(snapshots, policy.keep, { now, timezone: policy.timezone });
      return { ...plan, items: decisions.map((decision) => itemOf(decision, server)) };
    }
    const isGone = goneEverywhere.has(id);
    const { items, floor } = planOrphan(snapshots, policy, now, isGone);
    const kept = items.filter(({ action }) => action === 'keep').length;
    warn(
      isGone
        ? { code: 'SERIES_OF_GONE_SERVER', server: id, policy: name, count: items.length, kept }
        : { code: 'SERIES_OF_SERVER_ELSEWHERE', server: id, policy: name, count: items.length },
    );
    return { ...plan, floor, items };
  });
  // Last, because there may be many.
  warn(...foreign);
  const inUse = inUseIn({ servers, images }, policy, now);
  const imageOf = new Map(images.map((image) => [image.id, image]));
  const unlessInUse = (item: Item): Item => {
    const image = item.action === 'keep' ? undefined : imageOf.get(item.snapshot.id);
    const reason = image && inUse(image);
    return reason ? { ...item, action: 'keep', reasons: [reason] } : item;
  };
  const limited = series.map((plan) => ({
    ...plan,
    items: limitDeletes(plan.items.map(unlessInUse), policy.maxDeletes),
  }));
  for (const plan of limited) warn(...lagging(plan, policy.maxDeletes));
  return {
    region,
    series: limited,
    inUse,
    warnings,
  };
}

/** How many good snapshots of a server that is gone stay in any case. */
export function orphanFloor({ keep, orphans }: Pick<Policy, 'keep' | 'orphans'>): number {
  return Math.max(orphans?.keep ?? 0, keep.atLeast);
}

/**
 * The series of a server that is gone: kept whole, or shrunk to `keep` once its newest good one is
 * old enough.
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
  // Without a good one this is minus infinity, which is no age.
  const shrinks = isGone && orphans && Number.isFinite(newestMs) && now.getTime() - newestMs >= orphans.after;
  if (!shrinks) {
    const items = retain(snapshots, keep, { now, timezone }).map(
      ({ snapshot, keep: kept, reasons }): Item => {
        return {
          snapshot,
          action: 'keep',
          reasons: kept ? reasons : [{ code: isGone ? 'SERVER_GONE' : 'SERVER_ELSEWHERE' }],
        };
      },
    );
    return { items, floor };
  }
  // Whoever makes a volume of a volume snapshot, and an image of a server on that, can make it look
  // like one of these.
  const isProvable = ({ volumeSnapshots }: Snapshot) => volumeSnapshots.length === 0;
  const decisions = retain(snapshots.filter(isProvable), { last: floor, atLeast: floor }, { now, timezone });
  const provable = decisions.map(
    ({ snapshot, keep: kept, reasons }): Item =>
      kept
        ? { snapshot, action: 'keep', reasons }
        : { snapshot, action: 'delete', reasons: [{ code: 'ORPHAN', keep: floor }] },
  );
  const others = snapshots
    .filter((snapshot) => !isProvable(snapshot))
    .map(
      (snapshot): Item => ({
        snapshot,
        action: 'keep',
        reasons: [{ code: 'ORPHAN_UNPROVABLE' }],
        uncounted: true,
      }),
    );
  const bySlot = (a: Item, b: Item) => b.snapshot.slot.getTime() - a.snapshot.slot.getTime();
  return { items: [...provable, ...others].sort(bySlot), floor };
}

/** What an operator should know of a snapshot, beyond what becomes of it. */
function oddities(s: Snapshot, server: Server | undefined, now: Date): Reason[] {
  const which = { image: s.id, of: server?.name ?? s.server };
  const odd: Reason[] = [];
  if (isStuck(s, server?.taskState ?? null, now)) {
    const serverIs = server ? 'idle' : 'not here';
    const since = isoSeconds(s.createdAt);
    odd.push({ code: 'IMAGE_STUCK', ...which, status: s.status, since, serverIs });
  }
  if (s.policy === ADHOC && s.state === 'failed') {
    const end = endOf(s);
    const until = end && server ? { until: isoSeconds(end) } : {};
    odd.push({ code: 'ADHOC_SNAPSHOT_FAILED', ...which, status: s.status, ...until });
  }
  if (s.exposure) odd.push({ code: 'IMAGE_EXPOSED', ...which, exposure: s.exposure });
  if (s.slot > now) odd.push({ code: 'IMAGE_IN_FUTURE', ...which, slot: isoSeconds(s.slot) });
  return odd;
}

/**
 * Slots that two runs at once have taken twice, which nothing can prevent where the cloud is never
 * busy.
 */
function doubles(snapshots: Snapshot[], server: Server | undefined): Reason[] {
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

function itemOf({ snapshot, keep, reasons }: Decision, server: Server | undefined): Item {
  if (keep) return { snapshot, action: 'keep', reasons };
  return server
    ? { snapshot, action: 'delete', reasons }
    : { snapshot, action: 'keep', reasons: [{ code: 'SERVER_ELSEWHERE_KEPT' }] };
}

/**
 * Whether more waits for a later run than one may delete: then the series grows, or takes many runs
 * to shrink.
 */
function lagging({ server, name, policy, items }: SeriesPlan, most: number): Reason[] {
  const deferred = items.filter(({ action }) => action === 'defer').length;
  return deferred > most ? [{ code: 'ROTATION_BEHIND', of: name || server, policy, deferred, most }] : [];
}

/** The oldest first; what is over the limit waits. `items` are newest first. */
function limitDeletes(items: Item[], maxDeletes: number): Item[] {
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
