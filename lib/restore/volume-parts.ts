import type { Session } from '../openstack/session.ts';
import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { isBackingUp } from '../snapshots/volume-snapshot-status.ts';
import { volumesLackedBy } from '../volumes/attached.ts';
import type { SavedVolume } from '../volumes/saved-volumes.ts';
import { setOf } from '../volumes/set.ts';
import type { RestoreContext } from './context.ts';
import type { RestoreInventory } from './inventory.ts';
import type { MadeVolume } from './made-volumes.ts';
import { predecessorsOf } from './predecessors.ts';
import { refuse } from './refusal.ts';
import type { Origin } from './source.ts';
import { volumeName } from './volume-name.ts';

/** A volume of a set that a restore makes again. */
export interface VolumePart {
  saved: SavedVolume;
  /** The name of the original. */
  name: string;
  /** See {@link VolumeMark} in marks.ts. */
  position: number;
}

/** The volumes of the set that an image belongs to. */
export interface VolumeParts {
  /** The volumes to make, in the order in which the originals were attached. */
  parts: VolumePart[];
  /** The volumes whose snapshots are still being made. */
  unfinished: Reason[];
  /** The volumes of the server that the set has no good snapshot of. */
  without: Reason[];
}

/**
 * Finds the volume snapshots of the set that a snapshot belongs to: those of the same policy,
 * server and slot. Where a volume has no good one, its backup takes the place, if the inventory has
 * backups.
 *
 * The set should have the volumes that are attached to the server now; if the server is gone, those
 * of which the policy has taken any snapshot.
 *
 * @param made the volumes that the restore has made: these are parts of the set whatever has become
 *   of what they were made from.
 */
export function volumePartsOf(
  inventory: Pick<RestoreInventory, 'volumes' | 'volumeSnapshots'> &
    Partial<Pick<RestoreInventory, 'volumeIn'>>,
  { id: server, region, server: existing }: Pick<Origin, 'id' | 'region' | 'server'>,
  snapshot: Snapshot | undefined,
  made: readonly MadeVolume[] = [],
): VolumeParts {
  const sources = new Set(made.map(({ mark }) => mark.snapshot));
  const isMade = ({ id }: SavedVolume) => sources.has(id);
  const isHere = (one: { region: string }) => one.region === region;
  // An image that is no snapshot of this deployment belongs to no set.
  if (!snapshot) return { parts: [], unfinished: [], without: [] };
  const volumeOf = new Map(inventory.volumes.filter(isHere).map((volume) => [volume.id, volume]));
  const attached = [...volumeOf.values()].filter(
    ({ id, attachments }) =>
      existing?.volumeIds.includes(id) || attachments.some(({ serverId }) => serverId === server),
  );
  const unlisted = (existing?.volumeIds ?? [])
    .filter((id) => !volumeOf.has(id))
    .map((id) => ({ id, name: '' }));
  // The image of a server on volumes contains a snapshot of each that was attached then.
  if (snapshot.volumeSnapshots.length > 0) {
    const lacked = volumesLackedBy(snapshot, [...attached, ...unlisted], inventory.volumeIn ?? new Map());
    return { parts: [], unfinished: [], without: lacked.map(withoutVolume) };
  }
  const savedVolumes = inventory.volumeSnapshots
    .filter((one) => isHere(one) && one.policy === snapshot.policy && one.server === server)
    // The backup of a volume snapshot that has become a volume already stands for that one.
    .map(({ backupOf = '', ...one }) => (sources.has(backupOf) ? { ...one, id: backupOf } : one))
    .sort((a, b) => Number(isMade(b)) - Number(isMade(a)) || byGoodness(a, b));
  const inSet = savedVolumes.filter((one) => setOf(one) === setOf(snapshot));
  // A slot may have two snapshots of a volume, if the first one failed.
  const best = [...Map.groupBy(inSet, ({ volume }) => volume).values()].map(([one]) => one!);
  const set = withoutSuccessors(best, snapshot, (id) =>
    predecessorsOf({ id, ...volumeOf.get(id) }, inventory),
  );
  const nameOf = (saved: SavedVolume) => volumeName(inventory.volumes, saved);
  const facts = (saved: SavedVolume) => ({ name: nameOf(saved), snapshot: saved.id, status: saved.status });
  const good = set.filter((saved) => saved.state === 'good' || isMade(saved)).sort(byDevice);
  const bad = set.filter((saved) => !good.includes(saved));
  const others = good.filter(({ id }) => id !== snapshot.id);
  const known: (Pick<Volume, 'id' | 'name'> & Partial<Volume>)[] = existing
    ? [...attached, ...unlisted]
    : savedVolumes.map((one) => ({ id: one.volume, name: nameOf(one) }));
  const inSlot = new Set(set.map(({ volume }) => volume));
  const absent = known.filter((one) => !predecessorsOf(one, inventory).some((id) => inSlot.has(id)));
  const leftOut = new Map(best.map((one) => [one.volume, one.id]));
  const absentVolumes = new Map(
    absent.map(({ id, name }) => {
      const its = leftOut.get(id);
      return [id, { name: name || id, ...(its === undefined ? {} : { snapshot: its }) }];
    }),
  );
  return {
    parts: good.map((saved) => ({ saved, name: nameOf(saved), position: others.indexOf(saved) + 1 })),
    unfinished: bad
      .filter(isUnfinished)
      .map((saved): Reason => ({ code: 'RESTORE_VOLUME_UNFINISHED', ...facts(saved) })),
    without: [
      ...bad
        .filter((saved) => !isUnfinished(saved))
        .map((saved): Reason => ({ code: 'RESTORE_WITHOUT_VOLUME', ...facts(saved) })),
      ...[...absentVolumes.values()].map((one): Reason => ({ code: 'RESTORE_WITHOUT_VOLUME', ...one })),
    ],
  };
}

