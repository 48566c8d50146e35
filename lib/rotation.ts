import { setTimeout } from 'node:timers/promises';
import pMap from 'p-map';
import { otherOwners, type Reader } from './belonging.ts';
import type { Item, SeriesPlan } from './cleanup.ts';
import { isoSeconds } from './dates.ts';
import { type InUse, RESTORED_IN_PLACE, restoredInPlace } from './in-use.ts';
import type { Snapshot } from './marker.ts';
import { type CloudErrorCode, explain, isCloudError } from './openstack/errors.ts';
import {
  deleteImage,
  getImage,
  type Image,
  listImageIds,
  listImageMembers,
  visitImages,
} from './openstack/images.ts';
import { mayWriteImages } from './openstack/roles.ts';
import type { Session } from './openstack/session.ts';
import { deleteVolumeSnapshot, getVolumeSnapshots } from './openstack/volumes.ts';
import { ADHOC } from './policy.ts';
import type { SnapshotLine } from './report.ts';
import { counts, hasPassed, staysBecause } from './retention.ts';

// Each deletion is preceded by three reads; Rackspace takes 1,000 reads a minute.
const AT_ONCE = 8;
// Cinder deletes in its own time; mostly that is short.
const VOLUME_LOOKS = 4;
const VOLUME_LOOK_MS = 500;
const OUT_OF_TIME = 'the time of this run is used up';
const ALREADY_GONE = 'already gone';
const STILL_THERE = 'the cloud accepted the deletion, but the image is still there';
/** What the cloud may say of one image alone: it is in use, may not be deleted, or breaks whatever deletes it. */
const REFUSALS: readonly CloudErrorCode[] = [
  'CONFLICT',
  'FORBIDDEN',
  'BAD_REQUEST',
  'UNAVAILABLE',
  'NO_ANSWER',
];

/** A plan and what became of each of its items, in the same order. */
export interface SeriesResult {
  plan: SeriesPlan;
  lines: SnapshotLine[];
  /** What can't be deleted, for people. */
  warnings: string[];
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

interface Result extends Pick<SnapshotLine, 'outcome' | 'reasons'> {
  /** The cloud does not let this image go. */
  refused?: CloudErrorCode;
  /** It had data, and some of its volume snapshots are deleted. */
  broken?: boolean;
}

/**
 * Deletes what the plans of one region have marked for it, the oldest of each series first. Just before each
 * deletion the image is read again, and as many others of its series as have to stay. A read that fails stops
 * every deletion in the region; what the plan keeps is never touched.
 *
 * What the cloud refuses to delete does not keep others from their turn: in its place goes one that the plan has left to
 * a later run.
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
    if (typeof current !== 'object' || !sameSeries(current, snapshot)) return undefined;
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
  // Complete before the first deletion: Glance refuses the page after an image that is gone. An error shows where the
  // listing is needed.
  await claims.catch(() => undefined);
  /** Why somebody else may need an image or its data. */
  const claimedBecause = async ({ id, server, volumeSnapshots, adopted }: Snapshot) => {
    const { needs, others, restored } = await claims;
    if (restored.has(id)) return RESTORED_IN_PLACE;
    const isNeeded = [...needs].some(
      ([other, theirs]) => other !== id && theirs.some((one) => volumeSnapshots.includes(one)),
    );
    if (isNeeded) return 'another image names the same volume snapshots';
    return adopted && others.has(server) ? 'another deployment has snapshots of its server, too' : undefined;
  };

