import pMap from 'p-map';
import { type Reader, readerOf } from './belonging.ts';
import { isoSeconds } from './dates.ts';
import { type InUse, inUseIn } from './in-use.ts';
import { isStuck, type Snapshot } from './marker.ts';
import type { Server } from './openstack/compute.ts';
import { isCloudError } from './openstack/errors.ts';
import { listImages } from './openstack/images.ts';
import { spreadUnderLimits } from './openstack/rates.ts';
import type { Session } from './openstack/session.ts';
import { ADHOC, type Policy } from './policy.ts';
import { type Entry, finishReport, type Report, type SnapshotLine, worst } from './report.ts';
import { type Decision, exposedBecause, retain, retainAdhoc } from './retention.ts';
import { confirm, leftForTime, lineOf, rotate } from './rotation.ts';
import type { Run } from './run.ts';
import { meansServer, selectServers } from './selection.ts';
import { goneEverywhere, type RegionSurvey, survey } from './survey.ts';

/** One snapshot in a plan: kept, to be deleted now, or left to a later run. */
export interface Item {
  snapshot: Snapshot;
  fate: 'keep' | 'delete' | 'defer';
  reasons: string[];
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
  warnings: string[];
}

/**
 * Decides, for one completely listed region, what is to become of each snapshot of `policy`, and of the ad-hoc
 * snapshots. A server that is gone keeps its whole series, unless the policy's `orphans` shrinks it. Where the policy is
 * narrowed to some servers, only the series of these are planned.
 *
 * @param run its `goneEverywhere` are the servers that no region of the account has: only their series are shrunk.
 */
export function planCleanup(
  { region, servers, images, volumeSnapshots }: Omit<RegionSurvey, 'gone' | 'doubts'>,
  policy: Policy,
  read: Reader,
  {
    now,
    policies,
    goneEverywhere = new Set(),
  }: Pick<Run, 'now' | 'policies'> & { goneEverywhere?: ReadonlySet<string> },
): RegionPlan {
  const warnings: string[] = [];
  const warn = (...lines: string[]) => warnings.push(...lines.map((line) => `${region}: ${line}`));
  const foreign: string[] = [];
  const ours: Snapshot[] = [];
  const ofNoPolicy = new Map<string, number>();
  for (const image of images) {
    const snapshot = read(image, volumeSnapshots);
    if (typeof snapshot === 'string') foreign.push(`${snapshot}: it is kept and not counted`);
    else if (snapshot?.policy === policy.policy || snapshot?.policy === ADHOC) ours.push(snapshot);
    else if (snapshot && policies?.every(({ policy: other }) => other !== snapshot.policy)) {
      ofNoPolicy.set(snapshot.policy, (ofNoPolicy.get(snapshot.policy) ?? 0) + 1);
    }
  }
  for (const [name, count] of ofNoPolicy) {
    warn(`the policy ${name} is no longer configured: its ${count} snapshots are all kept`);
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
    if (adopted > 0) warn(`${adopted} images of ${server?.name} made by autosnap.py are adopted`);
    const plan = { server: id, name: server?.name ?? '', region, policy: name, floor: policy.keep.atLeast };
    if (name === ADHOC) return { ...plan, items: snapshots.map((s) => itemOf(retainAdhoc(s, now), server)) };
    if (server) {
      const decisions = retain(snapshots, policy.keep, { now, timezone: policy.timezone });
      return { ...plan, items: decisions.map((decision) => itemOf(decision, server)) };
    }
    const isGone = goneEverywhere.has(id);
    const { items, floor } = planOrphan(snapshots, policy, now, isGone);
    const kept = items.filter(({ fate }) => fate === 'keep').length;
    warn(
      isGone
        ? `server ${id} is gone: of its ${items.length} ${name} snapshots ${kept} are kept`
        : `server ${id} is not in this region: its ${items.length} ${name} snapshots are all kept`,
    );
    return { ...plan, floor, items };
  });
  // Last, because there may be many.
  warn(...foreign);
  const inUse = inUseIn({ servers, images }, policy, now);
  const imageOf = new Map(images.map((image) => [image.id, image]));
  const unlessInUse = (item: Item): Item => {
    const image = item.fate === 'keep' ? undefined : imageOf.get(item.snapshot.id);
    const reason = image && inUse(image);
    return reason ? { ...item, fate: 'keep', reasons: [reason] } : item;
  };
  return {
    region,
    series: series.map((plan) => ({
      ...plan,
      items: limitDeletes(plan.items.map(unlessInUse), policy.maxDeletes),
    })),
    inUse,
    warnings,
  };
}

