import { createHash } from 'node:crypto';
import pMap from 'p-map';
import { isoSeconds } from '../config/dates.ts';
import { dormancyOf } from '../config/dormancy.ts';
import type { Policy } from '../config/policy.ts';
import { ValidationError } from '../config/validation-error.ts';
import { abandonedAmong } from '../drill/abandoned-servers.ts';
import { makesBackups } from '../offsite/backups.ts';
import { isBucketError } from '../offsite/bucket-error.ts';
import { containerStore, isToCloudFiles, licenseOf } from '../offsite/cloud-files.ts';
import { obstacleTo } from '../offsite/copy.ts';
import type { CheckedCopy } from '../offsite/copy-state.ts';
import { listServers, type Server } from '../openstack/compute.ts';
import { isCloudError } from '../openstack/errors.ts';
import type { Deadline } from '../openstack/http.ts';
import type { Session } from '../openstack/session.ts';
import { type AccountJob, isRunOf } from '../reporting/failed-run.ts';
import { reasonFor } from '../reporting/failure.ts';
import { type Finding, type Reason, unique } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { JOBS, scheduleOf } from '../runtime/work-item.ts';
import { findServers, goneEverywhere, homesOf, listInventory } from '../snapshots/inventory.ts';
import { localDisksFinder } from '../snapshots/local-disks.ts';
import { forecastRegionQuotas } from '../snapshots/quota-finder.ts';
import {
  type Inventory,
  lacksVolumeService,
  otherDoubts,
  type RegionInventory,
  type UncertainServer,
  unservedVolumes,
} from '../snapshots/region-inventory.ts';
import { selectServers } from '../snapshots/selector.ts';
import { exceptedVolumes } from '../volumes/excepted.ts';
import { type AdhocSnapshot, missingAdhocImages } from './adhoc-snapshots.ts';
import { type ListedBackups, listBackups } from './backup-freshness.ts';
import { type Copies, copiesUnreadable, listCopies, type ReadableCopies } from './copy-freshness.ts';
import type { AccountCoverage, CoveredServer } from './coverage/record.ts';
import { emptySeries, mayBeCovered } from './empty-series.ts';
import { awaitedSlot, type GoodRun, missingRuns, runOverdue } from './missing-runs.ts';
import type { Audit, AuditedPolicy, AuditedSeries, SeenCleanups, SeenSchedules } from './model.ts';
import { nextRunAfter } from './next-run.ts';
import { protectionOf, type SelectedSince } from './protection.ts';
import { cleanupsSeen, leftByTwo } from './seen-cleanups.ts';
import { schedulesSeen } from './seen-schedules.ts';
import { isExpected } from './series-states.ts';
import { unmanagedBackupsIn } from './unmanaged-backups.ts';
import { type UnmanagedSnapshots, unmanagedSnapshotsIn, unmanagedWarning } from './unmanaged-snapshots.ts';

interface Extras {
  /** The price of a stored gigabyte (10^9 bytes) a month. */
  pricePerGb?: number | undefined;
  /** The last good run of each job, if known. */
  goodRuns?: readonly GoodRun[] | undefined;
  /** The last failed run of each job. */
  failedRuns?: readonly (AccountJob & { at: Date; crashed: boolean })[] | undefined;
  /** The bucket of the copies, with a deadline for its requests. */
  bucketUntil?: ((deadline: Deadline) => ReadableCopies['store']) | undefined;
  /**
   * The coverage that earlier audits recorded. These servers are requested by their ids if no
   * listing has them.
   */
  coverage?: readonly AccountCoverage[] | undefined;
  /** The ad-hoc snapshots of the last day. */
  adhocSnapshots?: readonly AdhocSnapshot[] | undefined;
}

/**
 * Audits what the policies protect, and changes nothing. An unreadable part, even a whole account,
 * becomes a problem of its policies and does not stop the rest.
 *
 * @param login opens a session with a cloud account.
 */
