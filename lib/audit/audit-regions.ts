import type { Policy } from '../config/policy.ts';
import { makesBackups } from '../offsite/backups.ts';
import { licenseOf } from '../offsite/cloud-files.ts';
import { obstacleTo } from '../offsite/copy.ts';
import type { Server } from '../openstack/compute.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { homesOf } from '../snapshots/home-region.ts';
import { listInventory } from '../snapshots/inventory.ts';
import { localDisksFinder } from '../snapshots/local-disks.ts';
import { forecastRegionQuotas } from '../snapshots/quota-finder.ts';
import { lacksVolumeService, otherDoubts, unservedVolumes } from '../snapshots/region-inventory.ts';
import { selectServers } from '../snapshots/selector.ts';
import { findServers, goneEverywhere } from '../snapshots/unlisted.ts';
import { exceptedVolumes } from '../volumes/excepted.ts';
import { type AdhocSnapshot, missingAdhocImages } from './adhoc-snapshots.ts';
import { auditedPolicy } from './audited-policy.ts';
import { type ListedBackups, listBackups } from './backup-freshness.ts';
import type { ReadableCopies } from './copy-freshness.ts';
import type { CoveredServer } from './coverage/record.ts';
import { drillProblems } from './drill-problems.ts';
import { emptySeries, mayBeCovered } from './empty-series.ts';
import type { SelectedSince } from './expected-state.ts';
import type { Audit, SeenCleanups, SeenSchedules } from './model.ts';
import { copiesReader } from './policy-copies.ts';
import { protectionOf } from './protection.ts';
import { restoreLeftoversIn } from './restore-leftovers.ts';
import { leftByTwo } from './seen-cleanups.ts';
import { goneInEveryRegion, outOfSight, serversWithoutImages, unknownOf } from './unlisted-servers.ts';
import { unmanagedBackupsIn } from './unmanaged-backups.ts';
import { type UnmanagedSnapshots, unmanagedSnapshotsIn } from './unmanaged-snapshots.ts';

/** The audit of one account. */
export interface AccountAudit
  extends Pick<Audit, 'policies' | 'series' | 'accounts' | 'uncovered' | 'unlisted' | 'warnings'> {
  account: string;
  leftBehind: UnmanagedSnapshots[];
}

/**
 * Audits the regions of an account, policy by policy.
 *
 * @param bucket the bucket of the copies; undefined if the deployment has none.
 * @param remembered the servers that earlier audits recorded.
 * @param deployed the policies of all accounts.
 */
export async function auditRegions(
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
  const copiesOf = copiesReader(session, bucket, { owner: run.owner, account });
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
    const { copies, problem } = await copiesOf(policy);
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
  result.warnings.push(...regions.flatMap((one) => restoreLeftoversIn(one, run)));
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
