import pMap from 'p-map';
import { HOUR_MS } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import { intervalMs } from '../config/schedule.ts';
import { ValidationError } from '../config/validation-error.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { spreadUnderLimits } from '../openstack/rate-limits.ts';
import type { Session } from '../openstack/session.ts';
import { finishReport } from '../reporting/finish-report.ts';
import { type Finding, type Reason, unreadableRegions } from '../reporting/reasons.ts';
import { type Entry, type Report, type SnapshotLine, worst } from '../reporting/report.ts';
import type { Run } from '../runtime/run.ts';
import { volumeReaderOf } from '../volumes/marker.ts';
import { planCleanup } from './cleanup-plan.ts';
import { confirm } from './confirm-deletions.ts';
import { rotate } from './delete.ts';
import { homesOf } from './home-region.ts';
import { listInventory } from './inventory.ts';
import { readerOf } from './ownership.ts';
import { predictDeletions } from './predict-deletions.ts';
import { type RegionInventory, unreadableVolumes } from './region-inventory.ts';
import { roundRobin } from './round-robin.ts';
import { listedTwice, serversOfUnlistedImages, withoutUnlistedVolumes } from './second-listing.ts';
import { selectServers } from './selector.ts';
import type { RegionPlan, SeriesPlan } from './series-plan.ts';
import { countDeadlineDeferred, snapshotLine } from './snapshot-line.ts';
import { goneEverywhere } from './unlisted.ts';
import { hasSets } from './whole-sets.ts';

/**
 * Rotates the snapshots of a policy: plans from complete listings, reads each image again right
 * before its deletion, and lists the images again to report only confirmed deletions. A dry run
 * only plans.
 *
 * @throws {ValidationError} when the policy names a region that the account lacks, because the rest
 *   of the policy may be wrong too.
 */
export async function cleanUp(session: Session, policy: Policy, run: Run): Promise<Report> {
  const { owner, now } = run;
  const { plans, notInPolicy, unreadable, doubts, warnings, reserveMs, readVolume, volumesUnread } =
    await planRegions(session, policy, run);

  const failures: Finding[] = [
    ...notInPolicy,
    ...unreadableRegions('cleanup', unreadable),
    ...volumesUnread,
    ...doubts.map((problem): Finding => ({ code: 'SERVER_DOUBTFUL', problem })),
  ];
  const entries: Entry[] = [];
  const items = plans.flatMap(({ plan }) => plan.series.flatMap((series) => series.items));
  const toDelete = items.filter(({ action }) => action === 'delete').map(({ snapshot }) => snapshot);
  if (!policy.dryRun) await spreadUnderLimits(session, toDelete);
  await pMap(plans, async ({ read, plan }) => {
    warnings.push(...plan.warnings);
    if (policy.dryRun) {
      const predicted = await predictDeletions(session, plan);
      warnings.push(...predicted.warnings);
      entries.push(
        ...predicted.series.map((series) =>
          seriesEntry(
            series,
            series.items.map((item) => snapshotLine(item)),
          ),
        ),
      );
      return;
    }
    const results = await rotate(session, seriesRoundRobin(plan, policy, now), {
      read,
      readVolume,
      inUse: plan.inUse,
      setsOf: plan.setsOf,
      owner,
      now,
      reserveMs,
    });
    const confirmed = await confirm(session, plan.region, results);
    failures.push(...confirmed.failures);
    warnings.unshift(...confirmed.warnings);
    entries.push(...confirmed.results.map((result) => seriesEntry(result.plan, result.lines)));
  });
  const left = countDeadlineDeferred(entries.flatMap((e) => e.snapshots ?? []));

  return finishReport({
    job: 'cleanup',
    policy: policy.policy,
    owner,
    account: policy.account,
    dryRun: policy.dryRun,
    failures,
    unreadable,
    ...(left > 0 ? { left: { outOfTime: left } } : {}),
    warnings,
    nothingSelected: false,
    entries,
  });
}

/**
 * Lists the inventory and plans each region. The result refers only to the images of this
 * deployment, so that all other images can be garbage collected before the deletions.
 */
