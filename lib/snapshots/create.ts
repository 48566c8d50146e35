import pMap from 'p-map';
import { covers } from '../config/accounts.ts';
import { isoSeconds } from '../config/dates.ts';
import { ADHOC, type Adhoc, isAdhoc, type Policy, type Selector } from '../config/policy.ts';
import { intervalMs, type Schedule } from '../config/schedule.ts';
import { invalidEvent } from '../config/validation-error.ts';
import { createImage, type NewImage, type Server } from '../openstack/compute.ts';
import { factsOf, isCloudError, restated } from '../openstack/errors.ts';
import { getImage, type Image, listImages, listImagesById } from '../openstack/images.ts';
import { spreadUnderLimits } from '../openstack/rates.ts';
import { getServer } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import { getVolumeSnapshots, listVolumeSnapshots, type VolumeSnapshot } from '../openstack/volumes.ts';
import { type Finding, type Reason, type ReasonCode, unreadableRegions } from '../reporting/reasons.ts';
import { type Entry, finishReport, NOWHERE, type Report } from '../reporting/report.ts';
import { reasonOf } from '../reporting/sentences.ts';
import type { TakenImage } from '../runtime/request-log.ts';
import type { Run } from '../runtime/run.ts';
import { lastingRefusal, lastingState } from './blocking-state.ts';
import { blueprintText } from './blueprint.ts';
import { listInventory, unnamedHomes } from './inventory.ts';
import {
  ADHOC_MS,
  CREATED_BY,
  CREATED_BY_KEY,
  EARLY_MS,
  isEmpty,
  isSnapshot,
  isStuck,
  markerOf,
  nameEnding,
  type Snapshot,
  serverNameIn,
} from './marker.ts';
import { type Reader, type ReadingPolicy, readerOf } from './ownership.ts';
import type { RegionInventory, UncertainServer } from './region-inventory.ts';
import { endOf } from './retention.ts';
import { inTurn } from './round-robin.ts';
import { maySelect, type Selection, selectServers } from './selector.ts';
import { unprotectedDataFinder } from './unprotected-data.ts';

// Enough for Rackspace's 100 POSTs a minute while each takes less than 4.8 seconds.
const AT_ONCE = 8;
/**
 * Nova takes 255 characters, and puts "snapshot for " before it to name the snapshots of volumes.
 */
const LONGEST_NAME = 242;
const MOST_NAMES = 10;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** The last part of a slot, in which no snapshot is begun any more. */
const LAST_MS = 60_000;
/** Reasons that skip a server only temporarily. */
const BUSY: readonly (ReasonCode | undefined)[] = ['SERVER_BUSY', 'SNAPSHOT_PENDING', 'CONFLICT'];

/** What a run has to take: one snapshot for each server, of one policy for one slot, or ad hoc. */
interface Due {
  policy: string;
  slot: Date;
  /** The deadline: an image that is created later does not belong to this slot. */
  until?: Date | undefined;
  /** Whether a snapshot of this policy is the one that is due: then none is taken. */
  isMet(snapshot: Snapshot): boolean;
  /**
   * Ad-hoc snapshots: whether a snapshot that meets the request expires before the requested end.
   */
  endsTooSoon?(snapshot: Snapshot): boolean;
  /** When the snapshot was requested, if that is too long ago to take it. */
  overSince?: Date | undefined;
  /**
   * Ad-hoc snapshots: the image that an earlier call of the request made of a server, if it is not
   * among its snapshots.
   */
  lostImage?(server: Server, snapshots: readonly Snapshot[]): string | undefined;
  /** The marker of the new snapshot. */
  metadata(server: Server): Record<string, string>;
}

export type SnapshotStep =
  | { action: 'take'; server: Server; image: NewImage }
  | { action: 'skip' | 'fail'; server: Server; reason: Reason };

interface PlanOptions {
  due: Due;
  now: Date;
  provider: Session['provider'];
}

