import type { Server } from '../openstack/compute.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import type { InUse } from './in-use.ts';
import { serverNameIn } from './marker.ts';
import type { Snapshot } from './snapshot.ts';

/** A snapshot in a plan: it is kept, deleted in this run, or deferred to a later run. */
export interface PlanItem {
  snapshot: Snapshot;
  action: 'keep' | 'delete' | 'defer';
  reasons: Reason[];
  /**
   * The snapshot is kept, but does not count as one of the `floor`, because its ownership can't be
   * proven.
   */
  uncounted?: true;
}

/**
 * What a cleanup does with each snapshot of one server, or of one volume of it, under one policy in
 * one region.
 */
export interface SeriesPlan {
  server: string;
  /** For the snapshots of a volume. The name is the volume's id if it has none. */
  volume?: { id: string; name: string };
  /** For a server that is not here, the name that its newest image has; empty without an image. */
  name: string;
  region: string;
  policy: string;
  /** The minimum number of good snapshots that every deletion must leave. */
  floor: number;
  /** Newest first. */
  items: PlanItem[];
  /** The server is not here, or the volume is attached to no server here. */
  isOrphaned?: true;
}

/** A set that a plan deletes parts of, and what its deletion depends on. */
export interface SetToLookAt {
  /** See setOf in volumes/set.ts. */
  key: string;
  /** The parts of the set that had not failed when the plan was made. */
  parts: readonly Snapshot[];
  /**
   * The sets that the plan keeps and that have everything that this one has, the newest first: of
   * each, the snapshots of the same volumes, and the image if this set has one.
   */
  replacements: readonly (readonly Snapshot[])[];
}

/** What a cleanup does in a region: the decision on each snapshot, with its reasons. */
export interface RegionPlan {
  region: string;
  series: SeriesPlan[];
  /**
   * Why a drill or a restore still needs an image. The cleanup calls it again right before each
   * deletion.
   */
  inUse: InUse;
  /** The sets that the cleanup reads again before it deletes a part of them. */
  setsOf: (snapshot: Snapshot) => readonly SetToLookAt[];
  warnings: Finding[];
}

/** "db", or "db, volume db-data". */
export function nameOfSeries({
  server,
  name,
  volume,
}: Pick<SeriesPlan, 'server' | 'name' | 'volume'>): string {
  return `${name || server}${volume ? `, volume ${volume.name}` : ''}`;
}

/** The snapshot with the latest slot. `snapshots` must not be empty. */
export function newestOf(snapshots: readonly Snapshot[]): Snapshot {
  return snapshots.toSorted((a, b) => b.slot.getTime() - a.slot.getTime())[0]!;
}

/** The name of the server or the volume when the newest of its snapshots was taken. */
export function lastNameIn(snapshots: readonly Snapshot[]): string {
  return serverNameIn(newestOf(snapshots));
}

/**
 * The name of the server of a series. The images of a server that is gone know its last name; the
 * snapshots of a volume have the name of the volume.
 */
export function nameIn(series: readonly Snapshot[], server: Server | undefined): string {
  const { volume, server: id } = series[0]!;
  return server?.name ?? ((volume === undefined && lastNameIn(series)) || id);
}
