import pMap from 'p-map';
import { isoSeconds } from '../config/dates.ts';
import { ADHOC } from '../config/policy.ts';
import { listServers } from '../openstack/compute.ts';
import { type CloudErrorCode, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import {
  deleteImage,
  getImage,
  type Image,
  listImageMembers,
  listImageStatuses,
  visitImages,
} from '../openstack/images.ts';
import { pause } from '../openstack/pause.ts';
import { mayWriteSnapshots } from '../openstack/roles.ts';
import type { Session } from '../openstack/session.ts';
import {
  deleteVolumeSnapshot,
  getVolumeSnapshot,
  getVolumeSnapshots,
  listVolumeSnapshots,
} from '../openstack/volume-snapshots.ts';
import { listVolumes } from '../openstack/volumes.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import type { SnapshotLine } from '../reporting/report.ts';
import { reported } from '../reporting/sentences.ts';
import { usedByVolumes } from '../volumes/in-use.ts';
import type { VolumeReader } from '../volumes/marker.ts';
import { snapshotId } from '../volumes/plan.ts';
import { nameOfSeries, type PlanItem, type SeriesPlan } from './cleanup-plan.ts';
import { beingBuilt, type InUse, restoredAsNew, restoredInPlace } from './in-use.ts';
import { isSnapshot, type Snapshot } from './marker.ts';
import { otherOwners, type Reader } from './ownership.ts';
import { counts, hasPassed, staysBecause } from './retention.ts';
import { volumeSnapshotStatus } from './volume-snapshot-status.ts';

// Each deletion is preceded by three reads; Rackspace takes 1,000 reads a minute.
const AT_ONCE = 8;
// Cinder deletes asynchronously, mostly within a second.
const VOLUME_CHECKS = 4;
const VOLUME_CHECK_MS = 500;
/**
 * The errors of a deletion that concern a single image, volume snapshot or backup: it is in use,
 * locked or protected, or the cloud fails to delete it. Others stop the deletions of the region.
 */
export const REFUSALS: readonly CloudErrorCode[] = [
  'CONFLICT',
  'FORBIDDEN',
  'BAD_REQUEST',
  'UNAVAILABLE',
  'NO_ANSWER',
  'BAD_ANSWER',
];

/** A plan and the result of each of its items, in the same order. */
export interface SeriesResult {
  plan: SeriesPlan;
  lines: SnapshotLine[];
  /** The images that can't be deleted. */
  warnings: Reason[];
}

interface RotateOptions {
  read: Reader;
  readVolume: VolumeReader;
  /** The deployment that owns the snapshots. */
  owner: string;
  /** Called for each image right before its deletion. */
  inUse: InUse;
  now: Date;
  /** Time to leave for the listing after the deletions, in milliseconds. */
  reserveMs: number;
}

interface DeletionResult extends Pick<SnapshotLine, 'outcome'> {
  reasons: Reason[];
  /** Why the cloud refused to delete this image. */
  refused?: CloudErrorCode;
  /** Whether the image had data, and some of its volume snapshots are deleted. */
  broken?: boolean;
}

/**
 * Deletes the snapshots that the plans of one region delete, the oldest of each series first.
 * Right before each deletion, reads the image again, and the snapshots of the series that must
 * remain. A failed read stops all deletions in the region. A snapshot that the plan keeps is never
 * deleted.
 *
 * If the cloud refuses a deletion, the run deletes the next snapshot of the plan instead.
 */
export async function rotate(
  session: Session,
  plans: readonly SeriesPlan[],
  options: RotateOptions,
): Promise<SeriesResult[]> {
  /** Why deletions in this region have stopped. */
  let stopped: string | undefined;

  /** Reads and classifies an image or a volume snapshot; undefined when it is gone. */
  const readAgain = async ({
    region,
    id,
    volume,
  }: Snapshot): Promise<{ image?: Image; current: ReturnType<Reader> } | undefined> => {
    if (volume !== undefined) {
      const found = await getVolumeSnapshot(session, region, id);
      return found && { current: options.readVolume(found) };
    }
    const image = await getImage(session, region, id);
    if (!image) return undefined;
    const volumeSnapshots = await getVolumeSnapshots(session, region, image.volumeSnapshotIds);
    return { image, current: options.read(image, volumeSnapshots) };
  };

  /** Reads a snapshot again; undefined if it no longer counts for its series. */
  const recount = async (snapshot: Snapshot): Promise<Snapshot | undefined> => {
    const current = (await readAgain(snapshot))?.current;
    if (!isSnapshot(current) || !sameSeries(current, snapshot)) return undefined;
    return counts(current, options.now) ? current : undefined;
  };

  /** Whether at least `floor` other slots still have a good snapshot. */
  const enoughRemain = async (others: readonly Snapshot[], floor: number): Promise<boolean> => {
    const slots = new Set<number>();
    for (const other of others) {
      if (slots.has(other.slot.getTime()) || !(await recount(other))) continue;
      slots.add(other.slot.getTime());
      if (slots.size === floor) return true;
    }
    return false;
  };

  const otherUses = listOtherUses(session, plans, options);
  // This listing must be complete before the first deletion, because Glance refuses the page after
  // a deleted image. An error is thrown later, by the first `await` that needs the result.
  await otherUses.catch(() => undefined);
  /** Why a server, another image or another deployment may need an image or its data. */
  const otherUseOf = async ({
    id,
    server,
    volumeSnapshots,
    adopted,
  }: Snapshot): Promise<Reason | undefined> => {
    const { needs, others, inUse } = await otherUses;
    const use = inUse.get(id);
    if (use) return use;
    const isNeeded = [...needs].some(
      ([other, theirs]) => other !== id && theirs.some((one) => volumeSnapshots.includes(one)),
    );
    if (isNeeded) return { code: 'SAME_VOLUME_SNAPSHOTS' };
    return adopted && others.has(server) ? { code: 'OTHER_DEPLOYMENT' } : undefined;
  };

  /** Whether another snapshot of the same or a newer slot is proven too. */
  const provenRemains = async (proven: Snapshot, others: readonly Snapshot[]): Promise<boolean> => {
    for (const other of others) {
      if (!other.proven || other.slot < proven.slot) continue;
      const current = await recount(other);
      if (!current) continue;
      if (hasPassed(current) || (current.proven && !hasPassed(proven))) return true;
    }
    return false;
  };

  const attempt = async (
    snapshot: Snapshot,
    others: readonly Snapshot[],
    floor: number,
  ): Promise<DeletionResult> => {
    const found = await readAgain(snapshot);
    if (!found) return { outcome: 'deleted', reasons: [{ code: 'ALREADY_GONE' }] };
    const use = found.image && options.inUse(found.image);
    const current = use ?? asPlanned(snapshot, found.current, options.now);
    if ('code' in current) return { outcome: 'kept', reasons: [{ code: 'CHANGED', reason: current }] };
    // Deleting a failed snapshot loses no data, so one good snapshot must remain.
    const needed = snapshot.state === 'failed' ? 1 : floor;
    const isOver = snapshot.expires !== undefined && snapshot.expires <= options.now;
    const mayGoAlone = snapshot.policy === ADHOC && (isOver || snapshot.state !== 'failed');
    if (!mayGoAlone && !(await enoughRemain(others, needed))) {
      return { outcome: 'kept', reasons: [{ code: 'TOO_FEW_LEFT', needed }] };
    }
    if (snapshot.state === 'good' && current.proven && !(await provenRemains(current, others))) {
      return { outcome: 'kept', reasons: [{ code: 'NONE_PROVEN_LEFT' }] };
    }
    const otherUse = await otherUseOf(snapshot);
    if (otherUse) return { outcome: 'kept', reasons: [otherUse] };
    const members = await membersOf(session, snapshot);
    if (members.length > 0) {
      return { outcome: 'kept', reasons: [{ code: 'SHARED', members }], refused: 'CONFLICT' };
    }
    // Another series may have failed during the reads.
    if (stopped) return { outcome: 'deferred', reasons: [{ code: 'STOPPED', message: stopped }] };
    const removed = await remove(session, snapshot);
    // A failed read stops the region, too.
    return removed.outcome === 'deleted' && (await exists(session, snapshot))
      ? { outcome: 'failed', reasons: [{ code: 'STILL_THERE' }], refused: 'UNAVAILABLE' }
      : removed;
  };

  const apply = async (
    { snapshot, reasons }: PlanItem,
    others: readonly Snapshot[],
    floor: number,
  ): Promise<DeletionResult> => {
    if (session.deadline.remainingMs() <= options.reserveMs)
      return { outcome: 'deferred', reasons: [{ code: 'DEADLINE' }] };
    if (stopped) return { outcome: 'deferred', reasons: [{ code: 'STOPPED', message: stopped }] };
    try {
      const result = await attempt(snapshot, others, floor);
      return result.outcome === 'deleted' ? { ...result, reasons: [...reasons, ...result.reasons] } : result;
    } catch (error) {
      if (!isCloudError(error)) throw error;
      if (error.code === 'OUT_OF_TIME') return { outcome: 'deferred', reasons: [{ code: 'DEADLINE' }] };
      stopped = error.message;
      return { outcome: 'failed', reasons: [{ code: 'CLOUD', error: error.code, message: error.message }] };
    }
  };

  const rotateSeries = async (plan: SeriesPlan): Promise<Map<PlanItem, DeletionResult>> => {
    const results = new Map<PlanItem, DeletionResult>();
    const remaining = new Set(
      plan.items
        .filter(({ snapshot, uncounted }) => snapshot.state === 'good' && !uncounted)
        .map((item) => item.snapshot),
    );
    let allowed = plan.items.filter(({ action }) => action === 'delete').length;
    const waiting = plan.items.toReversed().filter(({ action }) => action !== 'keep');
    let isReversed = false;
    for (let item = waiting.shift(); item && allowed > 0; item = waiting.shift()) {
      remaining.delete(item.snapshot);
      const result = await apply(item, [...remaining], plan.floor);
      if (await isWaitingForOther(session, item.snapshot, result)) {
        for (const one of [item, ...waiting]) results.set(one, WAITING_FOR_OTHER);
        break;
      }
      results.set(item, result);
      // If the cloud refuses a deletion, the run deletes the next snapshot of the plan instead.
      if (!result.refused && !isGoneAlready(result)) allowed -= 1;
      if (result.outcome !== 'deleted' && item.snapshot.state === 'good') remaining.add(item.snapshot);
      // A deletion without an answer takes a minute. If the oldest image always came first, the
      // time might never suffice for the other images.
      if (result.refused === 'NO_ANSWER' && !isReversed) waiting.reverse();
      isReversed ||= result.refused === 'NO_ANSWER';
    }
    return results;
  };

  const found = await pMap(plans, rotateSeries, { concurrency: AT_ONCE });
  // If no image at all can be deleted, or no volume snapshot, the user may lack the role.
  // Otherwise, a refusal concerns the single one.
  const isOfVolume = ({ volume }: SeriesPlan) => volume !== undefined;
  const mayDelete = (needsVolumes: boolean) =>
    mayWriteSnapshots(session, { needsVolumes }) ||
    plans.some((plan, i) => isOfVolume(plan) === needsVolumes && [...found[i]!.values()].some(isDeletion));
  const mayDeleteOf = { images: mayDelete(false), volumes: mayDelete(true) };
  return plans.map((plan, i) => {
    const mayDeleteIts = isOfVolume(plan) ? mayDeleteOf.volumes : mayDeleteOf.images;
    const lines = plan.items.map((item) =>
      snapshotLine(item, classifyRefusal(found[i]!.get(item), mayDeleteIts)),
    );
    return { plan, lines, warnings: refusedDeletions(plan, found[i]!) };
  });
}

/**
 * The members of an image that Rackspace shares although it calls it private. In other clouds the
 * visibility shows that an image is shared.
 */
export async function membersOf(session: Session, { region, id, volume }: Snapshot): Promise<string[]> {
  return session.provider === 'rackspace' && volume === undefined
    ? listImageMembers(session, region, id)
    : [];
}

interface OtherUses {
  /** The volume snapshots of each image. */
  needs: ReadonlyMap<string, readonly string[]>;
  /** The servers of which other deployments have snapshots; see ownership.ts. */
  others: ReadonlyMap<string, string>;
  /** The images that servers are being made from, and those that restores have begun with. */
  inUse: ReadonlyMap<string, Reason>;
}

/**
 * Lists the servers and images of a region again to find which images are needed elsewhere, because
 * the listings of the plan may have been incomplete. Lists nothing if the plans delete nothing.
 */
async function listOtherUses(
  session: Session,
  plans: readonly SeriesPlan[],
  { owner, now }: Pick<RotateOptions, 'owner' | 'now'>,
): Promise<OtherUses> {
  const needs = new Map<string, readonly string[]>();
  const others = new Map<string, string>();
  const inUse = new Map<string, Reason>();
  const first = plans.flatMap(({ items }) => items).find(({ action }) => action !== 'keep');
  if (!first) return { needs, others, inUse };
  const { region } = first.snapshot;
  const servers = await listServers(session, region);
  for (const id of beingBuilt(servers)) inUse.set(id, { code: 'SERVER_BUILDING' });
  for (const id of restoredAsNew(servers, now)) inUse.set(id, { code: 'RESTORED_AS_NEW' });
  if (first && plans.some(({ volume }) => volume !== undefined)) {
    for (const [id, reason] of usedByVolumes(await listVolumes(session, region), now)) inUse.set(id, reason);
  }
  await visitImages(session, region, (image) => {
    if (image.volumeSnapshotIds.length > 0) needs.set(image.id, image.volumeSnapshotIds);
    for (const [server, other] of otherOwners([image], owner)) others.set(server, other);
    for (const id of restoredInPlace([image], now)) inUse.set(id, { code: 'RESTORED_IN_PLACE' });
  });
  return { needs, others, inUse };
}

const WAITING_FOR_OTHER: DeletionResult = {
  outcome: 'deferred',
  reasons: [{ code: 'VOLUME_SNAPSHOT_IN_PROGRESS' }],
};

/**
 * Whether Rackspace refuses to delete a snapshot because another one of the volume is being made or
 * deleted. Then it deletes no other one of the volume either.
 */
async function isWaitingForOther(
  session: Session,
  { id, region, volume }: Snapshot,
  { refused }: DeletionResult,
): Promise<boolean> {
  if (session.provider !== 'rackspace' || volume === undefined || refused !== 'CONFLICT') return false;
  const all = await listVolumeSnapshots(session, region).catch(() => []);
  return all.some(
    (one) => one.volumeId === volume && one.id !== id && ['creating', 'deleting'].includes(one.status),
  );
}

function isDeletion(result: DeletionResult): boolean {
  return result.outcome === 'deleted' && !isGoneAlready(result);
}

function isGoneAlready({ reasons }: DeletionResult): boolean {
  return reasons.some(({ code }) => code === 'ALREADY_GONE');
}

/**
 * Decides whether a refused deletion is a failure of the run. If the refusal concerns a single
 * image whose data are complete, the image is only reported as kept.
 */
function classifyRefusal(
  result: DeletionResult | undefined,
  mayDelete: boolean | undefined,
): DeletionResult | undefined {
  if (!result?.refused || result.broken || result.outcome === 'deferred') return result;
  const mayBeMissingRole = result.refused === 'FORBIDDEN' || result.refused === 'BAD_REQUEST';
  return result.refused === 'CONFLICT' || (mayBeMissingRole && mayDelete)
    ? { ...result, outcome: 'kept' }
    : result;
}

function refusedDeletions(plan: SeriesPlan, results: ReadonlyMap<PlanItem, DeletionResult>): Reason[] {
  return [...results].flatMap(([{ snapshot }, { refused, reasons }]) =>
    refused ? [{ code: 'NOT_DELETABLE', ...snapshotId(snapshot), of: nameOfSeries(plan), reasons }] : [],
  );
}

/** An item of a plan as a line of the report; without a result, as planned. */
export function snapshotLine(
  { snapshot, action, reasons: planReasons }: PlanItem,
  result?: DeletionResult,
): SnapshotLine {
  const planned = { keep: 'kept', delete: 'planned', defer: 'deferred' } as const;
  const { outcome, reasons } = result ?? { outcome: planned[action], reasons: planReasons };
  return {
    image: snapshot.id,
    slot: isoSeconds(snapshot.slot),
    status: snapshot.status,
    ...(snapshot.sizeBytes === undefined ? {} : { sizeBytes: snapshot.sizeBytes }),
    outcome,
    ...reported(reasons),
  };
}

/** How many deletions were deferred because the run deadline was reached. */
export function countDeadlineDeferred(lines: readonly SnapshotLine[]): number {
  return lines.filter(({ codes }) => codes.includes('DEADLINE')).length;
}

function sameSeries(a: Snapshot, b: Snapshot): boolean {
  return (
    a.policy === b.policy &&
    (a.volume === undefined ? a.server === b.server : a.volume === b.volume) &&
    (a.volume === undefined) === (b.volume === undefined)
  );
}

/**
 * The current snapshot, or the reason why it must stay: it differs from the plan, is held or is
 * exposed.
 */
function asPlanned(planned: Snapshot, current: ReturnType<Reader>, now: Date): Snapshot | Reason {
  if (current === undefined) return { code: 'NOT_OURS' };
  if (!isSnapshot(current)) return { code: 'UNREADABLE_MARKER', problem: current.problem };
  const same =
    sameSeries(current, planned) &&
    current.slot.getTime() === planned.slot.getTime() &&
    current.expires?.getTime() === planned.expires?.getTime();
  if (!same) return { code: 'OTHER_MARKER' };
  // The volume snapshots in the plan are deleted, so they must be those of this image.
  if (current.volumeSnapshots.join() !== planned.volumeSnapshots.join())
    return { code: 'OTHER_VOLUME_SNAPSHOTS' };
  if (current.state !== planned.state || current.partial !== planned.partial)
    return { code: 'OTHER_STATUS', status: current.status };
  return staysBecause(current, now) ?? current;
}

/**
 * Deletes a snapshot: first its volume snapshots, last the image that names them, so that a later
 * run can find and finish an interrupted deletion.
 */
async function remove(session: Session, snapshot: Snapshot): Promise<DeletionResult> {
  const { region, id, state, partial } = snapshot;
  const isImage = snapshot.volume === undefined;
  const volumeSnapshots = isImage ? snapshot.volumeSnapshots : [id];
  let broken = false;
  try {
    const before = await getVolumeSnapshots(session, region, volumeSnapshots);
    if (before.length > 0 && before.every(({ status }) => status === 'deleting')) {
      return { outcome: 'deferred', reasons: [{ code: 'VOLUME_SNAPSHOTS_GOING' }], refused: 'CONFLICT' };
    }
    for (const volumeSnapshot of volumeSnapshots) {
      await deleteVolumeSnapshot(session, region, volumeSnapshot);
      broken ||= isImage && (state === 'good' || partial === true);
    }
    let left = await getVolumeSnapshots(session, region, volumeSnapshots);
    for (let check = 0; left.length > 0 && check < VOLUME_CHECKS; check++) {
      await pause(VOLUME_CHECK_MS);
      left = await getVolumeSnapshots(session, region, volumeSnapshots);
    }
    const untouched = left.find(({ status }) => status !== 'deleting');
    if (untouched) {
      const { id: volumeSnapshot, status } = untouched;
      const reason: Reason = { code: 'VOLUME_SNAPSHOT_STILL_THERE', id: volumeSnapshot, status };
      return { outcome: 'failed', reasons: [reason], refused: 'UNAVAILABLE', broken };
    }
    if (left.length > 0) {
      return { outcome: 'deferred', reasons: [{ code: 'VOLUME_SNAPSHOTS_GOING_NOW' }] };
    }
    if (isImage) await deleteImage(session, region, id);
    return { outcome: 'deleted', reasons: [] };
  } catch (error) {
    // A refused token stops all deletions in the region, like a failed read. Other errors concern
    // this image only.
    if (!isCloudError(error) || error.code === 'UNAUTHORIZED' || error.code === 'OUT_OF_TIME') throw error;
    return {
      outcome: 'failed',
      reasons: [{ code: 'CLOUD', ...errorFactsOf(error), isLeft: true }],
      ...(REFUSALS.includes(error.code) ? { refused: error.code, broken } : {}),
    };
  }
}

/**
 * The results of the deletions in a region once a second listing has shown which images are gone.
 * Images that disappeared although no deletion of them was requested are among the failures.
 */
export interface Confirmation {
  results: SeriesResult[];
  failures: Finding[];
  warnings: Finding[];
}

/**
 * Lists a region again after the deletions and corrects the results. A deletion counts only when
 * the image is gone. A kept snapshot that is gone or no longer good is a failure. If the new
 * listing contradicts a result, the image itself is requested.
 */
export async function confirm(
  session: Session,
  region: string,
  results: readonly SeriesResult[],
): Promise<Confirmation> {
  const warnings: Finding[] = results.flatMap((result) =>
    result.warnings.map((warning) => ({ ...warning, region })),
  );
  if (results.length === 0) return { results: [], failures: [], warnings };
  let gone: Set<string>;
  let damaged: ReadonlyMap<string, string>;
  try {
    const statusOf = await listStatuses(session, region, results);
    gone = await goneOf(session, statusOf, results);
    damaged = await damagedOf(session, region, statusOf, results);
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const failures: Finding[] = [{ code: 'DELETIONS_UNCONFIRMED', where: region, message: error.message }];
    return {
      results: results.map((r) => ({ ...r, lines: r.lines.map(unconfirmed) })),
      failures,
      warnings,
    };
  }
  const failures: Finding[] = [];
  const confirmed = results.map(({ plan, lines, ...rest }) => ({
    ...rest,
    plan,
    lines: lines.map((line, i): SnapshotLine => {
      const { action, snapshot } = plan.items[i]!;
      const { image, slot } = line;
      const what = { region, ...snapshotId(snapshot), of: plan.name || plan.server, slot };
      if (!gone.has(image)) {
        if (line.outcome === 'deleted') return stillThere(line);
        const status = damaged.get(image);
        if (status) failures.push({ code: 'IMAGE_DAMAGED', ...what, status });
        return line;
      }
      if (line.outcome === 'deleted') return line;
      if (action !== 'keep') return goneByNow(line);
      const { status } = line;
      if (snapshot.state === 'pending') {
        warnings.push({ code: 'IMAGE_VANISHED_PENDING', ...what, status });
      } else if (snapshot.state !== 'failed') {
        failures.push({ code: 'IMAGE_VANISHED', ...what, status });
        return vanished(line);
      }
      return line;
    }),
  }));
  return { results: confirmed, failures, warnings };
}

/** Whether an image or a volume snapshot exists. */
async function exists(session: Session, { region, id, volume }: Snapshot): Promise<boolean> {
  const found = volume === undefined ? getImage(session, region, id) : getVolumeSnapshot(session, region, id);
  return (await found) !== undefined;
}

/** The statuses of the images of a region, and of the volume snapshots if the results have some. */
async function listStatuses(
  session: Session,
  region: string,
  results: readonly SeriesResult[],
): Promise<Map<string, string>> {
  const statusOf = new Map(await listImageStatuses(session, region));
  if (results.some(({ plan }) => plan.volume !== undefined)) {
    for (const { id, status } of await listVolumeSnapshots(session, region)) statusOf.set(id, status);
  }
  return statusOf;
}

/** The ids of the images and volume snapshots in the results that no longer exist. */
async function goneOf(
  session: Session,
  listed: ReadonlyMap<string, string>,
  results: readonly SeriesResult[],
): Promise<Set<string>> {
  const items = results.flatMap(({ plan, lines }) =>
    lines.map((line, i) => ({ line, snapshot: plan.items[i]!.snapshot })),
  );
  const isGone = async ({ line, snapshot }: (typeof items)[number]) => {
    const { image, outcome, codes } = line;
    const isDeleted = outcome === 'deleted';
    // Each deletion was followed by a read of the image.
    if (isDeleted && !listed.has(image)) return true;
    // A listed image that this run did not delete exists, even if GET answers 404. An image that
    // the listing lacks may exist.
    if (listed.has(image) && (!isDeleted || codes.includes('ALREADY_GONE'))) return false;
    return !(await exists(session, snapshot));
  };
  const gone = await pMap(items, isGone, { concurrency: AT_ONCE });
  return new Set(items.filter((_, i) => gone[i]).map(({ line }) => line.image));
}

/**
 * The kept snapshots that were good when the run started, still exist and are no longer good: their
 * current status by image id.
 */
async function damagedOf(
  session: Session,
  region: string,
  statusOf: ReadonlyMap<string, string>,
  results: readonly SeriesResult[],
): Promise<ReadonlyMap<string, string>> {
  const good = results.flatMap(({ plan, lines }) =>
    plan.items.flatMap(({ snapshot, action }, i) =>
      action === 'keep' && snapshot.state === 'good' && lines[i]!.outcome !== 'deleted' ? [snapshot] : [],
    ),
  );
  const onVolumes = good.some(({ volumeSnapshots }) => volumeSnapshots.length > 0);
  const listed = onVolumes ? await listVolumeSnapshots(session, region) : [];
  const dataOf = new Map(listed.map(({ id, status }) => [id, status]));
  const statusNow = async ({ id, volume, volumeSnapshots }: Snapshot): Promise<string | undefined> => {
    if (volume !== undefined) {
      const current = statusOf.get(id) ?? 'available';
      return /^(error|deleting)/.test(current) ? current : undefined;
    }
    const status = statusOf.get(id) ?? 'active';
    if (status !== 'active') return status;
    const unlisted = volumeSnapshots.filter((one) => !dataOf.has(one));
    const found = await getVolumeSnapshots(session, region, unlisted);
    if (found.length < unlisted.length) return volumeSnapshotStatus('gone');
    const bad = volumeSnapshots
      .map((one) => dataOf.get(one))
      .find((its) => /^(error|deleting)/.test(its ?? ''));
    return bad && volumeSnapshotStatus(bad);
  };
  const now = await pMap(good, statusNow, { concurrency: AT_ONCE });
  return new Map(good.flatMap(({ id }, i) => (now[i] ? [[id, now[i]] as const] : [])));
}

function stillThere(line: SnapshotLine): SnapshotLine {
  return { ...line, outcome: 'failed', ...reported([{ code: 'STILL_THERE' }]) };
}

function vanished(line: SnapshotLine): SnapshotLine {
  return { ...line, outcome: 'failed', ...reported([{ code: 'VANISHED' }]) };
}

function goneByNow(line: SnapshotLine): SnapshotLine {
  const { codes, reasons } = reported([{ code: 'GONE_BY_NOW' }]);
  return {
    ...line,
    outcome: 'deleted',
    codes: [...line.codes, ...codes],
    reasons: [...line.reasons, ...reasons],
  };
}

function unconfirmed(line: SnapshotLine): SnapshotLine {
  return line.outcome === 'deleted'
    ? { ...line, outcome: 'failed', ...reported([{ code: 'UNCONFIRMED' }]) }
    : line;
}
