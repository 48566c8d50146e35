import pMap from 'p-map';
import { includesAccount } from '../config/accounts.ts';
import { byTime, DAY_MS, isoSeconds, MINUTE_MS } from '../config/dates.ts';
import { type Adhoc, isAdhoc, type Policy, type Selector } from '../config/policy.ts';
import { intervalMs } from '../config/schedule.ts';
import { createImage, type NewImage, type Server } from '../openstack/compute.ts';
import { errorFactsOf, isCloudError, restated } from '../openstack/errors.ts';
import { getImage, type Image, listImages, listImagesById } from '../openstack/images.ts';
import { volumeQuotas } from '../openstack/quota.ts';
import { spreadUnderLimits } from '../openstack/rate-limits.ts';
import { getServer, type ServerDetail } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import {
  getVolumeSnapshots,
  listVolumeSnapshots,
  type VolumeSnapshot,
} from '../openstack/volume-snapshots.ts';
import { type Finding, type Reason, type ReasonCode, unreadableRegions } from '../reporting/reasons.ts';
import { type Entry, finishReport, isBusyCode, NOWHERE, type Report } from '../reporting/report.ts';
import { ERRORS } from '../reporting/sentences/errors.ts';
import { reasonOf } from '../reporting/sentences.ts';
import type { Run } from '../runtime/run.ts';
import { type VolumeReader, volumeReaderOf } from '../volumes/marker.ts';
import type { VolumeStep } from '../volumes/plan.ts';
import { entryOfSet, planSets, withinQuotas } from '../volumes/snapshot-set.ts';
import { takeVolume, unchangedVolume, type VolumeResult } from '../volumes/take.ts';
import { blockingRefusal, blockingState } from './blocking-state.ts';
import { blueprintText } from './blueprint.ts';
import {
  type DueSnapshots,
  dueAdhoc,
  dueBySchedule,
  NO_RECORD,
  type RequestRecord,
  requestOf,
} from './due-snapshots.ts';
import { imageName } from './image-name.ts';
import { homesNotInCatalogue, listInventory } from './inventory.ts';
import { localDisksFinder } from './local-disks.ts';
import {
  CREATED_BY,
  CREATED_BY_KEY,
  EARLY_MS,
  isEmpty,
  isSnapshot,
  isStuck,
  markerOf,
  type Snapshot,
  serverNameIn,
} from './marker.ts';
import { type Reader, type ReadingPolicy, readerOf } from './ownership.ts';
import {
  otherDoubts,
  type RegionInventory,
  type UncertainServer,
  unreadableVolumes,
  unservedVolumes,
} from './region-inventory.ts';
import { endOf } from './retention.ts';
import { roundRobin } from './round-robin.ts';
import { maySelect, type Selection, selectServers } from './selector.ts';

// Rackspace allows 100 POSTs a minute; 8 at once reach this rate if each takes less than 4.8
// seconds.
const AT_ONCE = 8;
const MOST_NAMES = 10;

export type SnapshotStep =
  | { action: 'take'; server: Server; image: NewImage }
  | { action: 'skip' | 'fail'; server: Server; reason: Reason };

interface SnapshotPlanOptions {
  due: DueSnapshots;
  now: Date;
  provider: Session['provider'];
  /** Whether the volumes of a server have snapshots of their own. */
  hasVolumes?: (server: Server) => boolean;
}

/**
 * Plans a step for each selected server from the existing snapshots. The servers with the oldest
 * snapshots come first, because the run may reach its deadline before the last server.
 *
 * A server is skipped when the snapshot that is due exists and is neither failed nor empty, when a
 * snapshot of its series is pending, or when the server is busy. A server fails when the existing
 * snapshot expires earlier than requested now, when the image that the same request has made is
 * gone, or when the cloud makes no image of the server until an operator acts.
 */
