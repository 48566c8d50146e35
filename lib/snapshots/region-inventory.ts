import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { VolumeSnapshot } from '../openstack/volume-snapshots.ts';
import type { Volume } from '../openstack/volumes.ts';
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
  /** Listed only if the run needs volumes; see `volumes` in inventory.ts. */
  volumes: Volume[];
  /**
   * Listed only if the run needs volumes, or if images of this deployment have their data in volume
   * snapshots.
   */
  volumeSnapshots: VolumeSnapshot[];
  /** The ids of the volumes in markers that were requested and answered with 404. */
  goneVolumes: ReadonlySet<string>;
  /** The ids of the servers that were requested in this region and answered with 404. */
  gone: ReadonlySet<string>;
  /**
   * Why the volumes or the volume snapshots of the region could not be listed, although the run
   * needs them, or will for the next snapshots.
   */
  volumesUnread?: Reason;
  /**
   * Why the volumes could not be listed, even if no server names one: a restore may have detached
   * some.
   */
  volumesUnlisted?: Reason;
  /**
   * The errors of requests for single servers and volume snapshots. With any of them, a cleanup
   * deletes nothing in the region.
   */
  doubts: Reason[];
}

/**
 * Whether the catalogue has no volume service in the region, so that the snapshots of servers on
 * volumes can't be verified, and those of other servers can.
 */
export function lacksVolumeService({ volumesUnread }: { volumesUnread?: Reason | undefined }): boolean {
  return volumesUnread?.code === 'CLOUD' && volumesUnread.error === 'NO_ENDPOINT';
}

/** The doubts of a region, without those that {@link unservedVolumes} reports. */
export function otherDoubts({ doubts, volumesUnread }: RegionInventory): Reason[] {
  return lacksVolumeService({ volumesUnread }) ? doubts.filter((one) => one !== volumesUnread) : doubts;
}

/** The regions without the volume service that selected servers on volumes need. */
export function unservedVolumes(
  regions: readonly RegionInventory[],
  servers: readonly Server[],
): Reason<'VOLUMES_UNSERVED'>[] {
  return regions
    .filter(lacksVolumeService)
    .flatMap(({ region, volumesUnread }): Reason<'VOLUMES_UNSERVED'>[] => {
      const its = servers.filter((one) => one.region === region);
      const count = its.filter((one) => one.volumeBacked || one.volumeIds.length > 0).length;
      return count > 0 ? [{ code: 'VOLUMES_UNSERVED', where: region, count, problem: volumesUnread! }] : [];
    });
}

/** The failures for regions with a volume service whose volumes could not be listed. */
export function unreadableVolumes(regions: readonly RegionInventory[]): Reason<'VOLUMES_UNREADABLE'>[] {
  return regions.flatMap((one): Reason<'VOLUMES_UNREADABLE'>[] => {
    const { region: where, volumesUnread: problem } = one;
    return problem && !lacksVolumeService(one) ? [{ code: 'VOLUMES_UNREADABLE', where, problem }] : [];
  });
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

/** The servers, images and volume snapshots that a run has found, by region. */
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
