import { DAY_MS, HOUR_MS, isoSeconds, parseDate } from '../config/dates.ts';
import type { Image } from '../openstack/images.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isId } from '../snapshots/marker.ts';
import { hasPassed } from '../snapshots/retention.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { RestoreEvent } from './event.ts';
import type { RestoreInventory, UncountedImage } from './inventory.ts';
import { readSafetyMark } from './marks.ts';
import { refuse } from './refusal.ts';
import type { Origin } from './source.ts';
import { volumeName } from './volume-name.ts';

const MOST_LISTED = 5;

/**
 * The image to restore, and the reasons: which snapshot the image is, and why newer snapshots were
 * passed over.
 */
export interface Choice {
  image: Image;
  reasons: Reason[];
}

interface ChoiceContext {
  projectId: string;
  now: Date;
}

/**
 * Chooses the newest good snapshot of a server. With a moment in `at`, chooses the newest one whose
 * data are of that moment or older; a date without a time means the end of that day in UTC. A
 * snapshot that was taken late has younger data than its slot says, so the time of its creation
 * counts.
 *
 * A snapshot whose last drill failed is passed over if there is a snapshot that passed one. Safety
 * snapshots are never chosen here, because they contain the state that a restore replaced. Both can
 * be restored by the id of their image.
 *
 * @throws {ValidationError} when there is no such snapshot; the error names the snapshots that
 *   exist.
 */
export function findImage(
  inventory: Pick<RestoreInventory, 'images' | 'rootDisks' | 'snapshots' | 'suspects'> &
    Partial<Pick<RestoreInventory, 'volumes' | 'volumeSnapshots'>>,
  origin: Pick<Origin, 'id' | 'name' | 'region'> & Partial<Pick<Origin, 'namesakes'>>,
  { at, policy }: Pick<RestoreEvent, 'at' | 'policy'>,
  { now }: Pick<ChoiceContext, 'now'>,
): Choice {
  const { id, name, region } = origin;
  const imageOf = new Map(
    [...inventory.images, ...inventory.rootDisks]
      .filter((i) => i.region === region)
      .map((image) => [image.id, image]),
  );
  const untilMs = momentMs(at) ?? Infinity;
  const series = inventory.snapshots
    .filter((s) => s.region === region && s.server === id)
    .filter((s) => policy === undefined || s.policy === policy)
    .filter((s) => !readSafetyMark(imageOf.get(s.id)!));
  const candidates = series
    .filter((s) => isAtOrBefore(s, untilMs))
    .sort((a, b) => b.slot.getTime() - a.slot.getTime() || (a.id < b.id ? -1 : 1));
  const good = candidates.filter(({ state }) => state === 'good');
  const uncounted = uncountedOf(inventory.suspects, origin, policy).filter(
    ({ image }) => image.createdAt.getTime() <= untilMs,
  );
  const best = good.some(hasPassed) ? good.find((s) => !hasFailedLatestDrill(s)) : good[0];
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
  const oldest = isLatest ? undefined : oldestOf(series);
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
    earlier: (origin.namesakes ?? []).flatMap((server) => {
      const snapshots = inventory.snapshots.filter((s) => s.server === server && s.state === 'good').length;
      return snapshots > 0 ? [{ server, snapshots }] : [];
    }),
    backups: backupsAlone(inventory, origin, policy, untilMs),
  });
}

/**
 * The backups of the newest slot that has some of the volumes of a server. A cloud makes no server
 * from backups, so each of them can only be restored alone.
 */
function backupsAlone(
  { volumes = [], volumeSnapshots = [] }: Partial<Pick<RestoreInventory, 'volumes' | 'volumeSnapshots'>>,
  { id, region }: Pick<Origin, 'id' | 'region'>,
  policy: string | undefined,
  untilMs: number,
): Reason<'RESTORE_NO_GOOD_SNAPSHOT'>['backups'] {
  const backups = volumeSnapshots
    .filter((one) => one.isBackup && one.state === 'good' && one.server === id && one.region === region)
    .filter((one) => (policy === undefined || one.policy === policy) && isAtOrBefore(one, untilMs))
    .sort((a, b) => b.slot.getTime() - a.slot.getTime());
  return backups
    .filter(({ policy: of, slot }) => of === backups[0]!.policy && +slot === +backups[0]!.slot)
    .map((saved) => ({ backup: saved.id, volume: saved.volume, name: volumeName(volumes, saved) }));
}