export async function audit(
  policies: readonly Policy[],
  run: Run,
  login: (account: string) => Promise<Session>,
  { pricePerGb, goodRuns, failedRuns = [], ...known }: Extras = {},
): Promise<Audit> {
  const accounts = [...Map.groupBy(policies, ({ account }) => account)];
  const audits = await pMap(
    accounts,
    ([account, own]) => auditAccount(account, own, { ...known, goodRuns, run, login, deployed: policies }),
    {
      concurrency: 4,
    },
  );
  const found = withoutTwins(audits);
  const isOneOfSeveral = accounts.length > 1;
  const series = found.flatMap((one) => one.series);
  const bytesOf = (all: readonly { bytes: number }[]) => all.reduce((sum, { bytes }) => sum + bytes, 0);
  const unmanagedBytes = bytesOf(found.flatMap(({ leftBehind }) => leftBehind));
  const bytes = unmanagedBytes + bytesOf(series);
  const audited = withRates(
    found.flatMap((one) => one.policies),
    policies,
    series,
    run.now,
  );
  return {
    owner: run.deployment ?? run.owner,
    at: isoSeconds(run.now),
    policies: goodRuns ? withMissing(audited, policies, { goodRuns, failedRuns }, series, run.now) : audited,
    series,
    accounts: found.flatMap(({ accounts: read }) => read),
    dropped: [],
    uncovered: found.flatMap((one) => one.uncovered),
    unlisted: found.flatMap((one) => one.unlisted),
    warnings: unique(
      found.flatMap(({ account, warnings, leftBehind }) => {
        const own = policies.filter((policy) => policy.account === account);
        const all = [...warnings, ...leftBehind.map((one) => unmanagedWarning(one, own, run))];
        return isOneOfSeveral ? all.map((one) => ({ ...one, ofAccount: account })) : all;
      }),
    ),
    bytes,
    unmanagedBytes,
    ...(pricePerGb === undefined ? {} : { monthlyCost: (bytes / 1e9) * pricePerGb }),
  };
}

/**
 * Sets the next run of policies with a rate, which is counted from the policy's newest snapshot in
 * any account.
 */
function withRates(
  audited: readonly AuditedPolicy[],
  policies: readonly Policy[],
  series: readonly AuditedSeries[],
  now: Date,
): AuditedPolicy[] {
  return audited.map((one) => {
    const schedule = policies.find(({ policy }) => policy === one.policy)?.schedule;
    if (!schedule || schedule.exact) return one;
    const slots = series.flatMap((s) => (s.policy === one.policy ? (s.snapshots[0]?.slot ?? []) : []));
    const newest = slots
      .filter((slot) => slot <= isoSeconds(now))
      .sort()
      .at(-1);
    const nextRun = nextRunAfter(schedule, newest ? new Date(newest) : undefined, now);
    return nextRun ? { ...one, nextRun: isoSeconds(nextRun) } : one;
  });
}

function withMissing(
  audited: readonly AuditedPolicy[],
  policies: readonly Policy[],
  { goodRuns, failedRuns }: Required<{ [K in 'goodRuns' | 'failedRuns']: NonNullable<Extras[K]> }>,
  series: readonly AuditedSeries[],
  now: Date,
): AuditedPolicy[] {
  const accounts = new Set(policies.map(({ account }) => account));
  return audited.map((one) => {
    const isOfIt = (other: { policy: string; account: string }) =>
      other.policy === one.policy && other.account === one.account;
    const policy = policies.find(isOfIt);
    const failed = failedRuns
      .filter((run) => !run.crashed && isRunOf(run, one, accounts))
      .map((run) => ({ ...run, account: one.account }));
    const runs = [...goodRuns, ...failed];
    const byJob = policy ? runOverdue(policy, runs, series.filter(isOfIt), now, one.schedules) : {};
    const missing = missingRuns(byJob);
    const awaited =
      policy && !missing.includes('snapshot') ? awaitedSlot(policy, runs, now, one.schedules) : undefined;
    const overdue = Object.values(byJob);
    const problems = missing.map((job): Reason => ({ code: 'POLICY_RUN_MISSING', job }));
    return {
      ...one,
      missing,
      ...(awaited ? { awaited: isoSeconds(awaited) } : {}),
      ...(overdue.length > 0 ? { runOverdue: Math.max(...overdue) } : {}),
      problems: [...one.problems, ...problems],
    };
  });
}