/**
 * What to do with each selected server, given the existing snapshots; the longest unprotected
 * server first, because the run may reach its deadline before the last.
 *
 * A server is skipped when the snapshot that is due exists and has neither failed nor come out
 * empty, when a snapshot of its series is pending, or when the server is busy. It fails when the
 * existing snapshot expires earlier than requested now, or is gone although the same request has
 * made it. It also fails when the server is in a state in which the cloud makes no image of it, and
 * which only a person ends.
 */
export function planSnapshots(
  servers: readonly Server[],
  snapshots: readonly Snapshot[],
  { due, now, provider }: PlanOptions,
): SnapshotStep[] {
  const series = Map.groupBy(
    snapshots.filter(({ policy }) => policy === due.policy),
    ({ region, server }) => `${region} ${server}`,
  );
  const seriesOf = ({ region, id }: Server) => series.get(`${region} ${id}`) ?? [];
  return byNeed(servers, seriesOf, now).map((server): SnapshotStep => {
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
      return { action: 'fail', server, reason: { code: 'VOLUME_SERVER_AT_RACKSPACE' } };
    }
    const lasting = lastingState(server);
    if (lasting) return { action: 'fail', server, reason: lasting };
    if (server.taskState !== null) return skip({ code: 'SERVER_BUSY', taskState: server.taskState });
    const pending = alive.find(({ state }) => state === 'pending');
    if (pending) return skip({ code: 'SNAPSHOT_PENDING', image: pending.id, status: pending.status });
    return {
      action: 'take',
      server,
      image: { name: imageName(server, due.policy, due.slot), metadata: due.metadata(server) },
    };
  });
}

/** Whether a snapshot is good, or may become so. */
function mayBeGood(snapshot: Snapshot): boolean {
  return snapshot.state !== 'failed' && !isEmpty(snapshot);
}

/** The snapshot that stays the longest. */
function longestKept(snapshots: readonly Snapshot[]): Snapshot | undefined {
  const endMs = (snapshot: Snapshot) => endOf(snapshot)?.getTime() ?? Number.POSITIVE_INFINITY;
  return snapshots.toSorted((a, b) => (endMs(a) < endMs(b) ? 1 : -1))[0];
}

/** Servers without a good snapshot first, then by the newest good one, the oldest first. */
function byNeed(
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

/** The name of a snapshot: starts with the name of the server, ends with {@link nameEnding}. */
export function imageName(server: Pick<Server, 'id' | 'name'>, policy: string, slot: Date): string {
  const suffix = nameEnding(policy, slot);
  const printable = server.name.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '').trim() || server.id;
  return printable.slice(0, LONGEST_NAME - suffix.length).toWellFormed() + suffix;
}

/**
 * Takes the snapshots that an event requests, or plans them in a dry run. Returns when the cloud
 * has accepted them. The cloud makes them asynchronously, and cleanup sees how they ended.
 *
 * @throws {ValidationError} for a schedule that has not fired yet.
 */