export function planSnapshots(
  servers: readonly Server[],
  snapshots: readonly Snapshot[],
  { due, now, provider, hasVolumes = () => false }: SnapshotPlanOptions,
): SnapshotStep[] {
  const series = Map.groupBy(
    snapshots.filter(({ policy }) => policy === due.policy),
    ({ region, server }) => `${region} ${server}`,
  );
  const seriesOf = ({ region, id }: Server) => series.get(`${region} ${id}`) ?? [];
  return byNewestSnapshot(servers, seriesOf, now).map((server): SnapshotStep => {
    const skip = (reason: Reason): SnapshotStep => ({ action: 'skip', server, reason });
    const alive = seriesOf(server).filter((s) => mayBeGood(s) && !isStuck(s, server.taskState, now));
    const taken = longestKept(alive.filter(due.isMet));
    if (taken) {
      const { id: image, status } = taken;
      const end = endOf(taken);
      const until = end && isoSeconds(end);
      return until && due.endsTooSoon?.(taken)
        ? { action: 'fail', server, reason: { code: 'REQUEST_ENDS_SOONER', image, until } }
        : skip({ code: 'ALREADY_TAKEN', image, status, ...(until ? { until } : {}) });
    }
    if (due.overSince) {
      return { action: 'fail', server, reason: { code: 'REQUEST_OVER', since: isoSeconds(due.overSince) } };
    }
    const image = due.lostImage?.(server, seriesOf(server));
    if (image !== undefined) {
      return { action: 'fail', server, reason: { code: 'REQUEST_TOOK_IT_BEFORE', image } };
    }
    if (server.volumeBacked && provider === 'rackspace') {
      return hasVolumes(server)
        ? skip({ code: 'ON_VOLUMES_ALONE' })
        : { action: 'fail', server, reason: { code: 'VOLUME_SERVER_AT_RACKSPACE' } };
    }
    const blocking = blockingState(server);
    if (blocking) return { action: 'fail', server, reason: blocking };
    if (server.taskState !== null) return skip({ code: 'SERVER_BUSY', taskState: server.taskState });
    const pending = alive.find(({ state }) => state === 'pending');
    if (pending) return skip({ code: 'SNAPSHOT_PENDING', image: pending.id, status: pending.status });
    return {
      action: 'take',
      server,
      image: newImage(server, due),
    };
  });
}

function newImage(server: Server, due: Pick<DueSnapshots, 'policy' | 'slot' | 'marker'>): NewImage {
  const name = imageName(server, due.policy, due.slot);
  const blueprint = blueprintText(server, name);
  return { name, metadata: markerOf({ ...due.marker(server), blueprint }) };
}

/** Whether a snapshot is good or may become good. */
function mayBeGood(snapshot: Snapshot): boolean {
  return snapshot.state !== 'failed' && !isEmpty(snapshot);
}

/** The snapshot with the latest expiry. */
function longestKept(snapshots: readonly Snapshot[]): Snapshot | undefined {
  const endMs = (snapshot: Snapshot) => endOf(snapshot)?.getTime() ?? Number.POSITIVE_INFINITY;
  return snapshots.toSorted((a, b) => (endMs(a) < endMs(b) ? 1 : -1))[0];
}

/**
 * Sorts servers by their newest good snapshot, the oldest first; servers without one come before
 * all others.
 */
