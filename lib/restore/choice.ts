import { isoSeconds, parseDate } from '../config/dates.ts';
import type { Image } from '../openstack/images.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { hasPassed } from '../snapshots/retention.ts';
import type { RestoreEvent } from './event.ts';
import type { RestoreInventory, UncountedImage } from './inventory.ts';
import { readSafetyMark } from './marks.ts';
import { refuse } from './refusal.ts';
import type { Origin } from './source.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MOST_LISTED = 5;

/** The image to restore, what it is, and why newer ones were passed over. */
export interface Choice {
  image: Image;
  reasons: Reason[];
}

interface Circumstances {
  projectId: string;
  now: Date;
}

/**
 * The newest good snapshot of the server, or the newest whose data are of a moment or older (of a
 * bare date, of the end of that day in UTC): one that was taken late has younger data than its slot
 * says. One whose last drill failed is passed over while there is one that passed; safety snapshots
 * hold what a restore was to undo. Both are taken by their id only.
 *
 * @throws {ValidationError} that says what there is instead.
 */
export function findImage(
  stock: Pick<RestoreInventory, 'images' | 'snapshots' | 'suspects'>,
  origin: Pick<Origin, 'id' | 'name' | 'region'>,
  { at, policy }: Pick<RestoreEvent, 'at' | 'policy'>,
  { now }: Pick<Circumstances, 'now'>,
): Choice {
  const { id, name, region } = origin;
  const imageOf = new Map(stock.images.filter((i) => i.region === region).map((image) => [image.id, image]));
  const untilMs = momentMs(at) ?? Infinity;
  const its = stock.snapshots
    .filter((s) => s.region === region && s.server === id)
    .filter((s) => policy === undefined || s.policy === policy)
    .filter((s) => !readSafetyMark(imageOf.get(s.id)!));
  const candidates = its
    .filter((s) => isOfThen(s, untilMs))
    .sort((a, b) => b.slot.getTime() - a.slot.getTime() || (a.id < b.id ? -1 : 1));
  const good = candidates.filter(({ state }) => state === 'good');
  const uncounted = uncountedOf(stock.suspects, origin, policy).filter(
    ({ image }) => image.createdAt.getTime() <= untilMs,
  );
  const best = good.some(hasPassed) ? good.find((s) => !hasFailed(s)) : good[0];
  if (best) {
    const passedOver = [
      ...candidates.slice(0, candidates.indexOf(best)).map(whyPassedOver),
      ...uncounted.filter(({ image }) => image.createdAt > dataTime(best)).map(whyNotCounted),
    ];
    return {
      image: imageOf.get(best.id)!,
      reasons: [choiceOf(best, now), ...dayOf(at, untilMs), ...shortened(passedOver)],
    };
  }
  const isLatest = at === 'latest';
  const oldest = isLatest ? undefined : oldestOf(its);
  refuse({
    code: 'RESTORE_NO_GOOD_SNAPSHOT',
    server: name || id,
    ...(policy === undefined ? {} : { policy }),
    ...(isLatest ? {} : { until: isoSeconds(new Date(untilMs)) }),
    others: candidates
      .slice(0, MOST_LISTED)
      .map((s) => ({ image: s.id, slot: isoSeconds(s.slot), status: s.status })),
    ...(oldest ? { oldest: { slot: isoSeconds(oldest.slot), made: isoSeconds(dataTime(oldest)) } } : {}),
    uncounted: shortened(uncounted.map(whyNotCounted)),
  });
}

/**
 * An image by its id, as the cloud has it now: provably of that server, and whole. It need not be
 * ours.
 *
 * @throws {ValidationError} when it is missing, of another server, or can't be restored.
 */
export function chosenById(
  stock: Pick<RestoreInventory, 'read'>,
  { id, name, region }: Pick<Origin, 'id' | 'name' | 'region'>,
  at: string,
  image: Image | undefined,
  { projectId, now }: Circumstances,
): Choice {
  const server = `${name || 'the server'} (${id})`;
  if (image?.owner !== projectId) {
    refuse({ code: 'RESTORE_NO_IMAGE', image: at, where: region, server });
  }
  const read = stock.read(image);
  const snapshot = read?.server === id ? read : undefined;
  // Where the data lie in volume snapshots, Nova may pass on the `instance_uuid` of another server.
  const madeFrom = image.volumeSnapshotIds.length > 0 ? undefined : image.properties.instance_uuid;
  if (!snapshot && (read || madeFrom !== id)) {
    refuse({ code: 'RESTORE_OTHER_SERVERS_IMAGE', image: at, server });
  }
  const good = snapshot ? snapshot.state === 'good' : isWhole(image);
  if (good) return { image, reasons: [snapshot ? choiceOf(snapshot, now) : foreignChoice(image, now)] };
  const status = snapshot?.status ?? image.status;
  refuse(
    /^(queued|saving|uploading|importing)$/.test(status)
      ? { code: 'RESTORE_IMAGE_UNFINISHED', image: at, status }
      : { code: 'RESTORE_IMAGE_UNUSABLE', image: at, status, hasData: hasData(image) },
  );
}