export async function takeSnapshots(session: Session, event: Policy | Adhoc, run: Run): Promise<Report> {
  const { owner, now, policies } = run;
  const request = isAdhoc(event) ? await requestOf(event, run) : UNREMEMBERED;
  const due = isAdhoc(event) ? dueByHand(event, run, request) : dueBySchedule(event, run);
  const { projectId, provider } = session;
  const { ids = [], only }: Selector = event.servers;

  const since = lookedForSince(event, now);
  const { regions, unsure, ...found } = await listInventory(session, event.regions, {
    owner,
    ids: [...ids, ...(only?.ids ?? [])],
    since,
  });
  const readers = new Map(
    regions.map((one) => [one.region, readerOf(one, readAs(event, due), { owner, projectId, policies })]),
  );
  const snapshots = regions
    .flatMap(({ region, images, volumeSnapshots }) =>
      images.map((image) => readers.get(region)!(image, volumeSnapshots)),
    )
    .filter(isSnapshot);
  const servers = regions.flatMap((r) => r.servers);
  const selection = selectServers(servers, event.servers);
  const young = snapshots.filter(
    ({ policy, createdAt }) => (isAdhoc(event) || policy === due.policy) && createdAt >= since,
  );
  const youngIds = new Set(young.map(({ id }) => id));
  const youngImages = regions.flatMap(({ images }) => images.filter(({ id }) => youngIds.has(id)));
  const lost = event.regions ? [] : [...unnamedHomes(session, youngImages)];
  const unreadable = [
    ...found.unreadable,
    ...lost.map((region) => ({
      region,
      problem: { code: 'REGION_NOT_IN_CATALOGUE', known: session.regions } as const,
    })),
  ];
  const unknown = unknownServers(unsure, young, event.servers);
  const planned = planSnapshots(selection.servers, snapshots, { due, now, provider });
  // A run that resumes deferred work starts at another server than the runs before.
  const steps = run.since ? inTurn(planned, (now.getTime() - run.since.getTime()) / MINUTE_MS) : planned;
  const toTake = steps.filter(({ action }) => action === 'take').map(({ server }) => server);
  if (!event.dryRun) await spreadUnderLimits(session, toTake);
  const take: Taking = {
    session,
    due,
    inheriting: inheritingMaker(regions),
    readerFor: (region) => readers.get(region)!,
    remember: request.remember,
  };
  const begun = await pMap(steps, (step) => (event.dryRun ? dryStep(step) : takeStep(take, step)), {
    concurrency: AT_ONCE,
  });
  const { entries, warnings } = await confirmTaken(take, begun);

  const isByHand = isAdhoc(event) || only !== undefined;
  const unmatched = selection.unmatched.map(
    (selector): Finding => ({ code: 'SELECTOR_UNMATCHED', selector, isPart: only !== undefined }),
  );
  const failures = [
    ...unreadableRegions('snapshot', unreadable),
    // An operator relies on a snapshot that was requested by hand.
    ...(isByHand ? unmatched : []),
  ];
  const unprotected = isByHand ? [] : await unprotectedDataFinder(session)(selection.servers, event);
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
    ...leftOf(entries),
    warnings: [
      ...(isByHand ? [] : unmatched),
      ...(selection.exceptedIds.length > 0
        ? [{ code: 'IDS_EXCEPTED', ids: selection.exceptedIds } as const]
        : []),
      ...regions.flatMap(({ region, doubts }) =>
        doubts.map((problem): Finding => ({ code: 'SERVERS_DOUBTFUL', region, problem })),
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
      ...missing(
        selection.missingIds.filter((id) => !unknown.some(({ server }) => server === id)),
        only !== undefined,
        unreadable.length > 0,
      ),
      ...entries,
    ],
  });
}

/**
 * A server that the listing lacks is requested by its id while it has a recent snapshot. This limit
 * ends the requests for servers that are gone.
 */
function lookedForSince(event: Policy | Adhoc, now: Date): Date {
  const everyMs = isAdhoc(event) ? 0 : (intervalMs(event.schedule, now) ?? 0);
  return new Date(now.getTime() - Math.max(3 * everyMs, DAY_MS));
}

/** The policy that classifies images; an ad-hoc event adopts none. */
function readAs(event: Policy | Adhoc, { policy }: Due): ReadingPolicy {
  return isAdhoc(event) ? { policy, servers: event.servers, adopt: undefined } : event;
}

/** Whether an image of a server would inherit that something else has made it. */
type Inheritance = 'certain' | 'possible' | 'none';

/**
 * The servers whose images would inherit the mark of Rackspace's own schedule, which deletes the
 * oldest of its images. Elsewhere, these are servers made from an image that was moved from
 * Rackspace. Included are all servers except those whose own image is listed and has no such mark.
 * Where that image is not listed, an earlier snapshot of the server may show the mark.
 */
function inheritingMaker(regions: readonly RegionInventory[]): Map<Server, Inheritance> {
  return new Map(
    regions.flatMap(({ servers, images }) => {
      const says = ({ properties }: Image) => (properties[CREATED_BY_KEY] ?? CREATED_BY) !== CREATED_BY;
      const imageOf = new Map(images.map((image) => [image.id, image]));
      const shown = new Set(images.filter(says).map(({ properties }) => properties.autosnap_server));
      return servers.map((server): [Server, Inheritance] => {
        const base = imageOf.get(server.imageId ?? '');
        if (base ? says(base) : shown.has(server.id)) return [server, 'certain'];
        return [server, base && !shown.has(server.id) ? 'none' : 'possible'];
      });
    }),
  );
}