function byNewestSnapshot(
  servers: readonly Server[],
  seriesOf: (server: Server) => readonly Snapshot[],
  now: Date,
): Server[] {
  const newestMs = new Map(
    servers.map((server) => {
      const good = seriesOf(server).filter(({ state, slot }) => state === 'good' && slot <= now);
      return [server, Math.max(0, ...good.map(({ slot }) => slot.getTime()))];
    }),
  );
  return servers.toSorted((a, b) => newestMs.get(a)! - newestMs.get(b)!);
}

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
  const rule = isAdhoc(event) ? 'attached' : event.volumes;

  const since = recentSince(event, now);
  const { regions, unsure, ...found } = await listInventory(session, event.regions, {
    owner,
    ids: [...ids, ...(only?.ids ?? [])],
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
  const selection = selectServers(servers, event.servers);
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
  const unknown = unknownServers(unsure, recent, event.servers);
  const readVolume = volumeReaderOf({
    owner,
    policies: [...(policies ?? []), ...(isAdhoc(event) ? [] : [event])],
  });
  const wanted = planSets(regions, selection.servers, { due, now, rule, provider, read: readVolume });
  const volumesUnread = new Set(regions.flatMap((one) => (one.volumesUnread ? one.region : [])));
  const hasVolumes = (server: Server) => wanted.has(server) || volumesUnread.has(server.region);
  const planned = planSnapshots(selection.servers, snapshots, { due, now, provider, hasVolumes });
  // A run that resumes deferred work starts at another server than the runs before.
  const steps = run.since ? roundRobin(planned, (now.getTime() - run.since.getTime()) / MINUTE_MS) : planned;
  const order = steps.map(({ server }) => server);
  const sets = await setsWithinQuotas(session, wanted, order);
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
  const entries = begun.map(({ volumes }, i) => entryOfSet(images[i]!, volumes, isBusyCode));

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
      ...regionsWithoutCleanup(event, entries, policies).map(
        (where): Finding => ({ code: 'EXPIRY_WITHOUT_CLEANUP', where }),
      ),
    ],
    nothingSelected: selection.unmatched.length > 0 || selection.servers.length === 0,
    entries: [
      ...unknown,
      ...missingEntries(
        selection.missingIds.filter((id) => !unknown.some(({ server }) => server === id)),
        only !== undefined,
        unreadable.length > 0,
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
 * Whether an image of a server would inherit the property {@link CREATED_BY_KEY} of another maker.
 */
type MarkInheritance = 'certain' | 'possible' | 'none';

/**
 * Whether the image of each server would inherit the mark of Rackspace's image schedule, which
 * deletes the oldest images with its mark. In other clouds, an image that was moved from Rackspace
 * may have the mark. The image from which the server was made decides. If that image is not listed,
 * an earlier snapshot of the server may show the mark.
 */
function inheritedMakers(regions: readonly RegionInventory[]): Map<Server, MarkInheritance> {
  return new Map(
    regions.flatMap(({ servers, images }) => {
      const says = ({ properties }: Image) => (properties[CREATED_BY_KEY] ?? CREATED_BY) !== CREATED_BY;
      const imageOf = new Map(images.map((image) => [image.id, image]));
      const shown = new Set(images.filter(says).map(({ properties }) => properties.autosnap_server));
      return servers.map((server): [Server, MarkInheritance] => {
        const base = imageOf.get(server.imageId ?? '');
        if (base ? says(base) : shown.has(server.id)) return [server, 'certain'];
        return [server, base && !shown.has(server.id) ? 'none' : 'possible'];
      });
    }),
  );
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
 * The failed entries of servers that the policy may select, and whose existence is unknown, for
 * example because their Nova cell is down. The policy names these servers, or they have recent
 * snapshots.
 */
function unknownServers(
  unsure: readonly UncertainServer[],
  recent: readonly Snapshot[],
  selector: Policy['servers'],
): Entry[] {
  return [...Map.groupBy(unsure, ({ id }) => id)].flatMap(([id, all]): Entry[] => {
    const snapshot = recent.find(({ server }) => server === id);
    const { region, problem } = all.find((one) => one.region === snapshot?.region) ?? all[0]!;
    const name = snapshot && serverNameIn(snapshot);
    const isNamed = (selector.only ?? selector).ids?.includes(id);
    if (!(snapshot || isNamed) || !maySelect(id, name, selector)) return [];
    const reason = reasonOf({ code: 'SERVER_UNKNOWN', server: id, problem });
    return [{ server: id, name: name ?? id, region, outcome: 'failed', ...reason }];
  });
}

function missingEntries(
  missingIds: Selection['missingIds'],
  isPart: boolean,
  someUnreadable: boolean,
): Entry[] {
  const code = someUnreadable ? 'ID_UNREADABLE' : isPart ? 'ID_NOT_IN_POLICY' : 'ID_UNKNOWN';
  return missingIds.map((server) => ({
    server,
    name: server,
    region: NOWHERE,
    outcome: 'failed',
    ...reasonOf({ code }),
  }));
}

function dryRunEntry(step: SnapshotStep): Entry {
  return step.action === 'take'
    ? {
        ...serverFields(step.server),
        outcome: 'planned',
        ...reasonOf({ code: 'WOULD_TAKE', name: step.image.name }),
      }
    : unchangedEntry(step);
}

function unchangedEntry({ server, action, reason }: Extract<SnapshotStep, { reason: Reason }>): Entry {
  return {
    ...serverFields(server),
    outcome: action === 'skip' ? 'skipped' : 'failed',
    ...reasonOf(reason),
    ...stateIn(reason),
  };
}

function serverFields({ id, name, region }: Server): Pick<Entry, 'server' | 'name' | 'region'> {
  return { server: id, name, region };
}

/** The context for taking the snapshots of a run. */
interface TakeContext {
  session: Session;
  due: DueSnapshots;
  /** The steps for the volumes of each server. */
  sets: ReadonlyMap<Server, readonly VolumeStep[]>;
  readVolume: VolumeReader;
  inheriting: ReadonlyMap<Server, MarkInheritance>;
  readerFor(region: string): Reader;
  recordTaken: RequestRecord['recordTaken'];
}

/** The results for the parts of one server: its image, and its volumes. */
interface SetResult {
  image: Entry;
  volumes: VolumeResult[];
}

/** The codes with which the image of a server is left to a later try, and its volumes with it. */
const LATER: readonly (ReasonCode | undefined)[] = [
  'SERVER_BUSY',
  'SNAPSHOT_PENDING',
  'CONFLICT',
  'NEXT_SLOT',
  'DEADLINE',
];

/**
 * Requests the image of a server, and right after it the snapshots of its volumes. If the image is
 * left to a later try, so are the volumes, because the parts of a set belong together.
 */
async function takeSet(context: TakeContext, step: SnapshotStep): Promise<SetResult> {
  const { session, due, sets, readVolume } = context;
  const image = await takeStep(context, step);
  const steps = sets.get(step.server) ?? [];
  if (LATER.includes(image.code) || outsideSlot(session, due)) return { image, volumes: [] };
  const accepted = image.outcome === 'taken' ? [new Date()] : [];
  const { region } = step.server;
  const volumes = await pMap(
    steps,
    (one) =>
      one.action === 'take'
        ? takeVolume({ session, region, read: readVolume, isMet: due.isMet }, one)
        : unchangedVolume(one),
    { concurrency: AT_ONCE },
  );
  const times = [...accepted, ...volumes.flatMap(({ at }) => at ?? [])].sort(byTime);
  return { image: { ...image, ...spreadOf(times) }, volumes };
}

/** The time between the first and the last of the sorted times; nothing for a single one. */
function spreadOf(times: readonly Date[]): Pick<Entry, 'spreadSeconds'> {
  const [first, last] = [times[0], times.at(-1)];
  if (!first || !last || first === last) return {};
  return { spreadSeconds: Math.round((last.getTime() - first.getTime()) / 1000) };
}

function plannedSet(step: SnapshotStep, steps: readonly VolumeStep[] = []): SetResult {
  const volumes = steps.map((one): VolumeResult => {
    if (one.action !== 'take') return unchangedVolume(one);
    const { volume, snapshot } = one;
    return { volume, outcome: 'planned', reason: { code: 'WOULD_TAKE', name: snapshot.name } };
  });
  return { image: dryRunEntry(step), volumes };
}

/** {@link withinQuotas} for each region. Requests the quotas only where snapshots are due. */
async function setsWithinQuotas(
  session: Session,
  steps: ReadonlyMap<Server, VolumeStep[]>,
  order: readonly Server[],
): Promise<Map<Server, VolumeStep[]>> {
  const found = new Map(steps);
  const due = order.filter((server) => steps.get(server)?.some(({ action }) => action === 'take'));
  for (const [region, servers] of Map.groupBy(due, (server) => server.region)) {
    const quotas = await volumeQuotas(session, region);
    for (const [server, its] of withinQuotas(steps, servers, quotas)) found.set(server, its);
  }
  return found;
}

/** Why a snapshot that is requested now would not be dated within its slot. */
function outsideSlot(session: Session, { until, slot }: DueSnapshots): Reason | undefined {
  if (until && new Date() >= until) return { code: 'NEXT_SLOT' };
  const minutes = Math.round(Math.abs(session.clockAheadMs ?? 0) / 60_000);
  if (until && cloudTime(session) >= until) return { code: 'CLOCK_AHEAD', minutes };
  return cloudTime(session).getTime() < slot.getTime() - EARLY_MS
    ? { code: 'CLOCK_BEHIND', minutes }
    : undefined;
}

async function takeStep(context: TakeContext, step: SnapshotStep): Promise<Entry> {
  if (step.action !== 'take') return unchangedEntry(step);
  const { session, due } = context;
  const { server, image } = step;
  const entry = serverFields(server);
  const outside = outsideSlot(session, due);
  if (outside) {
    const outcome = outside.code === 'NEXT_SLOT' ? 'deferred' : 'failed';
    return { ...entry, outcome, ...reasonOf(outside) };
  }
  const find = () => findDueImage(context, server, image);
  try {
    const inherits = context.inheriting.get(server) ?? 'possible';
    const id = await createImageOnce(() => createOwnImage(session, server, image, { inherits, find }), find);
    if (id === undefined) {
      return { ...entry, outcome: 'failed', ...reasonOf({ code: 'IMAGE_NOT_FOUND', name: image.name }) };
    }
    await context.recordTaken?.(server, id);
    const delaySeconds = Math.max(0, Math.round((Date.now() - due.slot.getTime()) / 1000));
    const reason = reasonOf({ code: 'TAKEN', name: image.name });
    return { ...entry, outcome: 'taken', ...reason, delaySeconds, image: id };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const { code, message } = error;
    if (code === 'OUT_OF_TIME') return { ...entry, outcome: 'deferred', ...reasonOf({ code: 'DEADLINE' }) };
    if (code === 'CONFLICT') {
      const now = await currentState(session, server);
      const blocking = now && blockingRefusal(now);
      if (blocking) return { ...entry, outcome: 'failed', ...reasonOf(blocking), ...stateIn(blocking) };
      const state = now && (now.taskState ?? now.status);
      return {
        ...entry,
        outcome: 'skipped',
        ...reasonOf({ code: 'CONFLICT', message }),
        ...(state ? { state } : {}),
      };
    }
    if (code === 'NOT_FOUND' && (await isServerGone(session, server))) {
      return { ...entry, outcome: 'skipped', ...reasonOf({ code: 'SERVER_GONE_BY_NOW' }) };
    }
    return { ...entry, outcome: 'failed', ...reasonOf({ code: 'CLOUD', ...errorFactsOf(error) }) };
  }
}

function stateIn(reason: Reason): Pick<Entry, 'state'> {
  switch (reason.code) {
    case 'SERVER_BUSY':
      return { state: reason.taskState };
    case 'SNAPSHOT_PENDING':
    case 'SERVER_IN_STATE':
      return { state: reason.status };
    default:
      return {};
  }
}

/** The current state of a server, of which the cloud refuses to make an image, if known. */
async function currentState(session: Session, { region, id }: Server): Promise<ServerDetail | undefined> {
  try {
    return await getServer(session, region, id);
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return undefined;
  }
}

/** Whether a server has been deleted since it was listed. */
async function isServerGone(session: Session, { region, id }: Server): Promise<boolean> {
  try {
    return (await getServer(session, region, id)) === undefined;
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return false;
  }
}

/**
 * Searches the cloud for an image of a server that is due and has already been made. @returns its
 * id.
 */
async function findDueImage(
  { session, due, readerFor }: TakeContext,
  server: Server,
  { name }: NewImage,
): Promise<string | undefined> {
  const { region } = server;
  for (const candidate of await listImages(session, region, name)) {
    const volumeSnapshots = await getVolumeSnapshots(session, region, candidate.volumeSnapshotIds);
    const found = readerFor(region)(candidate, volumeSnapshots);
    const isDue =
      isSnapshot(found) &&
      found.server === server.id &&
      found.policy === due.policy &&
      due.isMet(found) &&
      mayBeGood(found);
    if (isDue) return found.id;
  }
  return undefined;
}

/**
 * Makes an image with {@link createImage}.
 *
 * @param inherits whether the image would inherit the mark of another maker. If so, {@link
 *   CREATED_BY} replaces that mark. If the cloud refuses this, the image is requested without it if
 *   inheritance is only possible; if it is certain, this function throws, because the image would
 *   not count.
 * @param find searches for the image, because the cloud may have made an image although it refused
 *   the request.
 */
export async function createOwnImage(
  session: Session,
  server: Pick<Server, 'id' | 'region'>,
  wanted: NewImage,
  { inherits, find }: { inherits: MarkInheritance; find: () => Promise<string | undefined> },
): Promise<string | undefined> {
  const image = { ...wanted, metadata: { ...wanted.metadata, ...imageTypeFor(session) } };
  if (inherits === 'none') return createImage(session, server, image);
  try {
    const metadata = { ...image.metadata, [CREATED_BY_KEY]: CREATED_BY };
    return await createImage(session, server, { ...image, metadata });
  } catch (error) {
    if (!isCloudError(error, 'FORBIDDEN', 'BAD_REQUEST')) throw error;
    if (inherits === 'possible') return (await find()) ?? createImage(session, server, image);
    throw restated(error, ERRORS.markInherited(CREATED_BY_KEY, error.message));
  }
}

/**
 * The property `image_type`. Nova sets it on images of servers without a root volume. The image of
 * a volume-backed server inherits it from the image of its root volume, which may be a backup of
 * another server; createBackup of that server deletes its oldest backups. Rackspace makes no images
 * of volume-backed servers, so it needs no `image_type`.
 *
 * `POST /servers/{id}/action` createBackup: Nova compute API 2.1.
 */
function imageTypeFor({ provider }: Session): Record<string, string> {
  return provider === 'rackspace' ? {} : { image_type: 'snapshot' };
}

/**
 * Requests an image. If the answer leaves open whether the cloud carried out the request, looks for
 * the image first and then repeats the request once.
 *
 * @returns the image's id; undefined if the cloud accepted the request, but no image can be found.
 */
async function createImageOnce(
  create: () => Promise<string | undefined>,
  find: () => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return (await create()) ?? (await find());
  } catch (error) {
    if (!isCloudError(error, 'NO_ANSWER', 'UNAVAILABLE', 'BAD_ANSWER')) throw error;
    return (await find()) ?? (await create()) ?? (await find());
  }
}

/**
 * Reads the images that the run has requested. If an image does not exist, or the next run would
 * not recognise it as a snapshot, its entry fails. An image that the listing lacks is requested by
 * its id.
 */
async function confirmTaken(
  { session, readerFor }: TakeContext,
  begun: readonly SetResult[],
): Promise<{ images: Entry[]; warnings: Finding[] }> {
  const entries = begun.map(({ image }) => image);
  const taken = entries.filter(({ outcome }) => outcome === 'taken');
  const problems = new Map<Entry, Reason>();
  const warnings: Finding[] = [];
  for (const [region, its] of Map.groupBy(taken, (entry) => entry.region)) {
    try {
      const listed = await listImagesById(session, region, new Set(its.map(({ image }) => image!)));
      const isOnVolumes = [...listed.values()].some((image) => image.volumeSnapshotIds.length > 0);
      const volumeSnapshots = isOnVolumes ? await listVolumeSnapshots(session, region) : [];
      for (const entry of its) {
        const image = listed.get(entry.image!) ?? (await getImage(session, region, entry.image!));
        const problem: Reason | undefined = image
          ? rejection(
              image,
              readerFor(region)(image, await volumeSnapshotsOf(session, image, volumeSnapshots)),
            )
          : { code: 'IMAGE_LOST', image: entry.image! };
        if (problem) problems.set(entry, problem);
      }
    } catch (error) {
      if (!isCloudError(error)) throw error;
      warnings.push({ code: 'TAKEN_UNCONFIRMED', region, message: error.message });
    }
  }
  return {
    warnings,
    images: entries.map((entry) => {
      const reason = problems.get(entry);
      return reason ? { ...entry, outcome: 'failed', ...reasonOf(reason) } : entry;
    }),
  };
}

/**
 * The volume snapshots that an image names. Those that the listing lacks are requested by their
 * ids.
 */
async function volumeSnapshotsOf(
  session: Session,
  { region, volumeSnapshotIds }: Image,
  listed: readonly VolumeSnapshot[],
): Promise<VolumeSnapshot[]> {
  const found = listed.filter(({ id }) => volumeSnapshotIds.includes(id));
  const unlisted = volumeSnapshotIds.filter((id) => !found.some((one) => one.id === id));
  return [...found, ...(await getVolumeSnapshots(session, region, unlisted))];
}

/**
 * Why the next run would not recognise a new image as a good or pending snapshot; undefined if it
 * would.
 */
function rejection({ id }: Image, read: ReturnType<Reader>): Reason | undefined {
  if (isSnapshot(read)) {
    if (isEmpty(read)) return { code: 'IMAGE_EMPTY', image: id, hasSize: (read.sizeBytes ?? 0) > 0 };
    return read.state === 'failed' ? { code: 'IMAGE_FAILED', image: id, status: read.status } : undefined;
  }
  return read === undefined
    ? { code: 'MARKER_LOST', image: id }
    : { code: 'IMAGE_REJECTED', image: id, problem: read.problem };
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
