import pMap from 'p-map';
import { isoSeconds } from '../config/dates.ts';
import { ADHOC } from '../config/policy.ts';
import { listServers } from '../openstack/compute.ts';
import { type CloudErrorCode, explain, isCloudError } from '../openstack/errors.ts';
import {
  deleteImage,
  getImage,
  type Image,
  listImageMembers,
  listImageStatuses,
  visitImages,
} from '../openstack/images.ts';
import { pause } from '../openstack/pause.ts';
import { mayWriteImages } from '../openstack/roles.ts';
import type { Session } from '../openstack/session.ts';
import { deleteVolumeSnapshot, getVolumeSnapshots, listVolumeSnapshots } from '../openstack/volumes.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import type { SnapshotLine } from '../reporting/report.ts';
import { reported } from '../reporting/sentences.ts';
import type { Item, SeriesPlan } from './cleanup-plan.ts';
import { beingBuilt, type InUse, restoredAsNew, restoredInPlace } from './in-use.ts';
import { isSnapshot, type Snapshot } from './marker.ts';
import { otherOwners, type Reader } from './ownership.ts';
import { counts, hasPassed, staysBecause } from './retention.ts';

// Each deletion is preceded by three reads; Rackspace takes 1,000 reads a minute.
const AT_ONCE = 8;
// Cinder deletes in its own time; mostly that is short.
const VOLUME_LOOKS = 4;
const VOLUME_LOOK_MS = 500;
/**
 * What the cloud may say of one image alone: it is in use, is locked, may not be deleted, or breaks
 * whatever deletes it.
 */
const REFUSALS: readonly CloudErrorCode[] = [
  'CONFLICT',
  'FORBIDDEN',
  'BAD_REQUEST',
  'UNAVAILABLE',
  'NO_ANSWER',
  'BAD_ANSWER',
];

/** A plan and what became of each of its items, in the same order. */
export interface SeriesResult {
  plan: SeriesPlan;
  lines: SnapshotLine[];
  /** What can't be deleted. */
  warnings: Reason[];
}

interface RotateOptions {
  read: Reader;
  /** Whose snapshots these are. */
  owner: string;
  /** Asked about each image right before its deletion. */
  inUse: InUse;
  now: Date;
  /** Milliseconds to leave for the listing afterwards. */
  reserveMs: number;
}

interface Result extends Pick<SnapshotLine, 'outcome'> {
  reasons: Reason[];
  /** The cloud does not let this image go. */
  refused?: CloudErrorCode;
  /** It had data, and some of its volume snapshots are deleted. */
  broken?: boolean;
}

/**
 * Deletes what the plans of one region have marked for it, the oldest of each series first. Just
 * before each deletion the image is read again, and as many others of its series as have to stay. A
 * read that fails stops every deletion in the region; what the plan keeps is never touched.
 *
 * What the cloud refuses to delete does not keep others from their turn: in its place goes one that
 * the plan has left to a later run.
 */