function isWhole(image: Image): boolean {
  return image.status === 'active' && hasData(image);
}

function hasData({ sizeBytes, volumeSnapshotIds }: Image): boolean {
  return (sizeBytes ?? 0) > 0 || volumeSnapshotIds.length > 0;
}

/** Up to which moment `at` reaches, in milliseconds; undefined when it is the id of an image. */
export function momentMs(at: string): number | undefined {
  if (at === 'latest') return Infinity;
  const date = parseDate(at);
  return date && date.getTime() + (at.includes('T') ? 0 : DAY_MS - 1);
}

/** Whether a snapshot's data are of a moment or older, or its slot is that very moment. */
export function isOfThen(snapshot: Snapshot, momentMs: number): boolean {
  return dataTime(snapshot).getTime() <= momentMs || snapshot.slot.getTime() === momentMs;
}

/**
 * Of when a snapshot's data are, as far as it says: a busy server, or a run by hand, makes it later
 * than its slot.
 */
function dataTime({ slot, createdAt }: Snapshot): Date {
  return createdAt > slot ? createdAt : slot;
}

/** Whether its last drill came to nothing. */
export function hasFailed(snapshot: Snapshot): boolean {
  return snapshot.drilled !== undefined && !hasPassed(snapshot);
}

function choiceOf(snapshot: Snapshot, now: Date): Reason {
  const { id, slot, policy, proven, drilled } = snapshot;
  const passed = hasPassed(snapshot);
  const at = passed ? proven : drilled;
  const made = dataTime(snapshot);
  return {
    code: 'RESTORE_SNAPSHOT',
    image: id,
    slot: isoSeconds(slot),
    made: isoSeconds(made),
    hours: hoursSince(made, now),
    policy,
    drill: at && { at: isoSeconds(at), passed },
  };
}

/** What a bare date means: whoever gives one may count its days in another time zone. */
function dayOf(at: string, untilMs: number): Reason[] {
  if (at === 'latest' || at.includes('T')) return [];
  return [{ code: 'RESTORE_UTC_DAY', date: at, until: isoSeconds(new Date(untilMs)) }];
}

function foreignChoice({ id, name, createdAt }: Image, now: Date): Reason {
  return { code: 'RESTORE_IMAGE', image: id, name, hours: hoursSince(createdAt, now) };
}

function whyPassedOver({ id, slot, state, status, drilled }: Snapshot): Reason {
  const which = { image: id, slot: isoSeconds(slot) };
  return state === 'good'
    ? { code: 'RESTORE_PASSED_OVER_FAILED', ...which, drilled: isoSeconds(drilled!) }
    : { code: 'RESTORE_PASSED_OVER', ...which, status };
}

function shortened(reasons: Reason[]): Reason[] {
  const count = reasons.length - MOST_LISTED;
  return count > 0
    ? [...reasons.slice(0, MOST_LISTED), { code: 'RESTORE_PASSED_OVER_MORE', count }]
    : reasons;
}

function hoursSince(since: Date, now: Date): number {
  return Math.max(0, Math.floor((now.getTime() - since.getTime()) / HOUR_MS));
}

/** Of the good ones, the one with the oldest data. */
function oldestOf(its: readonly Snapshot[]): Snapshot | undefined {
  const good = its.filter(({ state }) => state === 'good');
  return good.sort((a, b) => dataTime(a).getTime() - dataTime(b).getTime())[0];
}

/**
 * The whole images of a server that are marked as ours and do not count, the newest first. Where
 * the data lie in volume snapshots, only the mark says whose an image is.
 */
function uncountedOf(
  suspects: readonly UncountedImage[],
  { id, region }: Pick<Origin, 'id' | 'region'>,
  policy: string | undefined,
): UncountedImage[] {
  return suspects
    .filter(({ image }) => {
      const { autosnap_server, autosnap_policy, instance_uuid } = image.properties;
      const server = image.volumeSnapshotIds.length > 0 ? autosnap_server : instance_uuid;
      const isOfPolicy = policy === undefined || autosnap_policy === policy;
      return image.region === region && server === id && isOfPolicy && isWhole(image);
    })
    .sort((a, b) => b.image.createdAt.getTime() - a.image.createdAt.getTime());
}

function whyNotCounted({ image, problem }: UncountedImage): Reason {
  const isOnVolumes = image.volumeSnapshotIds.length > 0;
  return { code: 'RESTORE_NOT_COUNTED', image: image.id, problem, isOnVolumes };
}
