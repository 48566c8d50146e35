import pMap from 'p-map';
import type { Policy } from '../config/policy.ts';
import { intervalMs } from '../config/schedule.ts';
import { ValidationError } from '../config/validation-error.ts';
import { factsOf, isCloudError } from '../openstack/errors.ts';
import { listImages } from '../openstack/images.ts';
import { spreadUnderLimits } from '../openstack/rates.ts';
import type { Session } from '../openstack/session.ts';
import { type Finding, type Reason, unreadableRegions } from '../reporting/reasons.ts';
import { type Entry, finishReport, type Report, type SnapshotLine, worst } from '../reporting/report.ts';
import type { Run } from '../runtime/run.ts';
import { type Item, planCleanup, type RegionPlan, type SeriesPlan } from './cleanup-plan.ts';
import { confirm, leftForTime, lineOf, membersOf, rotate } from './delete.ts';
import { goneEverywhere, homesOf, listInventory } from './inventory.ts';
import { readerOf } from './ownership.ts';
import type { RegionInventory } from './region-inventory.ts';
import { inTurn } from './round-robin.ts';
import { selectServers } from './selector.ts';

const HOUR_MS = 3_600_000;
/** The reads of a dry run; Rackspace takes 1,000 a minute. */
const AT_ONCE = 8;

/**
 * Rotates the snapshots of a policy: plans from complete listings, reads each image again right
 * before its deletion, and lists again to report only confirmed deletions. With `dryRun`, only
 * plans.
 *
 * @throws {ValidationError} when the policy names a region that the account lacks: the rest of the
 *   policy may be wrong, too.
 */
export async function cleanUp(session: Session, policy: Policy, run: Run): Promise<Report> {
  const { owner, now } = run;
  const { plans, strangers, unreadable, doubts, warnings, reserveMs } = await planRegions(
    session,
    policy,
    run,
  );

  const failures: Finding[] = [
    ...strangers,
    ...unreadableRegions('cleanup', unreadable),
    ...doubts.map((problem): Finding => ({ code: 'SERVER_DOUBTFUL', problem })),
  ];
  const entries: Entry[] = [];
  const items = plans.flatMap(({ plan }) => plan.series.flatMap((series) => series.items));
  const toDelete = items.filter(({ action }) => action === 'delete').map(({ snapshot }) => snapshot);
  if (!policy.dryRun) await spreadUnderLimits(session, toDelete);
  await pMap(plans, async ({ read, plan }) => {
    warnings.push(...plan.warnings);
    if (policy.dryRun) {
      const foreseen = await foresee(session, plan);
      warnings.push(...foreseen.warnings);
      entries.push(
        ...foreseen.series.map((series) =>
          seriesEntry(
            series,
            series.items.map((item) => lineOf(item)),
          ),
        ),
      );
      return;
    }
    const results = await rotate(session, seriesInTurn(plan, policy, now), {
      read,
      inUse: plan.inUse,
      owner,
      now,
      reserveMs,
    });
    const confirmed = await confirm(session, plan.region, results);
    failures.push(...confirmed.failures);
    warnings.unshift(...confirmed.warnings);
    entries.push(...confirmed.results.map((result) => seriesEntry(result.plan, result.lines)));
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
    ...(left > 0 ? { left: { outOfTime: left } } : {}),
    warnings,
    nothingSelected: false,
    entries,
  });
}

/**
 * The plan as a run would carry it out where the cloud does not list the members of a shared image:
 * a shared image stays, and the run deletes the next snapshot of the plan instead. Reads the
 * members only of images that the run would delete.
 */
async function foresee(
  session: Session,
  { region, series }: RegionPlan,
): Promise<Pick<RegionPlan, 'series' | 'warnings'>> {
  const warnings: Finding[] = [];
  const foreseeSeries = async (plan: SeriesPlan): Promise<SeriesPlan> => {
    const foreseen = new Map<Item, Item>();
    let allowed = plan.items.filter(({ action }) => action === 'delete').length;
    for (const item of plan.items.toReversed()) {
      if (item.action === 'keep' || allowed === 0 || warnings.length > 0) continue;
      try {
        const members = await membersOf(session, item.snapshot);
        const reasons = item.reasons.filter(({ code }) => code !== 'MAX_DELETES');
        const isShared = members.length > 0;
        foreseen.set(
          item,
          isShared
            ? { ...item, action: 'keep', reasons: [{ code: 'SHARED', members }] }
            : { ...item, action: 'delete', reasons },
        );
        if (!isShared) allowed -= 1;
      } catch (error) {
        if (!isCloudError(error)) throw error;
        const { id: image } = item.snapshot;
        const isFirst = warnings.length === 0;
        if (isFirst) warnings.push({ code: 'SHARING_UNKNOWN', region, image, message: error.message });
      }
    }
    return { ...plan, items: plan.items.map((item) => foreseen.get(item) ?? item) };
  };
  return { series: await pMap(series, foreseeSeries, { concurrency: AT_ONCE }), warnings };
}