/**
 * The audits of the accounts. Accounts that open the same project see each other's snapshots, which
 * are not left behind, and each other's servers, which are covered.
 */
function withoutTwins(audits: readonly AccountAudit[]): AccountAudit[] {
  const byProject = Map.groupBy(audits, ({ accounts: [read] }) => read?.project);
  return audits.map((one) => {
    const project = one.accounts[0]?.project;
    const same = project === undefined ? [] : byProject.get(project)!;
    const [first] = same;
    if (same.length < 2) return one;
    const managed = new Set(same.flatMap(({ policies }) => policies.map(({ policy }) => policy)));
    const covered = new Set(
      same.flatMap(({ series }) => series.filter(isExpected).map(({ server }) => server)),
    );
    const shared: Finding = {
      code: 'ACCOUNTS_SHARE_PROJECT',
      project: project!,
      accounts: same.map(({ account }) => account),
    };
    return {
      ...one,
      leftBehind: one.leftBehind.filter(({ policy }) => !managed.has(policy)),
      uncovered: one.uncovered.filter(({ server }) => !covered.has(server)),
      warnings: one === first ? [...one.warnings, shared] : one.warnings,
    };
  });
}

interface AccountAudit
  extends Pick<Audit, 'policies' | 'series' | 'accounts' | 'uncovered' | 'unlisted' | 'warnings'> {
  account: string;
  leftBehind: UnmanagedSnapshots[];
}

async function auditAccount(
  account: string,
  policies: Policy[],
  {
    run,
    login,
    bucketUntil,
    coverage,
    goodRuns,
    adhocSnapshots = [],
    deployed,
  }: Pick<Extras, 'bucketUntil' | 'coverage' | 'goodRuns' | 'adhocSnapshots'> & {
    run: Run;
    /** The policies of all accounts. */
    deployed: readonly Policy[];
    login: (account: string) => Promise<Session>;
  },
): Promise<AccountAudit> {
  const nothing = {
    account,
    series: [],
    accounts: [],
    uncovered: [],
    unlisted: [{ account }],
    warnings: [],
    leftBehind: [],
  };
  try {
    const session = await login(account);
    const bucket = bucketUntil?.(session.deadline);
    const own = coverage?.find((one) => one.account === account && one.project === session.projectId);
    const recorded = ({ policy }: Policy) => own?.policies.find((one) => one.policy === policy);
    return await auditRegions(session, bucket, account, policies, {
      run,
      remembered: own?.servers ?? [],
      selectedSince: coverage && sinceBy(own?.servers, run.now),
      cleanupsOf: (policy) =>
        coverage && goodRuns && cleanupsSeen(recorded(policy)?.cleanups, policy, goodRuns, run.now),
      schedulesOf: (policy) => {
        const before = recorded(policy);
        return coverage && schedulesSeen(own && (before ? before.schedules : {}), policy, run.now);
      },
      adhocSnapshots: adhocSnapshots.filter((one) => one.account === account),
      deployed,
    });
  } catch (error) {
    if (!isCloudError(error) && !(error instanceof ValidationError)) throw error;
    const problem: Reason = { code: 'POLICY_ACCOUNT_UNREADABLE', account, problem: reasonFor(error) };
    return {
      ...nothing,
      policies: policies.map((p) =>
        auditedPolicy(p, run, {
          readable: false,
          nothingSelected: false,
          unreadable: 'account',
          problems: [problem],
        }),
      ),
    };
  }
}

/**
 * Since when a policy selects a server, by the record of earlier audits; `now` if they have not
 * recorded it. If they have recorded nothing of the account, since its oldest snapshot.
 */