/** The series of a server that is gone: kept whole, or shrunk to `keep` once its newest good one is old enough. */
function planOrphan(
  snapshots: Snapshot[],
  { keep, orphans, timezone }: Policy,
  now: Date,
  isGone: boolean,
): Pick<SeriesPlan, 'items' | 'floor'> {
  const floor = Math.max(orphans?.keep ?? 0, keep.atLeast);
  const newestMs = Math.max(
    ...snapshots.filter(({ state }) => state === 'good').map(({ slot }) => slot.getTime()),
  );
  // Without a good one this is minus infinity, which is no age.
  const shrinks = isGone && orphans && Number.isFinite(newestMs) && now.getTime() - newestMs >= orphans.after;
  const decisions = retain(snapshots, shrinks ? { last: floor, atLeast: floor } : keep, { now, timezone });
  const items = decisions.map((decision): Item => {
    const { snapshot, keep: kept, reasons } = decision;
    if (kept) return { snapshot, fate: 'keep', reasons };
    if (!shrinks) return { snapshot, fate: 'keep', reasons: [isGone ? KEPT_WHOLE : NOT_HERE] };
    return snapshot.volumeSnapshots.length === 0
      ? { snapshot, fate: 'delete', reasons: [`its server is gone, and orphans keeps ${floor}`] }
      : { snapshot, fate: 'keep', reasons: [NOT_PROVABLE] };
  });
  return { items, floor };
}

const KEPT_WHOLE = 'its server is gone: the series is kept whole';
const NOT_PROVABLE =
  'its server is gone, so nothing shows any more whose volume snapshots it names: orphans does not apply';
const NOT_HERE = 'its server is not in this region: the series is kept whole';

/** What an operator should know of a snapshot, beyond what becomes of it. */
function oddities(s: Snapshot, server: Server | undefined, now: Date): string[] {
  const image = `image ${s.id} of ${server?.name ?? s.server}`;
  return [
    ...(isStuck(s, server?.taskState ?? null, now)
      ? [
          `${image} is ${s.status} since ${isoSeconds(s.createdAt)} and its server is ${server ? 'idle' : 'not here'}: it will never finish; delete it`,
        ]
      : []),
    ...(s.exposure ? [`${image} counts, and ${exposedBecause(s)}`] : []),
    ...(s.slot > now
      ? [`${image} is dated in the future (${isoSeconds(s.slot)}): it is kept and not counted`]
      : []),
  ];
}

/** Slots that two runs at once have taken twice, which nothing can prevent where the cloud is never busy. */
function doubles(snapshots: Snapshot[], server: Server | undefined): string[] {
  const good = snapshots.filter(({ state, adopted }) => state === 'good' && !adopted);
  return [...Map.groupBy(good, ({ slot }) => isoSeconds(slot))]
    .filter(([, same]) => same.length > 1)
    .map(([slot, same]) => {
      const ids = same.map(({ id }) => id).join(', ');
      return `${server?.name ?? same[0]!.server} has ${same.length} snapshots of ${slot}, which count as one: ${ids}`;
    });
}

function itemOf({ snapshot, keep, reasons }: Decision, server: Server | undefined): Item {
  if (keep) return { snapshot, fate: 'keep', reasons };
  return server
    ? { snapshot, fate: 'delete', reasons }
    : { snapshot, fate: 'keep', reasons: ['its server is not in this region: it is kept'] };
}

/** The oldest first; what is over the limit waits. `items` are newest first. */
function limitDeletes(items: Item[], maxDeletes: number): Item[] {
  const allowed = new Set(items.filter(({ fate }) => fate === 'delete').slice(-maxDeletes));
  return items.map((item) =>
    item.fate !== 'delete' || allowed.has(item)
      ? item
      : {
          ...item,
          fate: 'defer',
          reasons: [...item.reasons, `more than ${maxDeletes} (maxDeletes) in one run`],
        },
  );
}

/**
 * Rotates the snapshots of a policy: plans from complete listings, deletes one by one with a last look at each, and
 * lists again to report only what is really gone. With `dryRun` it plans and stops.
 *
 * @throws {Refusal} when the policy names a region that the account lacks.
 */
export async function cleanUp(session: Session, policy: Policy, run: Run): Promise<Report> {
  const { owner, now } = run;
  const { plans, strangers, unreadable, doubts, warnings, reserveMs } = await planRegions(
    session,
    policy,
    run,
  );

  const failures = [
    ...strangers,
    ...unreadable.map(
      ({ region, problem }) => `${region} can't be read, so nothing is deleted there: ${problem}`,
    ),
    ...doubts.map((problem) => `whether a server is gone can't be told, so its snapshots stay: ${problem}`),
  ];
  const entries: Entry[] = [];
  const items = plans.flatMap(({ plan }) => plan.series.flatMap((series) => series.items));
  const toDelete = items.filter(({ fate }) => fate === 'delete').map(({ snapshot }) => snapshot);
  if (!policy.dryRun) await spreadUnderLimits(session, toDelete);
  await pMap(plans, async ({ read, plan }) => {
    warnings.push(...plan.warnings);
    if (policy.dryRun) {
      entries.push(
        ...plan.series.map((series) =>
          entryOf(
            series,
            series.items.map((item) => lineOf(item)),
          ),
        ),
      );
      return;
    }
    const results = await rotate(session, plan.series, {
      read,
      inUse: plan.inUse,
      owner,
      now,
      reserveMs,
    });
    const confirmed = await confirm(session, plan.region, results);
    failures.push(...confirmed.failures);
    warnings.unshift(...confirmed.warnings);
    entries.push(...confirmed.results.map((result) => entryOf(result.plan, result.lines)));
  });
  const left = leftForTime(entries.flatMap((e) => e.snapshots ?? []));

  return finishReport({
    job: 'cleanup',
    policy: policy.policy,
    owner,
    account: policy.account,
    dryRun: policy.dryRun,
    failures,
    unreadable,
    ...(left > 0 ? { left: { outOfTime: `${left} snapshots are left` } } : {}),
    warnings,
    nothingSelected: false,
    entries,
  });
}

