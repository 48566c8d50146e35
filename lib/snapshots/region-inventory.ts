import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { VolumeSnapshot } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';

/** Everything that matters in one region. */
export interface RegionInventory {
  region: string;
  /**
   * All that are listed, and those that the listing has left out although the cloud has them;
   * without those of drills.
   */
  servers: Server[];
  images: Image[];
  /** Listed only where images of ours have their data in them. */
  volumeSnapshots: VolumeSnapshot[];
  /** The ids of servers that were looked for in this region, and are not there. */
  gone: ReadonlySet<string>;
  /** Why no volume snapshot of the region is known, although some are needed. */
  volumesUnread?: Reason;
  /**
   * What could not be found out about single servers and volume snapshots: nothing may be deleted
   * then.
   */
  doubts: Reason[];
}

/**
 * A server that the listing of a region lacks, and of which GET has told neither that it is there
 * nor that it is gone.
 */
export interface UncertainServer {
  region: string;
  id: string;
  /** What the cloud has answered. */
  problem: Reason;
}

export interface Inventory {
  regions: RegionInventory[];
  /**
   * The servers of which nobody knows whether they are there; without those that another region
   * has.
   */
  unsure: UncertainServer[];
  /**
   * The servers that drills have made: they will soon be gone, and no policy ever means them. They
   * are in no region's `servers`.
   */
  throwAways: Server[];
  /** The regions that could not be listed completely, and why: nothing may be done there. */
  unreadable: { region: string; problem: Reason }[];
}