  /** Whom Rackspace shares an image with that it calls private; elsewhere its visibility says that it is shared. */
  const membersOf = async ({ region, id }: Snapshot): Promise<string[]> =>
    session.provider === 'rackspace' ? listImageMembers(session, region, id) : [];

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
    if (!found) return { outcome: 'deleted', reasons: [ALREADY_GONE] };
    const current = options.inUse(found.image) ?? asPlanned(snapshot, found.current, options.now);
    if (typeof current === 'string')
      return { outcome: 'kept', reasons: [`changed since the plan: ${current}`] };
    // A failed one takes nothing away: it only has to have a good one that stands for it.
    const needed = snapshot.state === 'failed' ? 1 : floor;
    if (snapshot.policy !== ADHOC && !(await enoughLeft(others, needed))) {
      return { outcome: 'kept', reasons: [`fewer than ${needed} good ones (atLeast) would be left`] };
    }
    if (snapshot.state === 'good' && current.proven && !(await provenLeft(current, others))) {
      return { outcome: 'kept', reasons: ['no newer one that passed a drill would be left'] };
    }
    const claimed = await claimedBecause(snapshot);
    if (claimed) return { outcome: 'kept', reasons: [claimed] };
    const members = await membersOf(snapshot);
    if (members.length > 0) {
      const reason = `the image is shared with ${members.join(', ')}: it stays until it is shared no more`;
      return { outcome: 'kept', reasons: [reason], refused: 'CONFLICT' };
    }
    // Another series may have met an error while this one was looking.
    if (stopped) return { outcome: 'deferred', reasons: [`not tried: ${stopped}`] };
    const removed = await remove(session, snapshot);
    // A read like any other: one that fails stops the region.
    return removed.outcome === 'deleted' && (await getImage(session, snapshot.region, snapshot.id))
      ? { outcome: 'failed', reasons: [STILL_THERE], refused: 'UNAVAILABLE' }
      : removed;
  };

  const apply = async (
    { snapshot, reasons }: Item,
    others: readonly Snapshot[],
    floor: number,
  ): Promise<Result> => {
    if (session.deadline.remainingMs() <= options.reserveMs)
      return { outcome: 'deferred', reasons: [OUT_OF_TIME] };
    if (stopped) return { outcome: 'deferred', reasons: [`not tried: ${stopped}`] };
    try {
      const result = await attempt(snapshot, others, floor);
      return result.outcome === 'deleted' ? { ...result, reasons: [...reasons, ...result.reasons] } : result;
    } catch (error) {
      if (!isCloudError(error)) throw error;
      if (error.code === 'OUT_OF_TIME') return { outcome: 'deferred', reasons: [OUT_OF_TIME] };
      stopped = error.message;
      return { outcome: 'failed', reasons: [error.message] };
    }
  };

  const rotateSeries = async (plan: SeriesPlan): Promise<Map<Item, Result>> => {
    const results = new Map<Item, Result>();
    const there = new Set(plan.items.map(({ snapshot }) => snapshot).filter(({ state }) => state === 'good'));
    let allowed = plan.items.filter(({ fate }) => fate === 'delete').length;
    for (const item of plan.items.toReversed().filter(({ fate }) => fate !== 'keep')) {
      if (allowed === 0) break;
      there.delete(item.snapshot);
      const result = await apply(item, [...there], plan.floor);
      results.set(item, result);
      if (!result.refused) allowed -= 1;
      if (result.outcome !== 'deleted' && item.snapshot.state === 'good') there.add(item.snapshot);
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

interface Claims {
  /** The volume snapshots of each image. */
  needs: ReadonlyMap<string, readonly string[]>;
  /** The servers of which other deployments have snapshots; see belonging.ts. */
  others: ReadonlyMap<string, string>;
  /** The images that restores in place have begun with. */
  restored: ReadonlySet<string>;
}

/**
 * What others may need of a region's images, from a listing of its own: that of the plan may have lacked one. Nothing is
 * listed where nothing is to go.
 */
async function listClaims(
  session: Session,
  plans: readonly SeriesPlan[],
  { owner, now }: Pick<RotateOptions, 'owner' | 'now'>,
): Promise<Claims> {
  const needs = new Map<string, readonly string[]>();
  const others = new Map<string, string>();
  const restored = new Set<string>();
  const first = plans.flatMap(({ items }) => items).find(({ fate }) => fate !== 'keep');
  if (!first) return { needs, others, restored };
  await visitImages(session, first.snapshot.region, (image) => {
    if (image.volumeSnapshotIds.length > 0) needs.set(image.id, image.volumeSnapshotIds);
    for (const [server, other] of otherOwners([image], owner)) others.set(server, other);
    for (const id of restoredInPlace([image], now)) restored.add(id);
  });
  return { needs, others, restored };
}

function isDeletion({ outcome, reasons }: Result): boolean {
  return outcome === 'deleted' && !reasons.includes(ALREADY_GONE);
}

/** A refusal that concerns one image alone, and leaves it whole, is no failure of the run. */
function settle(result: Result | undefined, mayDelete: boolean | undefined): Result | undefined {
  if (!result?.refused || result.broken || result.outcome === 'deferred') return result;
  const isIts = result.refused === 'FORBIDDEN' || result.refused === 'BAD_REQUEST';
  return result.refused === 'CONFLICT' || (isIts && mayDelete) ? { ...result, outcome: 'kept' } : result;
}

function refusalsIn({ name, server }: SeriesPlan, results: ReadonlyMap<Item, Result>): string[] {
  return [...results].flatMap(([{ snapshot }, { refused, reasons }]) =>
    refused
      ? [
          `image ${snapshot.id} of ${name || server} can't be deleted, and the next ones go: ${reasons.join('; ')}`,
        ]
      : [],
  );
}

/** An item of a plan as the report shows it; without a result, as it is planned. */
export function lineOf({ snapshot, fate, reasons: planReasons }: Item, result?: Result): SnapshotLine {
  const planned = { keep: 'kept', delete: 'planned', defer: 'deferred' } as const;
  const { outcome, reasons } = result ?? { outcome: planned[fate], reasons: planReasons };
  return {
    image: snapshot.id,
    slot: isoSeconds(snapshot.slot),
    status: snapshot.status,
    ...(snapshot.sizeBytes === undefined ? {} : { sizeBytes: snapshot.sizeBytes }),
    outcome,
    reasons,
  };
}

/** How many lines were left because the time ran out. */
export function leftForTime(lines: readonly SnapshotLine[]): number {
  return lines.filter(({ reasons }) => reasons.includes(OUT_OF_TIME)).length;
}

function sameSeries(a: Snapshot, b: Snapshot): boolean {
  return a.policy === b.policy && a.server === b.server;
}

/** The snapshot as it is now, or what is different from when the plan was made, where it matters. */
function asPlanned(planned: Snapshot, current: Snapshot | string | undefined, now: Date): Snapshot | string {
  if (typeof current !== 'object') return current ?? 'it is not marked as ours any more';
  const same =
    sameSeries(current, planned) &&
    current.slot.getTime() === planned.slot.getTime() &&
    current.expires?.getTime() === planned.expires?.getTime();
  if (!same) return 'its marker is another';
  // Those of the plan are deleted first, and a listing may have mixed up whose they are.
  if (current.volumeSnapshots.join() !== planned.volumeSnapshots.join())
    return 'it names other volume snapshots';
  if (current.state !== planned.state || current.partial !== planned.partial)
    return `it is ${current.status}`;
  return staysBecause(current, now) ?? current;
}

/**
 * Deletes a snapshot: its volume snapshots first, the image that names them last, so that what is interrupted is
 * found and finished by a later run.
 */
async function remove(session: Session, snapshot: Snapshot): Promise<Result> {
  const { region, id, state, partial, volumeSnapshots } = snapshot;
  let broken = false;
  try {
    const before = await getVolumeSnapshots(session, region, volumeSnapshots);
    if (before.length > 0 && before.every(({ status }) => status === 'deleting')) {
      const reason = 'its volume snapshots are being deleted since an earlier run';
      return { outcome: 'deferred', reasons: [reason], refused: 'CONFLICT' };
    }
    for (const volumeSnapshot of volumeSnapshots) {
      await deleteVolumeSnapshot(session, region, volumeSnapshot);
      broken ||= state === 'good' || partial === true;
    }
    let left = await getVolumeSnapshots(session, region, volumeSnapshots);
    for (let look = 0; left.length > 0 && look < VOLUME_LOOKS; look++) {
      await setTimeout(VOLUME_LOOK_MS);
      left = await getVolumeSnapshots(session, region, volumeSnapshots);
    }
    const untouched = left.find(({ status }) => status !== 'deleting');
    if (untouched) {
      const reason = `the cloud accepted the deletion of its volume snapshot ${untouched.id}, which is still ${untouched.status}`;
      return { outcome: 'failed', reasons: [reason], refused: 'UNAVAILABLE', broken };
    }
    if (left.length > 0) {
      const reason = 'its volume snapshots are being deleted; the image goes in a later run';
      return { outcome: 'deferred', reasons: [reason] };
    }
    await deleteImage(session, region, id);
    return { outcome: 'deleted', reasons: [] };
  } catch (error) {
    // A refused token stops the region, like a failed read; the rest concerns this image and waits for the next run.
    if (!isCloudError(error) || error.code === 'UNAUTHORIZED' || error.code === 'OUT_OF_TIME') throw error;
    return {
      outcome: 'failed',
      reasons: [`${explain(error)} It is left to the next run.`],
      ...(REFUSALS.includes(error.code) ? { refused: error.code, broken } : {}),
    };
  }
}

export interface Confirmation {
  results: SeriesResult[];
  failures: string[];
  warnings: string[];
}

/**
 * Looks at a region again after deletions and corrects the results by what is really there: a deletion counts when the
 * image is gone, and a snapshot that is gone although it was to be kept is a failure. Where a new listing says otherwise
 * than the result, the image itself is asked for.
 */
export async function confirm(
  session: Session,
  region: string,
  results: readonly SeriesResult[],
): Promise<Confirmation> {
  const warnings = results.flatMap((result) => result.warnings.map((warning) => `${region}: ${warning}`));
  if (results.length === 0) return { results: [], failures: [], warnings };
  let gone: Set<string>;
  try {
    gone = await goneOf(session, region, results);
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const failures = [
      `${region} can't be read after the deletions, so they are not confirmed: ${error.message}`,
    ];
    return {
      results: results.map((r) => ({ ...r, lines: r.lines.map(unconfirmed) })),
      failures,
      warnings,
    };
  }
  const failures: string[] = [];
  const confirmed = results.map(({ plan, lines, ...rest }) => ({
    ...rest,
    plan,
    lines: lines.map((line, i): SnapshotLine => {
      const { fate, snapshot } = plan.items[i]!;
      if (!gone.has(line.image)) return line.outcome === 'deleted' ? stillThere(line) : line;
      if (line.outcome === 'deleted') return line;
      if (fate !== 'keep') return { ...line, outcome: 'deleted', reasons: [...line.reasons, 'gone by now'] };
      const what = `${region}: image ${line.image} of ${plan.name || plan.server} (${line.status}, ${line.slot})`;
      if (snapshot.state === 'pending') {
        warnings.push(`${what} has disappeared before it was finished: that snapshot has failed`);
      } else if (snapshot.state !== 'failed') {
        failures.push(`${what} was to be kept and has disappeared: this run did not delete it`);
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
  results: readonly SeriesResult[],
): Promise<Set<string>> {
  const listed = await listImageIds(session, region);
  const lines = results.flatMap((result) => result.lines);
  const isGone = async ({ image, outcome, reasons }: SnapshotLine) => {
    const isDeleted = outcome === 'deleted';
    // Each deletion was followed by a look at the image.
    if (isDeleted && !listed.has(image)) return true;
    // What is listed, and nobody has deleted, is there, whatever GET says; that something is not listed proves nothing.
    if (listed.has(image) && (!isDeleted || reasons.includes(ALREADY_GONE))) return false;
    return (await getImage(session, region, image)) === undefined;
  };
  const gone = await pMap(lines, isGone, { concurrency: AT_ONCE });
  return new Set(lines.filter((_, i) => gone[i]).map(({ image }) => image));
}

function stillThere(line: SnapshotLine): SnapshotLine {
  return {
    ...line,
    outcome: 'failed',
    reasons: [STILL_THERE],
  };
}

function unconfirmed(line: SnapshotLine): SnapshotLine {
  return line.outcome === 'deleted'
    ? { ...line, outcome: 'failed', reasons: ['the cloud accepted the deletion; nobody has seen it gone'] }
    : line;
}