async function planRegions(session: Session, policy: Policy, run: Run) {
  const { owner, policies } = run;
  const startedMs = performance.now();
  const { regions, unreadable } = await listInventory(session, policy.regions, {
    owner,
    volumes: 'snapshots',
  });
  const unknown = unreadable.filter(({ problem }) => problem.code === 'REGION_NOT_IN_CATALOGUE');
  if (unknown.length > 0) {
    const reasons = unknown.map(
      ({ region: where, problem }) => ({ code: 'REGION_UNKNOWN', where, problem }) as const,
    );
    throw new ValidationError({ code: 'JOB_REFUSED', job: 'cleanup', reasons });
  }
  // The listing after the deletions takes as long as the first one, so deletions stop early enough.
  const reserveMs = 2 * (performance.now() - startedMs);
  const [certain, doubtful] = [true, false].map((wanted) =>
    regions.filter(({ doubts }) => (doubts.length === 0) === wanted),
  ) as [RegionInventory[], RegionInventory[]];
  for (const { region, doubts } of doubtful) unreadable.push({ region, problem: doubts[0]! });
  const here = new Set(regions.flatMap(({ servers }) => servers.map(({ id }) => id)));
  const { gone, doubts } = await goneEverywhere(session, goneServersOf(certain, policy).difference(here));
  // Without `orphans`, no snapshot of a missing server is deleted, so an unknown server is no
  // failure.
  if (!policy.orphans) doubts.length = 0;
  const { newer, unread } = await serversOfUnlistedImages(
    session,
    policy.orphans && gone.size > 0 ? certain : [],
  );
  for (const server of newer) gone.delete(server);
  if (unread.length > 0) gone.clear();
  const warnings: Finding[] = [];
  for (const [server, region] of homesOf(gone, certain)) {
    if (region !== undefined && session.regions.includes(region)) continue;
    gone.delete(server);
    if (!policy.orphans) continue;
    // This lasts, so it must not fail every cleanup.
    const problem: Reason =
      region === undefined
        ? { code: 'SERVER_REGION_UNKNOWN', server }
        : { code: 'SERVER_REGION_NOT_LISTED', server, home: region };
    warnings.push({ code: 'SERVER_DOUBTFUL', problem });
  }
  doubts.push(...unread);
  const adopting = policies?.filter((one) => one.adopt).map((one) => one.policy) ?? [];
  const isAlone = adopting.every((name) => name === policy.policy);
  const readVolume = volumeReaderOf({ owner, policies: [...(policies ?? []), policy] });
  const planRegion = (inventory: RegionInventory) => {
    const adopt = isAlone ? policy.adopt : undefined;
    const read = readerOf(inventory, { ...policy, adopt }, { owner, projectId: session.projectId, policies });
    const plan = planCleanup(inventory, policy, read, { ...run, goneEverywhere: gone, readVolume });
    return { read, plan };
  };
  const counted = policy.orphans ? await withoutUnlistedVolumes(session, certain, doubts) : certain;
  const planSets = async (inventory: RegionInventory) => {
    const { region } = inventory;
    const planned = planRegion(inventory);
    if (!deletesPartsOfSets(planned.plan, inventory)) return [planned];
    try {
      const others = regions.filter((one) => one.region !== region);
      const twice = await listedTwice(session, inventory, others, { owner, volumes: 'snapshots' });
      const [problem] = twice.doubts;
      if (!problem) return [planRegion(twice)];
      unreadable.push({ region, problem });
    } catch (error) {
      if (!isCloudError(error)) throw error;
      unreadable.push({ region, problem: { code: 'CLOUD', ...errorFactsOf(error) } });
    }
    return [];
  };
  const plans = (await pMap(counted, planSets)).flat();
  if (policy.adopt && !isAlone) warnings.push({ code: 'ADOPTED_TWICE', policies: [...new Set(adopting)] });
  const notInPolicy = unreadable.length > 0 ? [] : namesNotInPolicy(certain, policy, plans);
  const volumesUnread = policy.volumes === 'none' ? [] : unreadableVolumes(certain);
  return { plans, notInPolicy, unreadable, doubts, warnings, reserveMs, readVolume, volumesUnread };
}

/**
 * The series of a region, rotated so that each scheduled run starts at another series. Otherwise,
 * in a large fleet, the same images that can't be read or deleted might use up the time of every
 * run.
 */
export function seriesRoundRobin(
  { series }: Pick<RegionPlan, 'series'>,
  { cleanup }: Pick<Policy, 'cleanup'>,
  now: Date,
): SeriesPlan[] {
  const key = ({ policy, server, volume }: SeriesPlan) => `${server} ${policy} ${volume?.id ?? ''}`;
  const everyMs = intervalMs(cleanup, now) ?? HOUR_MS;
  return roundRobin(
    series.toSorted((a, b) => (key(a) < key(b) ? -1 : 1)),
    now.getTime() / everyMs,
  );
}

/**
 * The failures for servers that a manual run names, although the policy neither selects them nor
 * has snapshots of them.
 */
function namesNotInPolicy(
  regions: readonly RegionInventory[],
  { policy, servers: { only, ...selector } }: Policy,
  plans: readonly { plan: RegionPlan }[],
): Finding[] {
  if (!only) return [];
  const servers = regions.flatMap((one) => one.servers);
  const withSeries = new Set(plans.flatMap(({ plan }) => plan.series.map(({ server }) => server)));
  const selected = new Set(selectServers(servers, selector).servers);
  const its = servers.filter((server) => selected.has(server) || withSeries.has(server.id));
  const { missingIds, unmatched } = selectServers(its, only);
  return [...missingIds.filter((id) => !withSeries.has(id)).map((id) => `ids "${id}"`), ...unmatched].map(
    (what) => ({ code: 'NOT_OF_POLICY', what, policy }),
  );
}

/** Whether a plan deletes snapshots of servers that have volumes, now or earlier. */
function deletesPartsOfSets({ series }: RegionPlan, { servers }: RegionInventory): boolean {
  const mayHaveSets = hasSets(series) || servers.some(({ volumeIds }) => volumeIds.length > 0);
  return mayHaveSets && series.some(({ items }) => items.some(({ action }) => action === 'delete'));
}

/** The servers in the markers of a policy's snapshots that are gone from the snapshots' region. */
function goneServersOf(regions: readonly RegionInventory[], { policy }: Policy): Set<string> {
  const named = regions.flatMap(({ images, gone }) =>
    images.flatMap(({ properties: { autosnap_policy, autosnap_server: server = '' } }) =>
      autosnap_policy === policy && gone.has(server) ? [server] : [],
    ),
  );
  return new Set(named);
}

function seriesEntry({ server, name, volume, region, policy }: SeriesPlan, snapshots: SnapshotLine[]): Entry {
  const ofVolume = volume ? { volume } : {};
  return {
    server,
    name,
    ...ofVolume,
    region,
    policy,
    outcome: worst(snapshots.map(({ outcome }) => outcome)),
    snapshots,
  };
}