/** What resumes later: servers that the run did not reach before its deadline, and busy servers. */
function leftOf(entries: readonly Entry[]): Pick<Report, 'left'> {
  const late = entries.filter(({ outcome }) => outcome === 'deferred').length;
  const busy = entries.filter(({ outcome, code }) => outcome === 'skipped' && BUSY.includes(code));
  const servers = busy.slice(0, MOST_NAMES).map(({ name, region }) => ({ name, region }));
  if (late + busy.length === 0) return {};
  return {
    left: {
      ...(late > 0 ? { outOfTime: late } : {}),
      ...(busy.length > 0 ? { busy: { servers, more: busy.length - servers.length } } : {}),
    },
  };
}

function dueBySchedule({ policy, schedule }: Policy, { owner, now, since = now }: Run): Due {
  const slot = schedule.slot(since);
  if (!slot) {
    throw invalidEvent('schedule: has not fired yet: to take a snapshot now, send an ad-hoc event');
  }
  return {
    policy,
    slot,
    until: endOfSlot(schedule, since),
    // A newer snapshot also counts, because the schedule may have changed since.
    isMet: (snapshot) =>
      schedule.covers(snapshot.slot, since) || (snapshot.slot > slot && snapshot.slot <= now),
    metadata: (server) => {
      const blueprint = blueprintText(server, imageName(server, policy, slot));
      return markerOf({ owner, policy, server: server.id, slot, blueprint });
    },
  };
}

/** A little before the next slot, because a request may have to wait for the rate limit. */
function endOfSlot(schedule: Schedule, since: Date): Date | undefined {
  const next = schedule.next(since);
  const everyMs = intervalMs(schedule, since) ?? 0;
  return next && new Date(next.getTime() - Math.min(LAST_MS, everyMs / 60));
}

/**
 * What an ad-hoc event has to take. A retry is known by its request, or by the id of its
 * invocation, which Lambda keeps for retries.
 */
function dueByHand(
  { expires: afterMs, request: named }: Adhoc,
  { owner, now, since = now, requestId }: Run,
  { firstAskedAt = since, taken }: AskedRequest,
): Due {
  const request = named ?? requestId;
  // From its creation, because the server may have been busy until then.
  const expires = () => (afterMs === undefined ? undefined : new Date(Date.now() + afterMs));
  // A run that resumes does not retake snapshots that have expired meanwhile.
  const isOfThisRun = ({ slot }: Snapshot) => isoSeconds(slot) === isoSeconds(since);
  // A request of a restore may have the same name.
  const isOfRequest = (snapshot: Snapshot) => snapshot.request === request && !snapshot.safety;
  const hasEnded = (snapshot: Snapshot) => (endOf(snapshot) ?? Number.POSITIVE_INFINITY) <= now;
  return {
    policy: ADHOC,
    slot: since,
    until: new Date(since.getTime() + ADHOC_MS - LAST_MS),
    overSince: now.getTime() - firstAskedAt.getTime() >= ADHOC_MS ? firstAskedAt : undefined,
    // A failed or expired snapshot still exists to show that. An image that is gone may have been
    // good, and deleted or renamed by somebody.
    lostImage: ({ id }, snapshots) => {
      const before = taken?.get(id);
      return before && before.requestId !== requestId && !snapshots.some(isOfRequest)
        ? before.image
        : undefined;
    },
    isMet: (snapshot) => isOfRequest(snapshot) && (isOfThisRun(snapshot) || !hasEnded(snapshot)),
    // The slot of the snapshot, because a retry of the same call asks for the same end.
    endsTooSoon: (snapshot) => {
      const end = endOf(snapshot);
      return (
        end !== undefined && (afterMs === undefined || end.getTime() < snapshot.slot.getTime() + afterMs)
      );
    },
    metadata: (server) =>
      markerOf({
        owner,
        server: server.id,
        slot: since,
        expires: expires(),
        request,
        blueprint: blueprintText(server, imageName(server, ADHOC, since)),
      }),
  };
}