function sinceBy(covered: readonly CoveredServer[] | undefined, now: Date): SelectedSince {
  if (!covered) return (_, __, oldest = now) => oldest;
  const known = new Map(covered.map(({ server, since }) => [server, since]));
  return (server, policy) => new Date(known.get(server)?.[policy] ?? now);
}

async function auditRegions(
  session: Session,
  bucket: ReadableCopies['store'] | undefined,
  account: string,
  policies: Policy[],
  {
    run,
    remembered,
    selectedSince,
    cleanupsOf,
    schedulesOf,
    adhocSnapshots,
    deployed,
  }: {
    run: Run;
    remembered: readonly CoveredServer[];
    selectedSince: SelectedSince | undefined;
    cleanupsOf: (policy: Policy) => SeenCleanups | undefined;
    schedulesOf: (policy: Policy) => SeenSchedules | undefined;
    adhocSnapshots: readonly AdhocSnapshot[];
    deployed: readonly Policy[];
  },
): Promise<AccountAudit> {
  const rememberedIn = Map.groupBy(remembered, ({ region }) => region);
  const found = await listInventory(session, undefined, {
    owner: run.owner,
    ids: policies.flatMap(({ servers }) => servers.ids ?? []),
    idsIn: (region) => rememberedIn.get(region)?.map(({ server }) => server) ?? [],
    volumes: policies.some(({ volumes }) => volumes !== 'none') ? 'all' : undefined,
  });
  const unsure = [...found.unsure, ...outOfSight(found)];
  const isUnsure = (id: string) => unsure.some((server) => server.id === id);
  // If the volume snapshots of a region can't be listed, the whole region counts as unreadable,
  // because a partial result would look complete.
  // Without a volume service only the servers on volumes are unprotected.
  const regions = found.regions.filter((one) => one.volumesUnread === undefined || lacksVolumeService(one));
  const unreadable = [
    ...found.unreadable,
    ...found.regions.flatMap((one) =>
      one.volumesUnread && !lacksVolumeService(one)
        ? [{ region: one.region, problem: one.volumesUnread }]
        : [],
    ),
  ];
  const withoutCompute = unreadable
    .map(({ region }) => region)
    .filter((region) => !session.regions.includes(region));
  const withoutImages = await serversWithoutImages(session, found);
  const { gone } = await goneEverywhere(session, goneInEveryRegion(regions));
  // A server with snapshots counts as gone only if its snapshots name its region, and the catalogue
  // has that region. For a recorded server, the record names the region.
  const absent = new Set(gone);
  for (const [id, home] of homesOf(gone, regions)) {
    if (home === undefined || !session.regions.includes(home)) gone.delete(id);
  }
  const place = { owner: run.owner, account };
  let inBucket: Promise<Copies> | undefined;
  const listed = ({ offsite, regions: wanted }: Policy): Promise<Copies> | undefined => {
    if (!offsite) return undefined;
    if (isToCloudFiles(session, offsite)) {
      const known = session.regions.filter((region) => wanted?.includes(region) ?? true);
      const name = offsite.container ?? run.owner;
      const containers = known.map((region) => ({
        region,
        store: containerStore(session, { region, name }),
      }));
      return listCopies(containers, place);
    }
    inBucket ??= listCopies(bucket && [{ store: bucket }], place);
    return inBucket;
  };
  const obstacle = session.provider === 'rackspace' ? licenseOf : obstacleTo;
  const backupsIn = new Map<string, Promise<ListedBackups>>();
  const listedBackups = (region: string): Promise<ListedBackups> => {
    if (!backupsIn.has(region)) backupsIn.set(region, listBackups(session, region));
    return backupsIn.get(region)!;
  };
  const backupsOf = async ({ offsite }: Policy, region: string): Promise<ListedBackups | undefined> =>
    offsite && makesBackups(session, offsite) ? listedBackups(region) : undefined;
  const covered = new Set<string>();
  const unlisted = unreadable
    .filter(({ region }) => !withoutImages.some((one) => one.region === region))
    .map(({ region }) => ({ account, region }));
  const result: AccountAudit = {
    account,
    policies: [],
    series: [],
    accounts: [
      { account, project: session.projectId, regions: session.regions, withoutCompute, gone: absent },
    ],
    uncovered: [],
    unlisted,
    warnings: [],
    leftBehind: [],
  };
  const adhocIn = new Set<string>();
  const localDisks = localDisksFinder(session);
  const growing: { policy: Policy; servers: readonly Server[] }[] = [];

  for (const policy of policies) {
    const { copies, problem } = await checkedCopiesOf(await listed(policy), policy.policy);
    const wanted = policy.regions ?? [...session.regions, ...withoutCompute];
    const cleanups = cleanupsOf(policy);
    const schedules = schedulesOf(policy);
    const own = regions.filter(({ region }) => wanted.includes(region));
    const unserved = withoutImages.filter(({ region }) => wanted.includes(region));
    const servers = [...own, ...unserved].flatMap((r) => r.servers);
    const selection = selectServers(servers, policy.servers);
    growing.push({ policy, servers: selection.servers });
    for (const { region, id } of selection.servers) covered.add(`${region} ${id}`);
    result.warnings.push(...(await localDisks(selection.servers, policy)));
    const { provider } = session;
    for (const one of own) {
      const options = { policies, provider };
      result.warnings.push(...exceptedVolumes(one, selection.servers, policy, options));
    }
    const itsUnreadable = unreadable.filter(({ region }) => wanted.includes(region));
    const isUnserved = (region: string) => unserved.some((one) => one.region === region);
    const unknown = unlisted.map(({ region }) => region).filter((region) => wanted.includes(region));
    // The selector may match an unlisted server.
    const mayMatch = unknown.length > 0 || unsure.some(({ region }) => wanted.includes(region));
    const problems: Reason[] = [
      ...wanted
        .filter((region) => ![...session.regions, ...withoutCompute].includes(region))
        .map((where): Reason => ({ code: 'POLICY_REGION_UNKNOWN', where })),
      ...itsUnreadable.map(
        (one): Reason => ({ code: 'POLICY_REGION_UNREADABLE', where: one.region, problem: one.problem }),
      ),
      ...unservedVolumes(own, selection.servers),
      ...own.flatMap((one) =>
        otherDoubts(one).map(
          (problem): Reason => ({ code: 'POLICY_SERVERS_UNCERTAIN', where: one.region, problem }),
        ),
      ),
      ...selection.missingIds.map(
        (server): Reason => ({
          code: isUnsure(server) || unknown.length > 0 ? 'POLICY_ID_UNCERTAIN' : 'POLICY_ID_UNKNOWN',
          server,
        }),
      ),
      ...selection.unmatched.map(
        (selector): Reason =>
          mayMatch
            ? { code: 'POLICY_SELECTOR_UNCERTAIN', selector }
            : { code: 'SELECTOR_UNMATCHED', selector, isPart: false },
      ),
      ...(selection.allExcepted && !mayMatch
        ? [{ code: 'SERVERS_ALL_EXCEPTED', isPartial: false } as const]
        : []),
      ...(problem ? [problem] : []),
      ...(policy.drill ? await drillProblems(session, servers, run.owner, policy) : []),
    ];
    const nothingSelected = !mayMatch && (selection.unmatched.length > 0 || selection.servers.length === 0);
    let readable =
      own.length + unserved.length === new Set(wanted).size && !selection.missingIds.some(isUnsure);
    for (const surveyed of own) {
      const adhoc = !adhocIn.has(surveyed.region);
      adhocIn.add(surveyed.region);
      const { projectId } = session;
      const more = await findServers(session, surveyed.region, unknownOf(copies, surveyed, unsure));
      const all = {
        ...surveyed,
        servers: [...surveyed.servers, ...more.found],
        gone: surveyed.gone.union(more.gone),
      };
      const itsBackups = await backupsOf(policy, surveyed.region);
      if (itsBackups && 'problem' in itsBackups) problems.push(itsBackups.problem);
      const { series, warnings } = protectionOf(all, policy, {
        ...run,
        projectId,
        adhoc,
        unsure: [...unsure, ...more.unsure],
        copies,
        obstacleTo: obstacle,
        backups: itsBackups && 'backups' in itsBackups ? itsBackups.backups : undefined,
        provider,
        goneEverywhere: gone,
        selectedSince,
        leftByTwoCleanups: leftByTwo(cleanups),
        scheduledSince: schedules?.snapshot && new Date(schedules.snapshot.since),
      });
      if (series.some(({ cause }) => cause?.code === 'SERIES_SERVER_UNCERTAIN')) readable = false;
      result.series.push(...series);
      result.warnings.push(...warnings);
    }
    const unseen = remembered
      .filter(({ server }) => isUnsure(server))
      .filter(mayBeCovered(policy, wanted, result));
    if (unseen.length > 0) readable = false;
    result.policies.push(
      auditedPolicy(policy, run, {
        readable,
        nothingSelected,
        ...(cleanups ? { cleanups } : {}),
        ...(schedules ? { schedules } : {}),
        ...(unknown.length > 0 ? { unreadable: unknown } : {}),
        problems,
      }),
    );
    result.series.push(
      ...selection.servers
        .filter(({ region }) => isUnserved(region))
        .map(({ id, ...server }) =>
          emptySeries({ ...server, server: id }, policy, {
            code: 'SERIES_REGION_WITHOUT_IMAGES',
            where: server.region,
          }),
        ),
      ...unseen.map((server) => emptySeries(server, policy, { code: 'SERIES_SERVER_UNCERTAIN' })),
    );
  }
  const seenBackups = new Set<string>();
  for (const { region } of session.provider === 'rackspace' ? [] : regions) {
    const all = await listedBackups(region);
    // Without a policy that makes backups, a cloud without a service for them is no problem.
    if ('problem' in all) continue;
    // Regions that share a volume service list the same backups.
    const backups = all.backups.filter(({ id }) => !seenBackups.has(id));
    for (const { id } of backups) seenBackups.add(id);
    const options = { owner: run.owner, policies: deployed, provider: session.provider };
    result.warnings.push(...unmanagedBackupsIn(region, backups, options));
  }
  for (const { region, images } of regions) {
    const policiesHere = growing.map(({ policy, servers }) => ({
      policy,
      servers: servers.filter((server) => server.region === region),
    }));
    const growth = { policies: policiesHere, images, owner: run.owner, now: run.now };
    result.warnings.push(...(await forecastRegionQuotas(session, region, growth)));
  }
  const counted = new Set(result.series.flatMap(({ snapshots }) => snapshots.map(({ image }) => image)));
  result.leftBehind.push(...regions.flatMap((one) => unmanagedSnapshotsIn(one, counted, session, run)));
  result.warnings.push(...(await missingAdhocImages(session, found.regions, adhocSnapshots)));
  for (const { region, id, name, imageSchedule } of [...regions, ...withoutImages].flatMap(
    (r) => r.servers,
  )) {
    if (!covered.has(`${region} ${id}`)) result.uncovered.push({ account, region, server: id, name });
    else if (imageSchedule) {
      result.warnings.push({ code: 'SERVER_ON_IMAGE_SCHEDULE', region, name });
    }
  }
  return result;
}