/** Lists and plans. Only our own images stay in memory. */
async function planRegions(session: Session, policy: Policy, run: Run) {
  const { owner, policies } = run;
  const startedMs = performance.now();
  const { regions, unreadable } = await listInventory(session, policy.regions, { owner });
  const unknown = unreadable.filter(({ problem }) => problem.code === 'REGION_NOT_IN_CATALOGUE');
  if (unknown.length > 0) {
    const reasons = unknown.map(
      ({ region: where, problem }) => ({ code: 'REGION_UNKNOWN', where, problem }) as const,
    );
    throw new ValidationError({ code: 'JOB_REFUSED', job: 'cleanup', reasons });
  }
  // The listing at the end takes as long as the first one: deletions stop early enough for it.
  const reserveMs = 2 * (performance.now() - startedMs);
  const [certain, doubtful] = [true, false].map((wanted) =>
    regions.filter(({ doubts }) => (doubts.length === 0) === wanted),
  ) as [RegionInventory[], RegionInventory[]];
  for (const { region, doubts } of doubtful) unreadable.push({ region, problem: doubts[0]! });
  const here = new Set(regions.flatMap(({ servers }) => servers.map(({ id }) => id)));
  const { gone, doubts } = await goneEverywhere(session, missingFrom(certain, policy).difference(here));
  // Without `orphans` no such series is deleted from: only the report needs the answer.
  if (!policy.orphans) doubts.length = 0;
  const { newer, unread } = await unlistedOf(session, policy.orphans && gone.size > 0 ? certain : []);
  for (const server of newer) gone.delete(server);
  if (unread.length > 0) gone.clear();
  for (const [server, region] of homesOf(gone, certain)) {
    if (region !== undefined && session.regions.includes(region)) continue;
    gone.delete(server);
    if (!policy.orphans) continue;
    doubts.push(
      region === undefined
        ? { code: 'HOME_UNKNOWN', server }
        : { code: 'HOME_UNLISTED', server, home: region },
    );
  }
  doubts.push(...unread);
  const adopting = policies?.filter((one) => one.adopt).map((one) => one.policy) ?? [];
  const isAlone = adopting.every((name) => name === policy.policy);
  const planRegion = (surveyed: RegionInventory) => {
    const adopt = isAlone ? policy.adopt : undefined;
    const read = readerOf(surveyed, { ...policy, adopt }, { owner, projectId: session.projectId, policies });
    return { read, plan: planCleanup(surveyed, policy, read, { ...run, goneEverywhere: gone }) };
  };
  const plans = certain.map(planRegion);
  const warnings: Finding[] =
    policy.adopt && !isAlone ? [{ code: 'ADOPTED_TWICE', policies: [...new Set(adopting)] }] : [];
  const strangers = unreadable.length > 0 ? [] : strangersIn(certain, policy, plans);
  return { plans, strangers, unreadable, doubts, warnings, reserveMs };
}

/**
 * The series of a region, rotated so that each scheduled run starts at another one: in a large
 * fleet, images that can't be read or deleted may use up the time of every run.
 */
export function seriesInTurn(
  { series }: Pick<RegionPlan, 'series'>,
  { cleanup }: Pick<Policy, 'cleanup'>,
  now: Date,
): SeriesPlan[] {
  const key = ({ policy, server }: SeriesPlan) => `${server} ${policy}`;
  const everyMs = intervalMs(cleanup, now) ?? HOUR_MS;
  return inTurn(
    series.toSorted((a, b) => (key(a) < key(b) ? -1 : 1)),
    now.getTime() / everyMs,
  );
}

/**
 * The servers that a manual run names, and that the policy neither selects nor has snapshots of.
 */
function strangersIn(
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

/**
 * The servers of marked images that the first listing lacks and a second listing has. Without its
 * newest snapshot, the series of a server that is gone would seem older, and would shrink too
 * early.
 */
async function unlistedOf(session: Session, regions: readonly RegionInventory[]) {
  const newer = new Set<string>();
  const unread: Reason[] = [];
  const listed = new Set(regions.flatMap(({ images }) => images.map(({ id }) => id)));
  await pMap(regions, async ({ region }) => {
    try {
      for (const { id, properties } of await listImages(session, region)) {
        if (!listed.has(id) && properties.autosnap_server) newer.add(properties.autosnap_server);
      }
    } catch (error) {
      if (!isCloudError(error)) throw error;
      unread.push({ code: 'CLOUD', ...factsOf(error) });
    }
  });
  return { newer, unread };
}

/** The servers of a policy's snapshots that are not in the snapshots' region. */
function missingFrom(regions: readonly RegionInventory[], { policy }: Policy): Set<string> {
  const named = regions.flatMap(({ images, gone }) =>
    images.flatMap(({ properties: { autosnap_policy, autosnap_server: server = '' } }) =>
      autosnap_policy === policy && gone.has(server) ? [server] : [],
    ),
  );
  return new Set(named);
}

function seriesEntry({ server, name, region, policy }: SeriesPlan, snapshots: SnapshotLine[]): Entry {
  return { server, name, region, policy, outcome: worst(snapshots.map(({ outcome }) => outcome)), snapshots };
}