/** The record of an ad-hoc request. */
interface AskedRequest {
  firstAskedAt?: Date;
  /** What earlier calls of the request have taken, by the id of the server. */
  taken?: ReadonlyMap<string, TakenImage>;
  /** Records what this run takes; a failure becomes a warning. */
  remember?: ((server: Server, image: string) => Promise<void>) | undefined;
  warnings: Finding[];
}

const UNREMEMBERED: AskedRequest = { warnings: [] };

/**
 * Reads the record of an ad-hoc request, and creates it if it is new. Only calls that name a
 * request can belong to it.
 */
async function requestOf(
  { account, request: named, dryRun }: Adhoc,
  { now, since = now, requestId, requests }: Run,
): Promise<AskedRequest> {
  if (!requests || dryRun) return UNREMEMBERED;
  const key = { account, request: named ?? requestId };
  const warnings: Finding[] = [];
  const warn = (error: unknown) => {
    // Several servers at once may meet the same error.
    if (warnings.length > 0) return;
    warnings.push({ code: 'REQUEST_UNREMEMBERED', message: (error as Error).message });
  };
  const asked: AskedRequest = { warnings };
  // An extra snapshot does no harm; a missing one may.
  try {
    const { at, isKnown } = await requests.firstAsked(key, since);
    asked.firstAskedAt = at;
    if (named === undefined) return asked;
    if (isKnown) asked.taken = await requests.takenBy(key);
  } catch (error) {
    warn(error);
    return asked;
  }
  asked.remember = async ({ id }, image) => {
    // An unavailable bucket would delay each server.
    if (warnings.length > 0) return;
    await requests.addTaken(key, id, { image, requestId }).catch(warn);
  };
  return asked;
}

/**
 * The servers that the policy may select, by their names or recent snapshots, and whose existence
 * is unknown, such as those in a cell that is down.
 */
function unknownServers(
  unsure: readonly UncertainServer[],
  young: readonly Snapshot[],
  selector: Policy['servers'],
): Entry[] {
  return [...Map.groupBy(unsure, ({ id }) => id)].flatMap(([id, all]): Entry[] => {
    const snapshot = young.find(({ server }) => server === id);
    const { region, problem } = all.find((one) => one.region === snapshot?.region) ?? all[0]!;
    const name = snapshot && serverNameIn(snapshot);
    const isNamed = (selector.only ?? selector).ids?.includes(id);
    if (!(snapshot || isNamed) || !maySelect(id, name, selector)) return [];
    const reason = reasonOf({ code: 'SERVER_UNKNOWN', server: id, problem });
    return [{ server: id, name: name ?? id, region, outcome: 'failed', ...reason }];
  });
}

function missing(missingIds: Selection['missingIds'], isPart: boolean, someUnreadable: boolean): Entry[] {
  const code = someUnreadable ? 'ID_UNREADABLE' : isPart ? 'ID_NOT_IN_POLICY' : 'ID_UNKNOWN';
  return missingIds.map((server) => ({
    server,
    name: server,
    region: NOWHERE,
    outcome: 'failed',
    ...reasonOf({ code }),
  }));
}

function dryStep(step: SnapshotStep): Entry {
  return step.action === 'take'
    ? {
        ...serverFields(step.server),
        outcome: 'planned',
        ...reasonOf({ code: 'WOULD_TAKE', name: step.image.name }),
      }
    : unchanged(step);
}

function unchanged({ server, action, reason }: Extract<SnapshotStep, { reason: Reason }>): Entry {
  return { ...serverFields(server), outcome: action === 'skip' ? 'skipped' : 'failed', ...reasonOf(reason) };
}

function serverFields({ id, name, region }: Server): Pick<Entry, 'server' | 'name' | 'region'> {
  return { server: id, name, region };
}