export async function rotate(
  session: Session,
  plans: readonly SeriesPlan[],
  options: RotateOptions,
): Promise<SeriesResult[]> {
  /** Why no more is deleted in this region, once something has gone wrong. */
  let stopped: string | undefined;

  /** An image as the cloud has it at this moment, and what it is; undefined when it is gone. */
  const look = async ({
    region,
    id,
  }: Snapshot): Promise<{ image: Image; current: ReturnType<Reader> } | undefined> => {
    const image = await getImage(session, region, id);
    if (!image) return undefined;
    const volumeSnapshots = await getVolumeSnapshots(session, region, image.volumeSnapshotIds);
    return { image, current: options.read(image, volumeSnapshots) };
  };

  /** A snapshot as the cloud has it at this moment, if it still counts for its series. */
  const counting = async (snapshot: Snapshot): Promise<Snapshot | undefined> => {
    const current = (await look(snapshot))?.current;
    if (!isSnapshot(current) || !sameSeries(current, snapshot)) return undefined;
    return counts(current, options.now) ? current : undefined;
  };

  /** Whether good snapshots of `floor` slots are there besides this one. */
  const enoughLeft = async (others: readonly Snapshot[], floor: number): Promise<boolean> => {
    const slots = new Set<number>();
    for (const other of others) {
      if (slots.has(other.slot.getTime()) || !(await counting(other))) continue;
      slots.add(other.slot.getTime());
      if (slots.size === floor) return true;
    }
    return false;
  };

  const claims = listClaims(session, plans, options);
  // Complete before the first deletion: Glance refuses the page after an image that is gone. An
  // error shows where the listing is needed.
  await claims.catch(() => undefined);
  /** Why somebody else may need an image or its data. */
  const claimedBecause = async ({
    id,
    server,
    volumeSnapshots,
    adopted,
  }: Snapshot): Promise<Reason | undefined> => {
    const { needs, others, inUse } = await claims;
    const use = inUse.get(id);
    if (use) return use;
    const isNeeded = [...needs].some(
      ([other, theirs]) => other !== id && theirs.some((one) => volumeSnapshots.includes(one)),
    );
    if (isNeeded) return { code: 'SAME_VOLUME_SNAPSHOTS' };
    return adopted && others.has(server) ? { code: 'OTHER_DEPLOYMENT' } : undefined;
  };

  /** Whether there is a newer one that is as well proven. */
  const provenLeft = async (proven: Snapshot, others: readonly Snapshot[]): Promise<boolean> => {
    for (const other of others) {
      if (!other.proven || other.slot < proven.slot) continue;
      const current = await counting(other);
      if (!current) continue;
      if (hasPassed(current) || (current.proven && !hasPassed(proven))) return true;
    }
    return false;
  };

  const attempt = async (snapshot: Snapshot, others: readonly Snapshot[], floor: number): Promise<Result> => {
    const found = await look(snapshot);
    if (!found) return { outcome: 'deleted', reasons: [{ code: 'ALREADY_GONE' }] };
    const current = options.inUse(found.image) ?? asPlanned(snapshot, found.current, options.now);
    if ('code' in current) return { outcome: 'kept', reasons: [{ code: 'CHANGED', reason: current }] };
    // A failed one takes nothing away: it only has to have a good one that stands for it.
    const needed = snapshot.state === 'failed' ? 1 : floor;
    if (snapshot.policy !== ADHOC && !(await enoughLeft(others, needed))) {
      return { outcome: 'kept', reasons: [{ code: 'TOO_FEW_LEFT', needed }] };
    }
    if (snapshot.state === 'good' && current.proven && !(await provenLeft(current, others))) {
      return { outcome: 'kept', reasons: [{ code: 'NONE_PROVEN_LEFT' }] };
    }
    const claimed = await claimedBecause(snapshot);
    if (claimed) return { outcome: 'kept', reasons: [claimed] };
    const members = await membersOf(session, snapshot);
    if (members.length > 0) {
      return { outcome: 'kept', reasons: [{ code: 'SHARED', members }], refused: 'CONFLICT' };
    }
    // Another series may have met an error while this one was looking.
    if (stopped) return { outcome: 'deferred', reasons: [{ code: 'STOPPED', message: stopped }] };
    const removed = await remove(session, snapshot);
    // A read like any other: one that fails stops the region.
    return removed.outcome === 'deleted' && (await getImage(session, snapshot.region, snapshot.id))
      ? { outcome: 'failed', reasons: [{ code: 'STILL_THERE' }], refused: 'UNAVAILABLE' }
      : removed;
  };

  const apply = async (
    { snapshot, reasons }: Item,
    others: readonly Snapshot[],
    floor: number,
  ): Promise<Result> => {
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

  const rotateSeries = async (plan: SeriesPlan): Promise<Map<Item, Result>> => {
    const results = new Map<Item, Result>();
    const there = new Set(
      plan.items
        .filter(({ snapshot, uncounted }) => snapshot.state === 'good' && !uncounted)
        .map((item) => item.snapshot),
    );
    let allowed = plan.items.filter(({ action }) => action === 'delete').length;
    const waiting = plan.items.toReversed().filter(({ action }) => action !== 'keep');
    let hasWaited = false;
    for (let item = waiting.shift(); item && allowed > 0; item = waiting.shift()) {
      there.delete(item.snapshot);
      const result = await apply(item, [...there], plan.floor);
      results.set(item, result);
      // What is not deleted by this run takes no other's turn.
      if (!result.refused && !isGoneAlready(result)) allowed -= 1;
      if (result.outcome !== 'deleted' && item.snapshot.state === 'good') there.add(item.snapshot);
      // Each that never answers takes up a minute: with the oldest always first, none of the others
      // would get its turn.
      if (result.refused === 'NO_ANSWER' && !hasWaited) waiting.reverse();
      hasWaited ||= result.refused === 'NO_ANSWER';
    }
    return results;
  };

  const found = await pMap(plans, rotateSeries, { concurrency: AT_ONCE });
  // Where nothing can be deleted, the user may lack the role; else it is this image that can't be.
  const mayDelete =
    mayWriteImages(session) || found.some((results) => [...results.values()].some(isDeletion));
  return plans.map((plan, i) => {
    const lines = plan.items.map((item) => lineOf(item, settle(found[i]!.get(item), mayDelete)));
    return { plan, lines, warnings: refusalsIn(plan, found[i]!) };
  });
}

/**
 * Whom Rackspace shares an image with that it calls private; elsewhere its visibility says that it
 * is shared.
 */
export async function membersOf(session: Session, { region, id }: Snapshot): Promise<string[]> {
  return session.provider === 'rackspace' ? listImageMembers(session, region, id) : [];
}

interface Claims {
  /** The volume snapshots of each image. */
  needs: ReadonlyMap<string, readonly string[]>;
  /** The servers of which other deployments have snapshots; see ownership.ts. */
  others: ReadonlyMap<string, string>;
  /** The images that servers are being made from, and those that restores have begun with. */
  inUse: ReadonlyMap<string, Reason>;
}

/**
 * What others may need of a region's images, from listings of its own: those of the plan may have
 * lacked something. Nothing is listed where nothing is to go.
 */
async function listClaims(
  session: Session,
  plans: readonly SeriesPlan[],
  { owner, now }: Pick<RotateOptions, 'owner' | 'now'>,
): Promise<Claims> {
  const needs = new Map<string, readonly string[]>();
  const others = new Map<string, string>();
  const inUse = new Map<string, Reason>();
  const first = plans.flatMap(({ items }) => items).find(({ action }) => action !== 'keep');
  if (!first) return { needs, others, inUse };
  const { region } = first.snapshot;
  const servers = await listServers(session, region);
  for (const id of beingBuilt(servers)) inUse.set(id, { code: 'SERVER_BUILDING' });
  for (const id of restoredAsNew(servers, now)) inUse.set(id, { code: 'RESTORED_AS_NEW' });
  await visitImages(session, region, (image) => {
    if (image.volumeSnapshotIds.length > 0) needs.set(image.id, image.volumeSnapshotIds);
    for (const [server, other] of otherOwners([image], owner)) others.set(server, other);
    for (const id of restoredInPlace([image], now)) inUse.set(id, { code: 'RESTORED_IN_PLACE' });
  });
  return { needs, others, inUse };
}

function isDeletion(result: Result): boolean {
  return result.outcome === 'deleted' && !isGoneAlready(result);
}

function isGoneAlready({ reasons }: Result): boolean {
  return reasons.some(({ code }) => code === 'ALREADY_GONE');
}

/** A refusal that concerns one image alone, and leaves it whole, is no failure of the run. */
function settle(result: Result | undefined, mayDelete: boolean | undefined): Result | undefined {
  if (!result?.refused || result.broken || result.outcome === 'deferred') return result;
  const isIts = result.refused === 'FORBIDDEN' || result.refused === 'BAD_REQUEST';
  return result.refused === 'CONFLICT' || (isIts && mayDelete) ? { ...result, outcome: 'kept' } : result;
}

function refusalsIn({ name, server }: SeriesPlan, results: ReadonlyMap<Item, Result>): Reason[] {
  return [...results].flatMap(([{ snapshot }, { refused, reasons }]) =>
    refused ? [{ code: 'NOT_DELETABLE', image: snapshot.id, of: name || server, reasons }] : [],
  );
}

/** An item of a plan as the report shows it; without a result, as it is planned. */
export function lineOf({ snapshot, action, reasons: planReasons }: Item, result?: Result): SnapshotLine {
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

/** How many lines were left because the time ran out. */
export function leftForTime(lines: readonly SnapshotLine[]): number {
  return lines.filter(({ codes }) => codes.includes('DEADLINE')).length;
}

function sameSeries(a: Snapshot, b: Snapshot): boolean {
  return a.policy === b.policy && a.server === b.server;
}

/**
 * The snapshot as it is now, or what is different from when the plan was made, where it matters.
 */
function asPlanned(planned: Snapshot, current: ReturnType<Reader>, now: Date): Snapshot | Reason {
  if (current === undefined) return { code: 'NOT_OURS' };
  if (!isSnapshot(current)) return { code: 'UNREADABLE_MARKER', problem: current.problem };
  const same =
    sameSeries(current, planned) &&
    current.slot.getTime() === planned.slot.getTime() &&
    current.expires?.getTime() === planned.expires?.getTime();
  if (!same) return { code: 'OTHER_MARKER' };
  // Those of the plan are deleted first, and a listing may have mixed up whose they are.
  if (current.volumeSnapshots.join() !== planned.volumeSnapshots.join())
    return { code: 'OTHER_VOLUME_SNAPSHOTS' };
  if (current.state !== planned.state || current.partial !== planned.partial)
    return { code: 'OTHER_STATUS', status: current.status };
  return staysBecause(current, now) ?? current;
}

/**
 * Deletes a snapshot: its volume snapshots first, the image that names them last, so that what is
 * interrupted is found and finished by a later run.
 */
async function remove(session: Session, snapshot: Snapshot): Promise<Result> {
  const { region, id, state, partial, volumeSnapshots } = snapshot;
  let broken = false;
  try {
    const before = await getVolumeSnapshots(session, region, volumeSnapshots);
    if (before.length > 0 && before.every(({ status }) => status === 'deleting')) {
      return { outcome: 'deferred', reasons: [{ code: 'VOLUME_SNAPSHOTS_GOING' }], refused: 'CONFLICT' };
    }
    for (const volumeSnapshot of volumeSnapshots) {
      await deleteVolumeSnapshot(session, region, volumeSnapshot);
      broken ||= state === 'good' || partial === true;
    }
    let left = await getVolumeSnapshots(session, region, volumeSnapshots);
    for (let look = 0; left.length > 0 && look < VOLUME_LOOKS; look++) {
      await pause(VOLUME_LOOK_MS);
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
    await deleteImage(session, region, id);
    return { outcome: 'deleted', reasons: [] };
  } catch (error) {
    // A refused token stops the region, like a failed read; the rest concerns this image and waits
    // for the next run.
    if (!isCloudError(error) || error.code === 'UNAUTHORIZED' || error.code === 'OUT_OF_TIME') throw error;
    return {
      outcome: 'failed',
      reasons: [
        { code: 'CLOUD', error: error.code, message: `${explain(error)} It is left to the next run.` },
      ],
      ...(REFUSALS.includes(error.code) ? { refused: error.code, broken } : {}),
    };
  }
}

export interface Confirmation {
  results: SeriesResult[];
  failures: Finding[];
  warnings: Finding[];
}

/**
 * Looks at a region again after deletions and corrects the results by what is really there: a
 * deletion counts when the image is gone, and a snapshot that is gone although it was to be kept,
 * or is no longer good, is a failure. Where a new listing says otherwise than the result, the image
 * itself is asked for.
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
    const statusOf = await listImageStatuses(session, region);
    gone = await goneOf(session, region, statusOf, results);
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
      const what = { region, image, of: plan.name || plan.server, slot };
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

/** The images of some results that are gone. */
async function goneOf(
  session: Session,
  region: string,
  listed: ReadonlyMap<string, string>,
  results: readonly SeriesResult[],
): Promise<Set<string>> {
  const lines = results.flatMap((result) => result.lines);
  const isGone = async ({ image, outcome, codes }: SnapshotLine) => {
    const isDeleted = outcome === 'deleted';
    // Each deletion was followed by a look at the image.
    if (isDeleted && !listed.has(image)) return true;
    // What is listed, and nobody has deleted, is there, whatever GET says; that something is not
    // listed proves nothing.
    if (listed.has(image) && (!isDeleted || codes.includes('ALREADY_GONE'))) return false;
    return (await getImage(session, region, image)) === undefined;
  };
  const gone = await pMap(lines, isGone, { concurrency: AT_ONCE });
  return new Set(lines.filter((_, i) => gone[i]).map(({ image }) => image));
}

/**
 * The snapshots to be kept that were good when the run began, and are there and not good any more;
 * and what they are now.
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
  const statusNow = async ({ id, volumeSnapshots }: Snapshot): Promise<string | undefined> => {
    const status = statusOf.get(id) ?? 'active';
    if (status !== 'active') return status;
    const unlisted = volumeSnapshots.filter((one) => !dataOf.has(one));
    const found = await getVolumeSnapshots(session, region, unlisted);
    if (found.length < unlisted.length) return 'volume snapshot gone';
    const bad = volumeSnapshots
      .map((one) => dataOf.get(one))
      .find((its) => /^(error|deleting)/.test(its ?? ''));
    return bad && `volume snapshot ${bad}`;
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
