import pMap from 'p-map';
import { includesAccount } from '../config/accounts.ts';
import { type Adhoc, isAdhoc } from '../config/adhoc-event.ts';
import { DAY_MS, isoSeconds, MINUTE_MS } from '../config/dates.ts';
import type { Policy, Selector } from '../config/policy.ts';
import { intervalMs } from '../config/schedule.ts';
import type { Server } from '../openstack/compute.ts';
import { spreadUnderLimits } from '../openstack/rate-limits.ts';
import type { Session } from '../openstack/session.ts';
import { isBusyCode } from '../reporting/busy-entries.ts';
import { finishReport } from '../reporting/finish-report.ts';
import { type Finding, unreadableRegions } from '../reporting/reasons.ts';
import type { Entry, Report } from '../reporting/report.ts';
import type { Run } from '../runtime/run.ts';
import { isSystemDiskOf, sharingServers } from '../volumes/attached.ts';
import { confirmVolumes } from '../volumes/confirm.ts';
import { exceptedVolumes } from '../volumes/excepted.ts';
import { volumeReaderOf } from '../volumes/marker.ts';
import { withNumberOfParts } from '../volumes/set-parts.ts';
import { entryOfSet, planSets, withSharedVolumes } from '../volumes/snapshot-set.ts';
import { confirmTaken } from './confirm-taken.ts';
import { type DueSnapshots, dueAdhoc, dueBySchedule, NO_RECORD, requestOf } from './due-snapshots.ts';
import { homesNotInCatalogue } from './home-region.ts';
import { listInventory } from './inventory.ts';
import { localDisksFinder } from './local-disks.ts';
import { missingEntries, unknownServers } from './missing-servers.ts';
import { inheritedMakers } from './own-image.ts';
import { type ReadingPolicy, readerOf } from './ownership.ts';
import { otherDoubts, unreadableVolumes, unservedVolumes } from './region-inventory.ts';
import { selectRequested, serversToRecord } from './requested-servers.ts';
import { roundRobin } from './round-robin.ts';
import { setsWithinQuotas } from './sets-within-quotas.ts';
import { isSnapshot } from './snapshot.ts';
import { planSnapshots } from './snapshot-plan.ts';
import { plannedSet, type TakeContext, takeSet } from './take-set.ts';

// Rackspace allows 100 POSTs a minute; 8 at once reach this rate if each takes less than 4.8
// seconds.
const AT_ONCE = 8;
const MOST_NAMES = 10;

/**
 * Requests the snapshots of an event, or plans them in a dry run. Returns when the cloud has
 * accepted the requests. The cloud makes the images asynchronously; later runs read their final
 * status.
 *
 * @throws {ValidationError} for a schedule that has not fired yet.
 */
