import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { serverNameIn } from '../snapshots/marker.ts';
import type { VolumeCopy } from '../volumes/copies.ts';
import type { RestoreInventory } from './inventory.ts';
import type { Origin } from './source.ts';

/** A volume of a set that a restore makes again. */
export interface VolumePart {
  copy: VolumeCopy;
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
 * Finds the volume snapshots of the set that an image belongs to: those of the same policy, server
 * and slot. An image that is no snapshot of this deployment belongs to no set.
 *
 * The set should have the volumes that are attached to the server now; if the server is gone, those
 * of which the policy has taken any snapshot.
 */
export function volumePartsOf(
  inventory: Pick<RestoreInventory, 'images' | 'snapshots' | 'volumes' | 'volumeSnapshots'>,
  { id: server, region, server: existing }: Pick<Origin, 'id' | 'region' | 'server'>,
  image: string,
): VolumeParts {
  const isHere = (one: { region: string }) => one.region === region;
  const snapshot = inventory.snapshots.find((one) => one.id === image && isHere(one));
  const isWhole = inventory.images.some((one) => one.id === image && one.volumeSnapshotIds.length > 0);
  // The image of a server on volumes contains a snapshot of each of them.
  if (!snapshot || isWhole) return { parts: [], unfinished: [], without: [] };
  const volumeOf = new Map(inventory.volumes.filter(isHere).map((volume) => [volume.id, volume]));
  const copies = inventory.volumeSnapshots
    .filter((one) => isHere(one) && one.policy === snapshot.policy && one.server === server)
    .sort(byGoodness);
  const inSet = copies.filter((one) => one.slot.getTime() === snapshot.slot.getTime());
  // A slot may have two snapshots of a volume, if the first one failed.
  const set = [...Map.groupBy(inSet, ({ volume }) => volume).values()].map(([best]) => best!);
  const nameOf = (copy: VolumeCopy) => volumeName(inventory.volumes, copy);
  const facts = (copy: VolumeCopy) => ({ name: nameOf(copy), snapshot: copy.id, status: copy.status });
  const good = set.filter(({ state }) => state === 'good').sort(byDevice);
  const others = good.filter(({ id }) => id !== image);
  const attached = [...volumeOf.values()].filter(
    ({ id, attachments }) =>
      existing?.volumeIds.includes(id) || attachments.some(({ serverId }) => serverId === server),
  );
  const unlisted = (existing?.volumeIds ?? [])
    .filter((id) => !volumeOf.has(id))
    .map((id) => ({ id, name: '' }));
  const known = existing
    ? [...attached, ...unlisted]
    : copies.map((one) => ({ id: one.volume, name: nameOf(one) }));
  const absent = known.filter(({ id }) => !set.some(({ volume }) => volume === id));
  const absentNames = new Map(absent.map(({ id, name }) => [id, name || id]));
  return {
    parts: good.map((copy) => ({ copy, name: nameOf(copy), position: others.indexOf(copy) + 1 })),
    unfinished: set
      .filter(({ state }) => state === 'pending')
      .map((copy): Reason => ({ code: 'RESTORE_VOLUME_UNFINISHED', ...facts(copy) })),
    without: [
      ...set
        .filter(({ state }) => state === 'failed' || state === 'unknown')
        .map((copy): Reason => ({ code: 'RESTORE_WITHOUT_VOLUME', ...facts(copy) })),
      ...[...absentNames.values()].map((name): Reason => ({ code: 'RESTORE_WITHOUT_VOLUME', name })),
    ],
  };
}

/** The current name of the volume of a snapshot, or else the one in the name of the snapshot. */
export function volumeName(volumes: readonly Volume[], copy: VolumeCopy): string {
  const existing = volumes.find(({ id, region }) => id === copy.volume && region === copy.region);
  return existing?.name || serverNameIn(copy);
}

const GOODNESS = ['good', 'pending', 'unknown', 'failed'];

function byGoodness(a: VolumeCopy, b: VolumeCopy): number {
  return (
    GOODNESS.indexOf(a.state) - GOODNESS.indexOf(b.state) || b.createdAt.getTime() - a.createdAt.getTime()
  );
}

/** Sorts by the device: "/dev/vdz" is before "/dev/vdaa". Unknown devices are last. */
function byDevice(a: VolumeCopy, b: VolumeCopy): number {
  const [one, other] = [a.place.device, b.place.device];
  if (one === undefined || other === undefined) {
    const rank = Number(one === undefined) - Number(other === undefined);
    return rank || a.createdAt.getTime() - b.createdAt.getTime() || (a.id < b.id ? -1 : 1);
  }
  return one.length - other.length || (one < other ? -1 : 1);
}