/** What a run needs to take snapshots. */
interface Taking {
  session: Session;
  due: Due;
  inheriting: ReadonlyMap<Server, Inheritance>;
  readerFor(region: string): Reader;
  remember: AskedRequest['remember'];
}

async function takeStep(taking: Taking, step: SnapshotStep): Promise<Entry> {
  if (step.action !== 'take') return unchanged(step);
  const { session, due } = taking;
  const { server, image } = step;
  const entry = serverFields(server);
  if (due.until && new Date() >= due.until) {
    return { ...entry, outcome: 'deferred', ...reasonOf({ code: 'NEXT_SLOT' }) };
  }
  if (due.until && cloudTime(session) >= due.until) {
    const minutes = Math.round((session.clockAheadMs ?? 0) / 60_000);
    return { ...entry, outcome: 'failed', ...reasonOf({ code: 'CLOCK_AHEAD', minutes }) };
  }
  if (cloudTime(session).getTime() < due.slot.getTime() - EARLY_MS) {
    const minutes = Math.round(-(session.clockAheadMs ?? 0) / 60_000);
    return { ...entry, outcome: 'failed', ...reasonOf({ code: 'CLOCK_BEHIND', minutes }) };
  }
  const look = () => lookFor(taking, server, image);
  try {
    const inherits = taking.inheriting.get(server) ?? 'possible';
    const id = await createOnce(() => createOwnImage(session, server, image, { inherits, look }), look);
    if (id === undefined) {
      return { ...entry, outcome: 'failed', ...reasonOf({ code: 'IMAGE_NOT_FOUND', name: image.name }) };
    }
    await taking.remember?.(server, id);
    const delaySeconds = Math.max(0, Math.round((Date.now() - due.slot.getTime()) / 1000));
    const reason = reasonOf({ code: 'TAKEN', name: image.name });
    return { ...entry, outcome: 'taken', ...reason, delaySeconds, image: id };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const { code, message } = error;
    if (code === 'OUT_OF_TIME') return { ...entry, outcome: 'deferred', ...reasonOf({ code: 'DEADLINE' }) };
    if (code === 'CONFLICT') {
      const lasting = await lastingCause(session, server);
      return lasting
        ? { ...entry, outcome: 'failed', ...reasonOf(lasting) }
        : { ...entry, outcome: 'skipped', ...reasonOf({ code, message }) };
    }
    if (code === 'NOT_FOUND' && (await isGone(session, server))) {
      return { ...entry, outcome: 'skipped', ...reasonOf({ code: 'SERVER_GONE_BY_NOW' }) };
    }
    return { ...entry, outcome: 'failed', ...reasonOf({ code: 'CLOUD', ...factsOf(error) }) };
  }
}

/** Why the cloud refuses to make an image of a server, where waiting does not help. */
async function lastingCause(session: Session, { region, id }: Server): Promise<Reason | undefined> {
  try {
    const server = await getServer(session, region, id);
    return server && lastingRefusal(server);
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return undefined;
  }
}

/** Whether a server has been deleted since it was listed. */
async function isGone(session: Session, { region, id }: Server): Promise<boolean> {
  try {
    return (await getServer(session, region, id)) === undefined;
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return false;
  }
}