/** Lists and plans; of the listings only what is ours outlives it. */
async function planRegions(session: Session, policy: Policy, run: Run) {
  const { owner, policies } = run;
  const startedMs = performance.now();
  const { regions, unreadable } = await survey(session, policy.regions, { owner });
  // The listing at the end takes as long as the one at the start: deletions stop early enough for it.
  const reserveMs = 2 * (performance.now() - startedMs);
  const [certain, doubtful] = [true, false].map((wanted) =>
    regions.filter(({ doubts }) => (doubts.length === 0) === wanted),
  ) as [RegionSurvey[], RegionSurvey[]];
  for (const { region, doubts } of doubtful) unreadable.push({ region, problem: doubts[0]! });
  const here = new Set(regions.flatMap(({ servers }) => servers.map(({ id }) => id)));
  const { gone, doubts } = await goneEverywhere(
    session,
    policy.orphans ? missingFrom(certain, policy).difference(here) : [],
  );
  const { newer, unread } = await unlistedOf(session, gone.size > 0 ? certain : []);
  for (const server of newer) gone.delete(server);
  if (unread.length > 0) gone.clear();
  doubts.push(...unread);
  const adopting = policies?.filter((one) => one.adopt).map((one) => one.policy) ?? [];
  const isAlone = adopting.every((name) => name === policy.policy);
  const planRegion = (surveyed: RegionSurvey) => {
    const adopt = isAlone ? policy.adopt : undefined;
    const read = readerOf(surveyed, { ...policy, adopt }, { owner, projectId: session.projectId, policies });
    return { read, plan: planCleanup(surveyed, policy, read, { ...run, goneEverywhere: gone }) };
  };
  const plans = certain.map(planRegion);
  const warnings =
    policy.adopt && !isAlone
      ? [
          `adopt: the policies ${[...new Set(adopting)].join(', ')} adopt the images of autosnap.py, and would rotate each other's: none of these images is touched until only one does`,
        ]
      : [];
  const strangers = unreadable.length > 0 ? [] : strangersIn(certain, policy, plans);
  return { plans, strangers, unreadable, doubts, warnings, reserveMs };
}

/** What a run by hand names and the policy has not: neither does it select such a server, nor has it snapshots of one. */
function strangersIn(
  regions: readonly RegionSurvey[],
  { policy, servers: { only, ...selector } }: Policy,
  plans: readonly { plan: RegionPlan }[],
): string[] {
  if (!only) return [];
  const servers = regions.flatMap((one) => one.servers);
  const withSeries = new Set(plans.flatMap(({ plan }) => plan.series.map(({ server }) => server)));
  const selected = new Set(selectServers(servers, selector).servers);
  const its = servers.filter((server) => selected.has(server) || withSeries.has(server.id));
  const { missingIds, unmatched } = selectServers(its, only);
  return [...missingIds.filter((id) => !withSeries.has(id)).map((id) => `ids "${id}"`), ...unmatched].map(
    (what) => `servers.${what} is no server of the policy ${policy}: nothing is deleted for it`,
  );
}

/**
 * The servers that images are marked with which the listing of a survey has left out, and another one has not: without
 * its newest snapshot, the series of a server that is gone would seem older than it is, and shrink too early.
 */
async function unlistedOf(session: Session, regions: readonly RegionSurvey[]) {
  const newer = new Set<string>();
  const unread: string[] = [];
  const listed = new Set(regions.flatMap(({ images }) => images.map(({ id }) => id)));
  await pMap(regions, async ({ region }) => {
    try {
      for (const { id, properties } of await listImages(session, region)) {
        if (!listed.has(id) && properties.autosnap_server) newer.add(properties.autosnap_server);
      }
    } catch (error) {
      if (!isCloudError(error)) throw error;
      unread.push(error.message);
    }
  });
  return { newer, unread };
}

/** The servers of a policy's snapshots that are not in the snapshots' region. */
function missingFrom(regions: readonly RegionSurvey[], { policy }: Policy): Set<string> {
  const named = regions.flatMap(({ images, gone }) =>
    images.flatMap(({ properties: { autosnap_policy, autosnap_server: server = '' } }) =>
      autosnap_policy === policy && gone.has(server) ? [server] : [],
    ),
  );
  return new Set(named);
}

function entryOf({ server, name, region, policy }: SeriesPlan, snapshots: SnapshotLine[]): Entry {
  return { server, name, region, policy, outcome: worst(snapshots.map(({ outcome }) => outcome)), snapshots };
}