function withoutVolume({ id, name }: Pick<Volume, 'id' | 'name'>): Reason {
  return { code: 'RESTORE_WITHOUT_VOLUME', name: name || id };
}

/**
 * The volume snapshots of a set, one for each volume that the server had. After an in-place
 * restore, a further run for the slot also takes the volume that has replaced another one; these
 * have a predecessor in common, or the same device. The snapshot that was taken with the image is
 * that of the server as it was then.
 *
 * @param lineage the ids of a volume and of its predecessors.
 */
function withoutSuccessors(
  set: readonly SavedVolume[],
  { createdAt }: Snapshot,
  lineage: (volume: string) => readonly string[],
): SavedVolume[] {
  const distanceMs = (saved: SavedVolume) => Math.abs(saved.createdAt.getTime() - createdAt.getTime());
  const nearest = (keyOf: (saved: SavedVolume) => string, savedVolumes: readonly SavedVolume[]) =>
    [...Map.groupBy(savedVolumes, keyOf).values()].map((same) =>
      same.reduce((a, b) => (distanceMs(b) < distanceMs(a) ? b : a)),
    );
  const ofOriginals = nearest(({ volume }) => lineage(volume).at(-1)!, set);
  return nearest(({ id, place }) => place.device ?? id, ofOriginals);
}

/**
 * Checks whether the volumes of the region could be listed. A server without attached volumes is
 * restored as a new one in any case, because it probably had none.
 *
 * @returns the reason that the volumes could not be listed, if the restore goes on.
 * @throws {ValidationError} when the server may have had volumes.
 */
export function checkVolumesRead(
  session: Session,
  { event, origin: { region, server }, inventory }: RestoreContext,
): Reason[] {
  const problem = inventory.volumesUnread.get(region);
  if (!problem || event.volumes === 'none' || session.missingEndpoint('volume', region)) return [];
  const reason = { code: 'RESTORE_VOLUMES_UNREAD', where: region, problem } as const;
  // Rackspace's servers do not show their volumes, and an in-place restore may have detached some.
  const isKnown = session.provider !== 'rackspace' && event.to === 'new';
  const hasNone = isKnown && server?.volumeIds.length === 0;
  return hasNone ? [reason] : refuse(reason);
}

/**
 * Whether a volume can be made from it later. None can while the cloud makes a backup of a volume
 * snapshot, or another volume from a backup.
 */
function isUnfinished(saved: SavedVolume): boolean {
  return saved.state === 'pending' || isBackingUp(saved) || saved.status === 'restoring';
}

const GOODNESS = ['good', 'pending', 'unknown', 'failed'];

/** Good ones first, and a volume snapshot before its backup. */
function byGoodness(a: SavedVolume, b: SavedVolume): number {
  return (
    GOODNESS.indexOf(a.state) - GOODNESS.indexOf(b.state) ||
    Number(a.isBackup ?? false) - Number(b.isBackup ?? false) ||
    b.createdAt.getTime() - a.createdAt.getTime()
  );
}

/** Sorts by the device: "/dev/vdz" is before "/dev/vdaa". Unknown devices are last. */
function byDevice(a: SavedVolume, b: SavedVolume): number {
  const [one, other] = [a.place.device, b.place.device];
  if (one === undefined || other === undefined) {
    const rank = Number(one === undefined) - Number(other === undefined);
    return rank || a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);
  }
  return one.length - other.length || (one < other ? -1 : 1);
}
