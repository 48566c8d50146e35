import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { Snapshot, Suspect } from '../snapshots/marker.ts';

/** What there is to restore from, in the regions that were looked at. */
export interface Stock {
  regions: readonly string[];
  servers: readonly Server[];
  images: readonly Image[];
  /** Those of the images that are ours. */
  snapshots: readonly Snapshot[];
  /** Those of the images that are marked as ours and do not count, such as renamed ones. */
  suspects: readonly UncountedImage[];
  /** An image of one of the regions as a snapshot of ours; undefined when it is none. */
  read(image: Image): Snapshot | undefined;
}

/** An image that is marked as ours and does not count, and why. */
export interface UncountedImage extends Suspect {
  image: Image;
}