/**
 * The servers that are gone from a region, and whose snapshots name another region that can't be
 * read or that the catalogue lacks. Regions may share an image service, so these servers may exist
 * in the other region.
 */
function outOfSight({ regions }: Inventory): UncertainServer[] {
  const read = new Set(regions.map(({ region }) => region));
  return regions.flatMap((surveyed) =>
    homesOf(surveyed.gone, [surveyed]).flatMap(([id, home]): UncertainServer[] =>
      home === undefined || read.has(home)
        ? []
        : [{ region: surveyed.region, id, problem: { code: 'SERVER_REGION_UNREADABLE', home } }],
    ),
  );
}

/** The servers of regions without an image service in the catalogue, if they can be listed. */
async function serversWithoutImages(
  session: Session,
  { unreadable }: Inventory,
): Promise<Pick<RegionInventory, 'region' | 'servers'>[]> {
  const regions = unreadable.filter(
    ({ problem }) => problem.code === 'CLOUD' && problem.error === 'NO_ENDPOINT',
  );
  const listed = await pMap(regions, async ({ region }) => {
    try {
      return [{ region, servers: await listServers(session, region) }];
    } catch (error) {
      if (!isCloudError(error)) throw error;
      return [];
    }
  });
  return listed.flat();
}

/** The servers that are gone from their regions, and that no other region lists. */
function goneInEveryRegion(regions: readonly RegionInventory[]): Set<string> {
  const here = new Set(regions.flatMap(({ servers }) => servers.map(({ id }) => id)));
  return new Set(regions.flatMap(({ gone }) => [...gone])).difference(here);
}

