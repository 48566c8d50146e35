import type { Reason } from '../reporting/reasons.ts';
import type { DrillResults } from './drill-marks.ts';

/**
 * The state of a snapshot:
 * - good: a server can be restored from the snapshot.
 * - pending: the cloud is still making the image.
 * - failed: the cloud has given up making the image.
 * - unknown: every other state, such as a deactivated image or an active image without data. An
 *   unknown snapshot never counts for its series and is never deleted.
 */
export type SnapshotState = 'good' | 'pending' | 'failed' | 'unknown';

/** A further server of a volume, and the device of the volume there: "/dev/vdb". */
export interface SharingServer {
  server: string;
  device?: string | undefined;
}

/**
 * An image or a volume snapshot of which it is proven that this deployment has made it; see
 * marker.ts and volumes/marker.ts.
 */
export interface Snapshot extends DrillResults {
  id: string;
  name: string;
  region: string;
  /**
   * The server's id. Server, policy and region identify the series of an image; of a volume
   * snapshot, its volume, policy and region do.
   */
  server: string;
  /** For a volume snapshot, the id of its volume; undefined for an image. */
  volume?: string;
  /**
   * For a volume snapshot, the other servers that had the volume: it is a part of their sets, too.
   */
  alsoOf?: readonly SharingServer[];
  /** The number of parts that the set of `server` was requested with; see volumes/set-parts.ts. */
  parts?: number;
  policy: string;
  /**
   * The time for which the schedule requested the snapshot; for an ad-hoc snapshot, the time of the
   * request.
   */
  slot: Date;
  createdAt: Date;
  /** The status of the image, or of a volume snapshot: see volume-snapshot-status.ts. */
  status: string;
  state: SnapshotState;
  /**
   * Whether the snapshot has failed, and some of its volume snapshots are complete: the data of
   * these volumes can still be restored.
   */
  partial?: boolean;
  sizeBytes: number | undefined;
  /**
   * The ids of the volume snapshots with the data of a volume-backed server. The cloud does not
   * delete them together with the image.
   */
  volumeSnapshots: string[];
  /**
   * What keeps the snapshot from being deleted: Glance's own `protected`, or the operator's hold,
   * forever or until a time.
   */
  hold: 'protected' | 'forever' | Date | undefined;
  /**
   * The image's visibility where it is not private, or `hidden`. A snapshot with an exposure counts
   * for its series and is not deleted. Undefined for a private image.
   */
  exposure: string | undefined;
  /** Ad-hoc snapshots: when a cleanup may delete the snapshot; undefined if it never expires. */
  expires: Date | undefined;
  /** Ad-hoc snapshots: the request for the snapshot. Each try of a request has the same text. */
  request: string | undefined;
  /** Ad-hoc snapshots: whether a restore took the snapshot before it replaced the server's disk. */
  safety?: boolean;
  /** Whether the Python script autosnap.py made the snapshot; see ownership.ts. */
  adopted: boolean;
}

/** The optional fields of a snapshot without hold, drill result and expiry. */
export const UNMARKED = {
  hold: undefined,
  exposure: undefined,
  expires: undefined,
  request: undefined,
  proven: undefined,
  drilled: undefined,
  adopted: false,
} satisfies Partial<Snapshot>;

/**
 * An image that has the marker of this deployment, or that is to be adopted, although nothing
 * proves that this deployment or autosnap.py has made it.
 */
export interface Suspect {
  problem: Reason;
}

/** Whether a read marker is a snapshot, and neither a suspect nor a foreign image. */
export function isSnapshot(read: Snapshot | Suspect | undefined): read is Snapshot {
  return read !== undefined && !('problem' in read);
}
