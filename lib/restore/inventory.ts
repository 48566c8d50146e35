import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { Snapshot, Suspect } from '../snapshots/marker.ts';

/** The servers and images to restore from, in the regions that were read. */
export interface RestoreInventory {
  regions: readonly string[];
  servers: readonly Server[];
  images: readonly Image[];
  /** The images that are snapshots of this deployment. */
  snapshots: readonly Snapshot[];
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