/**
 * Chooses the image with the id `at`: it has to be complete, and provably an image of that server.
 * It need not be a snapshot of this deployment.
 *
 * @param image the image as the cloud shows it now; undefined if the cloud does not have it.
 * @throws {ValidationError} when the image does not exist, is of another server, or can't be
 *   restored.
 */
export function chosenById(
  inventory: Pick<RestoreInventory, 'read'>,
  { id, name, region }: Pick<Origin, 'id' | 'name' | 'region'>,
  at: string,
  image: Image | undefined,
  { projectId, now }: ChoiceContext,
): Choice {
  const server = `${name || 'the server'} (${id})`;
  if (image?.owner !== projectId) {
    refuse({ code: 'RESTORE_NO_IMAGE', image: at, where: region, server });
  }
  const read = inventory.read(image);
  const snapshot = read?.server === id ? read : undefined;
  // Nova may copy the `instance_uuid` of another server to an image whose data are in volume
  // snapshots.
  const madeFrom = image.volumeSnapshotIds.length > 0 ? undefined : image.properties.instance_uuid;
  if (!snapshot && (read || madeFrom !== id)) {
    const madeFromServer = read?.server ?? madeFrom;
    const of = madeFromServer && isId(madeFromServer) ? { of: madeFromServer } : {};
    refuse({ code: 'RESTORE_OTHER_SERVERS_IMAGE', image: at, server, ...of });
  }
  const good = snapshot ? snapshot.state === 'good' : isRestorable(image);
  if (good) return { image, reasons: [snapshot ? choiceOf(snapshot, now) : foreignChoice(image, now)] };
  const status = snapshot?.status ?? image.status;
  refuse(
    /^(queued|saving|uploading|importing)$/.test(status)
      ? { code: 'RESTORE_IMAGE_UNFINISHED', image: at, status }
      : { code: 'RESTORE_IMAGE_UNUSABLE', image: at, status, hasData: hasData(image) },
  );
}

function isRestorable(image: Image): boolean {
  return image.status === 'active' && hasData(image);
}

function hasData({ sizeBytes, volumeSnapshotIds }: Image): boolean {
  return (sizeBytes ?? 0) > 0 || volumeSnapshotIds.length > 0;
}

/**
 * The latest moment that `at` permits, in milliseconds: Infinity for `latest`, the end of the day
 * in UTC for a date without a time. Undefined when `at` is the id of an image.
 */
export function momentMs(at: string): number | undefined {
  if (at === 'latest') return Infinity;
  const date = parseDate(at);
  return date && date.getTime() + (at.includes('T') ? 0 : DAY_MS - 1);
}

/**
 * Whether the data of a snapshot are of a moment or older, or the slot of the snapshot is that
 * moment.
 */
export function isAtOrBefore(snapshot: Snapshot, momentMs: number): boolean {
  return dataTime(snapshot).getTime() <= momentMs || snapshot.slot.getTime() === momentMs;
}

/**
 * The time of a snapshot's data, as far as the cloud shows it. The snapshot of a busy server, and a
 * snapshot that was requested manually, are created later than their slots.
 */
function dataTime({ slot, createdAt }: Snapshot): Date {
  return createdAt > slot ? createdAt : slot;
}

/** Whether the last drill of a snapshot failed. */
export function hasFailedLatestDrill(snapshot: Snapshot): boolean {
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

/**
 * Explains which moment a date without a time means, because the days of the user's time zone may
 * differ.
 */
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

/** The good snapshot with the oldest data; undefined if no snapshot is good. */
function oldestOf(series: readonly Snapshot[]): Snapshot | undefined {
  const good = series.filter(({ state }) => state === 'good');
  return good.sort((a, b) => dataTime(a).getTime() - dataTime(b).getTime())[0];
}

/**
 * The complete images of a server that are marked as snapshots of this deployment but do not count,
 * the newest first. For an image whose data are in volume snapshots, only the mark names the
 * server.
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
      return image.region === region && server === id && isOfPolicy && isRestorable(image);
    })
    .sort((a, b) => b.image.createdAt.getTime() - a.image.createdAt.getTime());
}

function whyNotCounted({ image, problem }: UncountedImage): Reason {
  const isOnVolumes = image.volumeSnapshotIds.length > 0;
  return { code: 'RESTORE_NOT_COUNTED', image: image.id, problem, isOnVolumes };
}