export async function takeSnapshots(session: Session, event: Policy | Adhoc, run: Run): Promise<Report> {
  const { owner, now, policies } = run;
  const request = isAdhoc(event) ? await requestOf(event, run) : NO_RECORD;
  const due = isAdhoc(event) ? dueAdhoc(event, run, request) : dueBySchedule(event, run);
  const { projectId, provider } = session;
  const { ids = [], only }: Selector = event.servers;
  const requestedIds = Object.values(request.servers ?? {}).flat();
  const rule = isAdhoc(event) ? 'attached' : event.volumes;

  const since = recentSince(event, now);
  const { regions, unsure, ...found } = await listInventory(session, event.regions, {
    owner,
    ids: [...ids, ...(only?.ids ?? []), ...requestedIds],
    since,
    volumes: rule === 'none' ? undefined : 'attached',
  });
  const readers = new Map(
    regions.map((one) => [
      one.region,
      readerOf(one, readingPolicyOf(event, due), { owner, projectId, policies }),
    ]),
  );
  const snapshots = regions
    .flatMap(({ region, images, volumeSnapshots }) =>
      images.map((image) => readers.get(region)!(image, volumeSnapshots)),
    )
    .filter(isSnapshot);
  const servers = regions.flatMap((r) => r.servers);
  const selection = selectRequested(
    servers,
    event.servers,
    request.servers,
    (id) => request.taken?.has(id) === true,
  );
  const recent = snapshots.filter(
    ({ policy, createdAt }) => (isAdhoc(event) || policy === due.policy) && createdAt >= since,
  );
  const recentIds = new Set(recent.map(({ id }) => id));
  const recentImages = regions.flatMap(({ images }) => images.filter(({ id }) => recentIds.has(id)));
  const unserved = new Set(found.unreadable.map(({ region }) => region));
  const lost = event.regions ? [] : [...homesNotInCatalogue(session, recentImages).difference(unserved)];
  const unreadable = [
    ...found.unreadable,
    ...lost.map((region) => ({
      region,
      problem: { code: 'REGION_NOT_IN_CATALOGUE', known: session.regions } as const,
    })),
  ];
  const unknown = unknownServers(unsure, recent, request.servers ? { ids: requestedIds } : event.servers);
  const toRecord = serversToRecord(
    selection.servers,
    regions.filter(({ region }) => !unsure.some((one) => one.region === region)).map(({ region }) => region),
    request.servers,
  );
  if (toRecord) await request.recordServers?.(toRecord);
  const readVolume = volumeReaderOf({
    owner,
    policies: [...(policies ?? []), ...(isAdhoc(event) ? [] : [event])],
  });
  const wanted = planSets(regions, selection.servers, { due, now, rule, provider, read: readVolume });
  const volumesUnread = new Set(regions.flatMap((one) => (one.volumesUnread ? one.region : [])));
  const volumes = regions.flatMap((one) => one.volumes);
  const isTaken = (server: Server, id: string) => wanted.get(server)?.some(({ volume }) => volume.id === id);
  // Without the system disk, the snapshots of the other volumes are no backup of the server.
  const lacksSystemDisk = (server: Server) =>
    volumes.some((volume) => isSystemDiskOf(server.id)(volume) && !isTaken(server, volume.id));
  const hasVolumes = (server: Server) =>
    (wanted.has(server) && !lacksSystemDisk(server)) || volumesUnread.has(server.region);
  const planned = planSnapshots(selection.servers, snapshots, { due, now, provider, hasVolumes });
  // A run that resumes deferred work starts at another server than the runs before.
  const ordered = run.since
    ? roundRobin(planned, (now.getTime() - run.since.getTime()) / MINUTE_MS)
    : planned;
  const sharing = new Map(
    regions.flatMap((one) => {
      const here = selection.servers.filter(({ region }) => region === one.region);
      return [...sharingServers(here, one.volumes, provider)];
    }),
  );
  const { images: steps, volumes: sets } = withNumberOfParts(
    await setsWithinQuotas(session, ordered, wanted, volumes),
    sharing,
  );
  const toTake = steps.flatMap(({ action, server }) => [
    ...(action === 'take' ? [server] : []),
    ...(sets.get(server) ?? []).filter((one) => one.action === 'take').map(() => server),
  ]);
  if (!event.dryRun) await spreadUnderLimits(session, toTake);
  const take: TakeContext = {
    session,
    due,
    sets,
    readVolume,
    inheriting: inheritedMakers(regions),
    readerFor: (region) => readers.get(region)!,
    recordTaken: request.recordTaken,
  };
  const begun = await pMap(
    steps,
    (step) => (event.dryRun ? plannedSet(step, sets.get(step.server)) : takeSet(take, step)),
    { concurrency: AT_ONCE },
  );
  const { images, warnings } = await confirmTaken(take, begun);
  const confirmed = await confirmVolumes(
    take,
    begun.map(({ volumes: its }) => its),
  );
  warnings.push(...confirmed.warnings);
  const results = steps.map(({ server }, i) => ({
    server,
    image: images[i]!,
    volumes: confirmed.volumes[i]!,
  }));
  const entries = withSharedVolumes(results, sharing, sets).map((its, i) =>
    entryOfSet(images[i]!, its, isBusyCode),
  );

  const idCode = only === undefined ? 'ID_UNKNOWN' : 'ID_NOT_IN_POLICY';
  const isByHand = isAdhoc(event) || only !== undefined;
  const unmatched: Finding[] = selection.unmatched.map((selector) => ({
    code: 'SELECTOR_UNMATCHED',
    selector,
    isPart: only !== undefined,
  }));
  if (selection.allExcepted && unknown.length === 0) {
    unmatched.push({ code: 'SERVERS_ALL_EXCEPTED', isPartial: unreadable.length > 0 });
  }
  const failures = [
    ...unreadableRegions('snapshot', unreadable),
    ...unservedVolumes(regions, selection.servers),
    ...(rule === 'none'
      ? []
      : unreadableVolumes(
          regions.filter(({ region }) => selection.servers.some((server) => server.region === region)),
        )),
    // An operator relies on a snapshot that was requested by hand.
    ...(isByHand ? unmatched : []),
  ];
  const unprotected = isByHand ? [] : await localDisksFinder(session)(selection.servers, event);
  const excepted =
    isAdhoc(event) || isByHand
      ? []
      : regions.flatMap((one) =>
          exceptedVolumes(one, selection.servers, event, { policies: policies ?? [], provider }),
        );
  const nextRun = isAdhoc(event) ? undefined : event.schedule.next(now);
  return finishReport({
    job: 'snapshot',
    policy: due.policy,
    owner,
    account: event.account,
    dryRun: event.dryRun,
    slot: isoSeconds(due.slot),
    lateSeconds: Math.floor((now.getTime() - due.slot.getTime()) / 1000),
    ...(nextRun ? { nextRun: isoSeconds(nextRun) } : {}),
    failures,
    unreadable,
    ...deferredWork(entries),
    warnings: [
      ...(isByHand ? [] : unmatched),
      ...(selection.exceptedIds.length > 0
        ? [{ code: 'IDS_EXCEPTED', ids: selection.exceptedIds } as const]
        : []),
      ...regions.flatMap((one) =>
        otherDoubts(one).map(
          (problem): Finding => ({ code: 'SERVERS_DOUBTFUL', region: one.region, problem }),
        ),
      ),
      ...warnings,
      ...request.warnings,
      ...unprotected,
      ...excepted,
      ...regionsWithoutCleanup(event, entries, policies).map(
        (where): Finding => ({ code: 'EXPIRY_WITHOUT_CLEANUP', where }),
      ),
    ],
    nothingSelected: selection.unmatched.length > 0 || selection.servers.length === 0,
    entries: [
      ...unknown,
      ...missingEntries(
        selection.missingIds.filter((id) => !unknown.some(({ server }) => server === id)),
        snapshots,
        unreadable.length > 0 ? 'ID_UNREADABLE' : request.servers ? 'SERVER_GONE_BY_NOW' : idCode,
      ),
      ...entries,
    ],
  });
}