/** The image of a server that meets the request, read again from the cloud. */
async function lookFor(
  { session, due, readerFor }: Taking,
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
 * @param inherits whether the image would inherit the mark of another maker. Then the image gets
 *   our mark instead. If the cloud refuses that, the image is made without it, unless it would
 *   certainly be of no use.
 * @param look finds the image, because the cloud may have carried out a request that it refused.
 */
export async function createOwnImage(
  session: Session,
  server: Pick<Server, 'id' | 'region'>,
  wanted: NewImage,
  { inherits, look }: { inherits: Inheritance; look: () => Promise<string | undefined> },
): Promise<string | undefined> {
  const image = { ...wanted, metadata: { ...wanted.metadata, ...typeOn(session) } };
  if (inherits === 'none') return createImage(session, server, image);
  try {
    const metadata = { ...image.metadata, [CREATED_BY_KEY]: CREATED_BY };
    return await createImage(session, server, { ...image, metadata });
  } catch (error) {
    if (!isCloudError(error, 'FORBIDDEN', 'BAD_REQUEST')) throw error;
    if (inherits === 'possible') return (await look()) ?? createImage(session, server, image);
    throw restated(
      error,
      `its image would inherit that something else has made it, and the cloud does not let ${CREATED_BY_KEY} be overwritten: ${error.message}`,
    );
  }
}

/**
 * The `image_type` that Nova sets itself on images of servers whose disk is no volume. The image of
 * any other server inherits it from the image of its root volume, which may be a backup of another
 * server; createBackup of that server deletes its oldest backups. Rackspace makes no images of
 * servers whose disk is a volume.
 *
 * `POST /servers/{id}/action` createBackup: Nova compute API 2.1.
 */
function typeOn({ provider }: Session): Record<string, string> {
  return provider === 'rackspace' ? {} : { image_type: 'snapshot' };
}

/**
 * Requests an image. If the answer leaves open whether the cloud carried out the request, looks for
 * the image first and then repeats the request once.
 *
 * @returns the image's id; undefined when the cloud has accepted the request, and there is no
 *   image.
 */
async function createOnce(
  create: () => Promise<string | undefined>,
  look: () => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return (await create()) ?? (await look());
  } catch (error) {
    if (!isCloudError(error, 'NO_ANSWER', 'UNAVAILABLE', 'BAD_ANSWER')) throw error;
    return (await look()) ?? (await create()) ?? (await look());
  }
}

/**
 * Reads the taken images again: an image that the cloud has promised and lacks was not taken, nor
 * was an image that the next run would not recognise. An image that a new listing lacks is
 * requested by its id.
 */
async function confirmTaken(
  { session, readerFor }: Taking,
  entries: readonly Entry[],
): Promise<{ entries: Entry[]; warnings: Finding[] }> {
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
          ? rejection(image, readerFor(region)(image, await neededBy(session, image, volumeSnapshots)))
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
    entries: entries.map((entry) => {
      const reason = problems.get(entry);
      return reason ? { ...entry, outcome: 'failed', ...reasonOf(reason) } : entry;
    }),
  };
}

/**
 * The volume snapshots that an image names: listed ones, and those that the listing lacks,
 * requested one by one.
 */
async function neededBy(
  session: Session,
  { region, volumeSnapshotIds }: Image,
  listed: readonly VolumeSnapshot[],
): Promise<VolumeSnapshot[]> {
  const found = listed.filter(({ id }) => volumeSnapshotIds.includes(id));
  const missing = volumeSnapshotIds.filter((id) => !found.some((one) => one.id === id));
  return [...found, ...(await getVolumeSnapshots(session, region, missing))];
}

/** Why the next run would not recognise a new image, and what to do; undefined if it would. */
function rejection({ id }: Image, read: ReturnType<Reader>): Reason | undefined {
  if (isSnapshot(read)) {
    if (isEmpty(read)) return { code: 'IMAGE_EMPTY', image: id, hasSize: (read.sizeBytes ?? 0) > 0 };
    return read.state === 'failed' ? { code: 'IMAGE_FAILED', image: id, status: read.status } : undefined;
  }
  return read === undefined
    ? { code: 'MARKER_LOST', image: id }
    : { code: 'IMAGE_REJECTED', problem: read.problem };
}

/**
 * The regions with new snapshots that have an end, and that no cleanup of the deployment visits.
 */
function regionsWithoutCleanup(
  event: Policy | Adhoc,
  entries: readonly Entry[],
  policies: Run['policies'],
): string[] {
  if (!isAdhoc(event) || event.expires === undefined || !policies) return [];
  const looks = (region: string) =>
    policies.some(
      (one) => covers(one.account ?? event.account, event.account) && (one.regions?.includes(region) ?? true),
    );
  const taken = new Set(entries.filter(({ outcome }) => outcome === 'taken').map(({ region }) => region));
  return [...taken].filter((region) => !looks(region));
}