/**
 * The servers of copies that the inventory did not request, because no image names them any more.
 */
function unknownOf(
  copies: readonly CheckedCopy[] = [],
  { region, servers, gone }: RegionInventory,
  unsure: readonly UncertainServer[],
): Set<string> {
  const known = new Set([...servers, ...unsure].map(({ id }) => id)).union(gone);
  const ofRegion = copies.filter((copy) => copy.region === region).map(({ server }) => server);
  return new Set(ofRegion).difference(known);
}

/** Problems that stop a policy's drills. */
async function drillProblems(
  session: Session,
  servers: readonly Server[],
  owner: string,
  { policy }: Policy,
): Promise<Reason[]> {
  try {
    const found = await abandonedAmong(session, servers, { owner, policy });
    return found.map((reason) => ({ code: 'POLICY_DRILL_BLOCKED', reason }));
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return [{ code: 'POLICY_DRILLS_UNKNOWN', error: error.code, message: error.message }];
  }
}

/** A policy's good copies; or the reason why they can't be read. */
async function checkedCopiesOf(
  copies: Copies | undefined,
  policy: string,
): Promise<{ copies?: readonly CheckedCopy[]; problem?: Reason }> {
  if (!copies) return {};
  if ('problem' in copies) return copies;
  try {
    return { copies: await copies.of(policy) };
  } catch (error) {
    if (!isBucketError(error)) throw error;
    return { problem: copiesUnreadable(error) };
  }
}