/**
 * The time since when a snapshot counts as recent. A server that the listing lacks is requested by
 * its id only if it has a recent snapshot, so that deleted servers are not requested forever.
 */
function recentSince(event: Policy | Adhoc, now: Date): Date {
  const everyMs = isAdhoc(event) ? 0 : (intervalMs(event.schedule, now) ?? 0);
  return new Date(now.getTime() - Math.max(3 * everyMs, DAY_MS));
}

/** The policy that classifies images; an ad-hoc event adopts none. */
function readingPolicyOf(event: Policy | Adhoc, { policy }: DueSnapshots): ReadingPolicy {
  return isAdhoc(event) ? { policy, servers: event.servers, adopt: undefined } : event;
}

/**
 * The work that resumes later: servers that the run did not reach before its deadline, and busy
 * servers.
 */
function deferredWork(entries: readonly Entry[]): Pick<Report, 'left'> {
  const late = entries.filter(({ outcome }) => outcome === 'deferred').length;
  const busy = entries.filter(({ outcome, code }) => outcome === 'skipped' && isBusyCode(code));
  const servers = busy.slice(0, MOST_NAMES).map(({ name, region }) => ({ name, region }));
  if (late + busy.length === 0) return {};
  return {
    left: {
      ...(late > 0 ? { outOfTime: late } : {}),
      ...(busy.length > 0 ? { busy: { servers, more: busy.length - servers.length } } : {}),
    },
  };
}

/**
 * The regions with new snapshots that expire, and that no policy of the deployment includes, so
 * that no cleanup would delete them.
 */
function regionsWithoutCleanup(
  event: Policy | Adhoc,
  entries: readonly Entry[],
  policies: Run['policies'],
): string[] {
  if (!isAdhoc(event) || event.expires === undefined || !policies) return [];
  const looks = (region: string) =>
    policies.some(
      (one) =>
        includesAccount(one.account ?? event.account, event.account) &&
        (one.regions?.includes(region) ?? true),
    );
  const taken = new Set(entries.filter(({ outcome }) => outcome === 'taken').map(({ region }) => region));
  return [...taken].filter((region) => !looks(region));
}
