import type { Server } from '../openstack/compute.ts';
import type { CloudError } from '../openstack/errors.ts';
import type { Image } from '../openstack/images.ts';
import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Snapshot, Suspect } from '../snapshots/snapshot.ts';
import type { SavedVolume } from '../volumes/saved-volumes.ts';

/** The servers and images to restore from, in the regions that were read. */
export interface RestoreInventory {
  regions: readonly string[];
  servers: readonly Server[];
  images: readonly Image[];
  /**
   * The snapshots of root volumes at Rackspace, each like an image: Rackspace makes no image of a
   * server that boots from a volume.
   */
  rootDisks: readonly Image[];
  /**
   * The images that are snapshots of this deployment, and the volume snapshots of `rootDisks`.
   */
  snapshots: readonly Snapshot[];
  volumes: readonly Volume[];
  /** The volume snapshots of this deployment, and the backups where these were asked for. */
  volumeSnapshots: readonly SavedVolume[];
  /**
   * The id of the volume of each volume snapshot, by the id of that: also of those that the cloud
   * has made with an image.
   */
  volumeIn: ReadonlyMap<string, string>;
  /** Why the backups of a region can't be listed, by region. */
  backupsUnread?: ReadonlyMap<string, CloudError>;
  /** Why the volumes of a region can't be read, by region. */
  volumesUnread: ReadonlyMap<string, Reason>;
  /**
   * The images that are marked as snapshots of this deployment but do not count, for example
   * because they were renamed.
   */
  suspects: readonly UncountedImage[];
  /**
   * Reads an image of one of the regions as a snapshot of this deployment; undefined when the image
   * is not such a snapshot.
   */
  read(image: Image): Snapshot | undefined;
}

/** An image that is marked as a snapshot of this deployment but does not count, and why. */
export interface UncountedImage extends Suspect {
  image: Image;
}
