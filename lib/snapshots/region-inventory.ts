import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { VolumeSnapshot } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';

/** The servers, images and volume snapshots of one region. */
export interface RegionInventory {
  region: string;
  /**
   * All servers of the region except the servers of drills. Servers that the listing lacks, and
   * that a request by id has found, are included.
   */
  servers: Server[];
  images: Image[];
  /** Listed only if snapshots of this deployment have their data in volume snapshots. */
  volumeSnapshots: VolumeSnapshot[];
  /** The ids of the servers that were requested in this region and answered with 404. */
  gone: ReadonlySet<string>;
  /** Why the volume snapshots of the region could not be listed, although some are needed. */
  volumesUnread?: Reason;
  /**
   * The errors of requests for single servers and volume snapshots. With any of them, a cleanup
   * deletes nothing in the region.
   */
  doubts: Reason[];
}

/**
 * A server that the listing of a region lacks, and whose existence is unknown, because the request
 * by its id failed with an error other than 404.
 */
export interface UncertainServer {
  region: string;
  id: string;
  /** The error of the request. */
  problem: Reason;
}

export interface Inventory {
  regions: RegionInventory[];
  /** The servers whose existence is unknown, except those that another region has. */
  unsure: UncertainServer[];
  /**
   * The servers that drills have created, and will delete. No policy selects them, and they are in
   * no region's `servers`.
   */
  throwAways: Server[];
  /** The regions that could not be listed completely, and why. A run changes nothing there. */
  unreadable: { region: string; problem: Reason }[];
}