function auditedPolicy(
  deployed: Policy,
  { now }: Run,
  found: Pick<
    AuditedPolicy,
    'readable' | 'nothingSelected' | 'cleanups' | 'schedules' | 'unreadable' | 'problems'
  >,
): AuditedPolicy {
  const { policy, account, schedule, cleanup, servers, regions } = deployed;
  const [nextRun, nextCleanup] = [schedule.next(now), cleanup.next(now)];
  return {
    policy,
    account,
    jobs: JOBS.filter((job) => scheduleOf(job, deployed)),
    selection: createHash('sha256').update(JSON.stringify({ servers, regions })).digest('hex').slice(0, 16),
    ...(nextRun ? { nextRun: isoSeconds(nextRun) } : {}),
    ...(nextCleanup ? { nextCleanup: isoSeconds(nextCleanup) } : {}),
    ...(schedule.exact ? {} : { runsAtRate: true }),
    ...(cleanup.exact ? {} : { cleansAtRate: true }),
    ...found,
    problems: [...found.problems, ...dormantSchedules(deployed, now)],
  };
}

/** The schedules of a policy that have ended, pause or have not begun. */
function dormantSchedules(policy: Policy, now: Date): Reason[] {
  return JOBS.flatMap((job): Reason[] => {
    // The function of drills runs at a rate, and drills at the schedule of the policy.
    const schedule = job === 'drill' ? policy.drill?.schedule : scheduleOf(job, policy);
    const dormancy = schedule && dormancyOf(schedule, now);
    return dormancy ? [{ code: 'POLICY_SCHEDULE_ENDED', job, ...dormancy }] : [];
  });
}
