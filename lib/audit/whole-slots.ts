import type { Server } from '../openstack/compute.ts';
import type { Volume } from '../openstack/volumes.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import type { SeriesPlan } from '../snapshots/series-plan.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { attachedSince, volumesInImage, volumesLackedBy } from '../volumes/attached.ts';
import { isInSetOf } from '../volumes/set.ts';
import { later } from './expected-state.ts';

/** A part of a server: its image, or one of its volumes. */
interface ServerPart {
  /** The times in milliseconds of the slots with a good snapshot. */
  slots: ReadonlySet<number>;
  /** Since when the server has the part; undefined for an image, or if it is not known. */
  since?: Date | undefined;
}

/** The newest slot of which all parts of a server are good; without a slot if there is none. */
export interface WholeSlot {
  slot: Date | undefined;
  /** Since when the server has its newest part, if no slot has that part. */
  since?: Date | undefined;
}

/**
 * Finds the newest whole slot of a server with volumes: the newest slot of which each part of the
 * server has a good snapshot. A slot needs no snapshot of a volume that was attached later.
 *
 * The result is a function of a server and the snapshots of its images, which are undefined if the
 * cloud makes none of the server. It returns undefined if the part with the oldest newest good
 * snapshot tells the age of the server, as it does unless the parts fail in turns.
 *
 * @param volumesOf the volumes of a server that are to have snapshots.
 */
export function wholeSlotFinder(
  planned: readonly SeriesPlan[],
  { policy, volumesOf, now }: { policy: string; volumesOf(server: Server): readonly Volume[]; now: Date },
): (server: Server, images: readonly Snapshot[] | undefined) => WholeSlot | undefined {
  const seriesOf = new Map(
    planned.flatMap((one) =>
      one.volume && one.policy === policy
        ? [[one.volume.id, one.items.map(({ snapshot }) => snapshot)] as const]
        : [],
    ),
  );
  return (server, images) => {
    const volumes = volumesOf(server).map((volume): ServerPart => {
      const snapshots = seriesOf.get(volume.id) ?? [];
      return {
        slots: goodSlots(snapshots.filter(isInSetOf(server.id)), now),
        since: volumeSince(volume, server, snapshots),
      };
    });
    const parts = [...(images ? [{ slots: goodSlots(images, now) }] : []), ...volumes];
    // A part without any good snapshot waits, or is late, by itself.
    if (parts.length < 2 || parts.some(({ slots }) => slots.size === 0)) return undefined;
    const slot = newestWholeSlot(parts);
    const oldest = Math.min(...parts.map(({ slots }) => Math.max(...slots)));
    if (slot !== undefined && slot >= oldest) return undefined;
    return { slot: slot === undefined ? undefined : new Date(slot) };
  };
}

/**
 * Since when a server has a volume, as far as it is known: not before the newest snapshot that was
 * taken while only other servers had the volume.
 *
 * @param snapshots those of the volume.
 */
export function volumeSince(
  volume: Volume,
  server: Server,
  snapshots: readonly Snapshot[],
): Date | undefined {
  const isOwn = isInSetOf(server.id);
  return snapshots
    .flatMap((snapshot) => (isOwn(snapshot) ? [] : snapshot.slot))
    .reduce<Date | undefined>(later, attachedSince(volume, server));
}

/**
 * Finds the newest good image of a server that contains all volumes that the server has now: the
 * image of a server on volumes contains those that were attached when it was made. The result is a
 * function of a server and the snapshots of its images. It returns undefined if the newest good
 * image has all volumes, or if it is not known which it has.
 */
export function lackedVolumesFinder(
  { volumes, volumeSnapshots }: Pick<RegionInventory, 'volumes' | 'volumeSnapshots'>,
  now: Date,
): (server: Server, images: readonly Snapshot[]) => WholeSlot | undefined {
  const volumeIn = new Map(volumeSnapshots.map(({ id, volumeId }) => [id, volumeId]));
  return (server, images) => {
    const its = volumesInImage(server, volumes);
    const lackedBy = (image: Snapshot) => volumesLackedBy(image, its, volumeIn);
    const good = images
      .filter(({ state, slot }) => state === 'good' && slot <= now)
      .sort((a, b) => b.slot.getTime() - a.slot.getTime());
    const lacked = good[0] ? lackedBy(good[0]) : [];
    if (lacked.length === 0) return undefined;
    const since = lacked.map((volume) => attachedSince(volume, server)).reduce(later);
    return { slot: good.find((image) => lackedBy(image).length === 0)?.slot, since };
  };
}

function newestWholeSlot(parts: readonly ServerPart[]): number | undefined {
  const all = new Set(parts.flatMap(({ slots }) => [...slots]));
  const isWhole = (slot: number) =>
    parts.every(({ slots, since }) => slots.has(slot) || (since !== undefined && since.getTime() > slot));
  return [...all].sort((a, b) => b - a).find(isWhole);
}

function goodSlots(snapshots: readonly Snapshot[], now: Date): Set<number> {
  const good = snapshots.filter(({ state, slot }) => state === 'good' && slot <= now);
  return new Set(good.map(({ slot }) => slot.getTime()));
}
