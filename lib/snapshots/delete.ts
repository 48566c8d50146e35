import pMap from 'p-map';
import { ADHOC } from '../config/adhoc-event.ts';
import { isCloudError } from '../openstack/errors.ts';
import { getImage, type Image, listImageMembers } from '../openstack/images.ts';
import { mayWriteSnapshots } from '../openstack/roles.ts';
import type { Session } from '../openstack/session.ts';
import { getVolumeSnapshot, getVolumeSnapshots } from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { SnapshotLine } from '../reporting/report.ts';
import type { VolumeReader } from '../volumes/marker.ts';
import { asPlanned, sameSeries } from './changed-since-plan.ts';
import { type DeletionResult, exists, remove } from './delete-snapshot.ts';
import type { InUse } from './in-use.ts';
import { listOtherUses } from './other-uses.ts';
import type { Reader } from './ownership.ts';
import {
  classifyRefusal,
  isDeletion,
  isGoneAlready,
  isWaitingForOther,
  refusedDeletions,
  WAITING_FOR_OTHER,
} from './refused-deletions.ts';
import { counts, hasPassed } from './retention.ts';
import type { PlanItem, RegionPlan, SeriesPlan } from './series-plan.ts';
import { lookAtSets } from './sets-to-look-at.ts';
import { isSnapshot, type Snapshot } from './snapshot.ts';
import { snapshotLine } from './snapshot-line.ts';

// Each deletion is preceded by three reads; Rackspace takes 1,000 reads a minute.
const AT_ONCE = 8;

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
  /** See sets-to-look-at.ts. */
  setsOf: RegionPlan['setsOf'];
  now: Date;
  /** Time to leave for the listing after the deletions, in milliseconds. */
  reserveMs: number;
}

/**
 * Deletes the snapshots that the plans of one region delete, the oldest of each series first.
 * Right before each deletion, reads the image again, and the snapshots of the series and the sets
 * that must remain. A failed read stops all deletions in the region. A snapshot that the plan keeps
 * is never deleted.
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

  const setStaysBecause = lookAtSets({
    ...options,
    read: async (snapshot) => (await readAgain(snapshot))?.current,
  });

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
    const setStays = snapshot.state === 'good' && !mayGoAlone && (await setStaysBecause(snapshot, floor));
    if (setStays) return { outcome: 'kept', reasons: [{ code: 'CHANGED', reason: setStays }] };
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
