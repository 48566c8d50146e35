import pMap from 'p-map';
import { byTime } from '../config/dates.ts';
import type { NewImage, Server } from '../openstack/compute.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { listImages } from '../openstack/images.ts';
import { getServer, type ServerDetail } from '../openstack/servers.ts';
import { cloudTime, type Session } from '../openstack/session.ts';
import { getVolumeSnapshots } from '../openstack/volume-snapshots.ts';
import type { Reason, ReasonCode } from '../reporting/reasons.ts';
import type { Entry } from '../reporting/report.ts';
import { reasonOf } from '../reporting/sentences.ts';
import type { VolumeReader } from '../volumes/marker.ts';
import type { VolumeStep } from '../volumes/plan.ts';
import { takeVolume, unchangedVolume, type VolumeResult } from '../volumes/take.ts';
import { blockingRefusal } from './blocking-state.ts';
import type { DueSnapshots, RequestRecord } from './due-snapshots.ts';
import { EARLY_MS } from './marker.ts';
import { createImageOnce, createOwnImage, type MarkInheritance } from './own-image.ts';
import type { Reader } from './ownership.ts';
import { isSnapshot } from './snapshot.ts';
import { mayBeGood, type SnapshotStep } from './snapshot-plan.ts';

/** The volumes of one server that are requested at once. */
const AT_ONCE = 8;

/** The context for taking the snapshots of a run. */
export interface TakeContext {
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
export interface SetResult {
  image: Entry;
  volumes: VolumeResult[];
}

/**
 * The codes with which nothing of a server is taken now: its image is left to a later try, or the
 * request is over.
 */
const NOTHING_NOW: readonly (ReasonCode | undefined)[] = [
  'SERVER_BUSY',
  'SNAPSHOT_PENDING',
  'CONFLICT',
  'NEXT_SLOT',
  'DEADLINE',
  'REQUEST_OVER',
  'REQUEST_ENDS_SOONER',
  'REQUEST_TOOK_IT_BEFORE',
  'SERVER_GONE_BY_NOW',
];

/**
 * Requests the image of a server, and right after it the snapshots of its volumes. If the image is
 * left to a later try, so are the volumes, because the parts of a set belong together.
 */
export async function takeSet(context: TakeContext, step: SnapshotStep): Promise<SetResult> {
  const { session, due, sets, readVolume } = context;
  const image = await takeStep(context, step);
  const steps = sets.get(step.server) ?? [];
  if (NOTHING_NOW.includes(image.code)) return { image, volumes: [] };
  const outside = outsideSlot(session, due);
  const before = step.action === 'take' ? undefined : step.takenAt;
  const accepted = image.outcome === 'taken' ? [new Date()] : before ? [before] : [];
  const { region } = step.server;
  const volumes = await pMap(
    steps,
    (one) =>
      one.action === 'take' && outside
        ? { volume: one.volume, outcome: outcomeOutside(outside), reason: outside }
        : one.action === 'take'
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

/**
 * The result of a dry run for a server: what the run would take of its image and its volumes.
 *
 * @param steps the steps of its volumes.
 */
export function plannedSet(step: SnapshotStep, steps: readonly VolumeStep[] = []): SetResult {
  const volumes = steps.map((one): VolumeResult => {
    if (one.action !== 'take') return unchangedVolume(one);
    const { volume, snapshot } = one;
    return { volume, outcome: 'planned', reason: { code: 'WOULD_TAKE', name: snapshot.name } };
  });
  return { image: dryRunEntry(step), volumes };
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

function outcomeOutside({ code }: Reason): 'deferred' | 'failed' {
  return code === 'NEXT_SLOT' ? 'deferred' : 'failed';
}

async function takeStep(context: TakeContext, step: SnapshotStep): Promise<Entry> {
  if (step.action !== 'take') return unchangedEntry(step);
  const { session, due } = context;
  const { server, image } = step;
  const entry = serverFields(server);
  const outside = outsideSlot(session, due);
  if (outside) {
    return { ...entry, outcome: outcomeOutside(outside), ...reasonOf(outside) };
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
    ...(reason.code === 'ALREADY_TAKEN' ? { image: reason.image } : {}),
  };
}

function serverFields({ id, name, region }: Server): Pick<Entry, 'server' | 'name' | 'region'> {
  return { server: id, name, region };
}
