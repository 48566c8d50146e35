import { isoSeconds, parseDate } from '../config/dates.ts';
import { Refusal } from '../config/validation-error.ts';
import type { Image } from '../openstack/images.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { hasPassed } from '../snapshots/retention.ts';
import type { RestoreEvent } from './event.ts';
import type { Stock } from './inventory.ts';
import { readSafetyMark } from './marks.ts';
import type { Origin } from './source.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MOST_LISTED = 5;

/** The image to restore, and a line each on what it is and on the newer ones that were passed over. */
export interface Choice {
  image: Image;
  lines: string[];
}

interface Circumstances {
  projectId: string;
  now: Date;
}

/**
 * The newest good snapshot of the server, or the newest whose data are of a moment or older (of a bare date, of the end of
 * that day in UTC): one that was taken late has younger data than its slot says. One whose last drill failed is passed over while there is one that passed; safety snapshots hold what a restore
 * was to undo. Both are taken by their id only.
 *
 * @throws {Refusal} that says what there is instead.
 */
export function findImage(
  stock: Pick<Stock, 'images' | 'snapshots'>,
  origin: Pick<Origin, 'id' | 'name' | 'region'>,
  { at, policy }: Pick<RestoreEvent, 'at' | 'policy'>,
  { now }: Pick<Circumstances, 'now'>,
): Choice {
  const { id, name, region } = origin;
  const imageOf = new Map(stock.images.filter((i) => i.region === region).map((image) => [image.id, image]));
  const untilMs = momentMs(at) ?? Infinity;
  const its = stock.snapshots.filter((s) => s.region === region && s.server === id);
  const candidates = its
    .filter((s) => (policy === undefined || s.policy === policy) && isOfThen(s, untilMs))
    .filter((s) => !readSafetyMark(imageOf.get(s.id)!))
    .sort((a, b) => b.slot.getTime() - a.slot.getTime() || (a.id < b.id ? -1 : 1));
  const good = candidates.filter(({ state }) => state === 'good');
  const best = good.some(hasPassed) ? good.find((s) => !hasFailed(s)) : good[0];
  if (best) {
    const passedOver = candidates.slice(0, candidates.indexOf(best)).map(whyPassedOver);
    return {
      image: imageOf.get(best.id)!,
      lines: [storyOf(best, now), ...shortened(passedOver)],
    };
  }
  const scope = `of ${name || id}${policy ? ` by the policy "${policy}"` : ''}`;
  const when = at === 'latest' ? '' : ` at or before ${isoSeconds(new Date(untilMs))}`;
  const others = candidates
    .map((s) => `${s.id} of ${isoSeconds(s.slot)} is ${s.status}`)
    .slice(0, MOST_LISTED);
  const instead =
    others.length > 0
      ? `: ${others.join(', ')}. One that is still being made can be restored when it is active`
      : at === 'latest'
        ? ': take one, or give the id of an image'
        : oldestOf(its);
  refuse(`at: there is no good snapshot ${scope}${when}${instead}`);
}

/**
 * An image by its id, as the cloud has it now: provably of that server, and whole. It need not be ours.
 *
 * @throws {Refusal} when it is missing, of another server, or can't be restored.
 */
export function chosenById(
  stock: Pick<Stock, 'read'>,
  { id, name, region }: Pick<Origin, 'id' | 'name' | 'region'>,
  at: string,
  image: Image | undefined,
  { projectId, now }: Circumstances,
): Choice {
  const server = `${name || 'the server'} (${id})`;
  if (image?.owner !== projectId) {
    refuse(`at: this project has no image ${at} in ${region}, where ${server} is`);
  }
  const read = stock.read(image);
  const snapshot = read?.server === id ? read : undefined;
  // Where the data lie in volume snapshots, Nova may pass on the `instance_uuid` of another server.
  const madeFrom = image.volumeSnapshotIds.length > 0 ? undefined : image.properties.instance_uuid;
  if (!snapshot && (read || madeFrom !== id)) {
    refuse(`at: image ${at} was not made from ${server}: give that server, or another image`);
  }
  const whole = (image.sizeBytes ?? 0) > 0 || image.volumeSnapshotIds.length > 0;
  const good = snapshot ? snapshot.state === 'good' : image.status === 'active' && whole;
  if (good) return { image, lines: [snapshot ? storyOf(snapshot, now) : foreignStory(image, now)] };
  const status = snapshot?.status ?? image.status;
  refuse(
    /^(queued|saving|uploading|importing)$/.test(status)
      ? `at: image ${at} is still ${status}: wait until it is active`
      : `at: image ${at} can't be restored: it is ${status}${whole ? '' : ' and has no data'}: give another`,
  );
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

/** Of when a snapshot's data are, as far as it says: a busy server, or a run by hand, makes it later than its slot. */
function dataTime({ slot, createdAt }: Snapshot): Date {
  return createdAt > slot ? createdAt : slot;
}

/** Whether its last drill came to nothing. */
export function hasFailed(snapshot: Snapshot): boolean {
  return snapshot.drilled !== undefined && !hasPassed(snapshot);
}

function storyOf(snapshot: Snapshot, now: Date): string {
  const { id, slot, policy, proven, drilled } = snapshot;
  const drill = hasPassed(snapshot)
    ? `proven by a drill at ${isoSeconds(proven!)}`
    : drilled
      ? `its last drill, at ${isoSeconds(drilled)}, failed`
      : 'never tried by a drill';
  const made = dataTime(snapshot);
  return `the snapshot of ${isoSeconds(slot)} (${id}), made at ${isoSeconds(made)}, ${ageText(made, now)} old, policy "${policy}"; ${drill}`;
}

function foreignStory({ id, name, createdAt }: Image, now: Date): string {
  return `image "${name}" (${id}), ${ageText(createdAt, now)} old, which is not one of our snapshots`;
}

function whyPassedOver({ id, slot, state, status, drilled }: Snapshot): string {
  const why =
    state === 'good'
      ? `its last drill, at ${isoSeconds(drilled!)}, failed; "at": "${id}" takes it all the same`
      : `it is ${status}`;
  return `passed over: the snapshot of ${isoSeconds(slot)} (${id}): ${why}`;
}

function shortened(lines: string[]): string[] {
  const more = lines.length - MOST_LISTED;
  return more > 0 ? [...lines.slice(0, MOST_LISTED), `passed over: ${more} more`] : lines;
}

function ageText(since: Date, now: Date): string {
  const hours = Math.max(0, Math.floor((now.getTime() - since.getTime()) / HOUR_MS));
  return hours < 48 ? `${hours} h` : `${Math.floor(hours / 24)} days`;
}

function oldestOf(its: readonly Snapshot[]): string {
  const slots = its.filter(({ state }) => state === 'good').map(({ slot }) => slot.getTime());
  return slots.length > 0
    ? `: the oldest good one is of ${isoSeconds(new Date(Math.min(...slots)))}`
    : ': take one, or give the id of an image';
}

function refuse(problem: string): never {
  throw new Refusal('The restore is refused', [problem]);
}
