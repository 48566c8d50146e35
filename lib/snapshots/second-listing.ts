import pMap from 'p-map';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { listImages } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import { unionById } from '../openstack/union-by-id.ts';
import { listVolumeSnapshots } from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import { type InventoryOptions, listRegion } from './list-region.ts';
import type { RegionInventory } from './region-inventory.ts';

/**
 * Lists the images again, and returns the servers of marked images that the first listing lacked.
 * If a listing lacks the newest snapshot of a deleted server, its series seems older than it is,
 * and `orphans` would apply too early.
 */
export async function serversOfUnlistedImages(session: Session, regions: readonly RegionInventory[]) {
  const newer = new Set<string>();
  const unread: Reason[] = [];
  const listed = new Set(regions.flatMap(({ images }) => images.map(({ id }) => id)));
  await pMap(regions, async ({ region }) => {
    try {
      for (const { id, properties } of await listImages(session, region)) {
        if (!listed.has(id) && properties.autosnap_server) newer.add(properties.autosnap_server);
      }
    } catch (error) {
      if (!isCloudError(error)) throw error;
      unread.push({ code: 'CLOUD', ...errorFactsOf(error) });
    }
  });
  return { newer, unread };
}

/**
 * The regions without the gone volumes of which a second listing has further snapshots, because
 * `orphans` counts from the newest one. If a region can't be listed again, none counts as gone
 * there.
 */
export async function withoutUnlistedVolumes(
  session: Session,
  regions: readonly RegionInventory[],
  doubts: Reason[],
): Promise<RegionInventory[]> {
  return pMap(regions, async (inventory) => {
    const { region, goneVolumes, volumeSnapshots } = inventory;
    if (goneVolumes.size === 0) return inventory;
    const listed = new Set(volumeSnapshots.map(({ id }) => id));
    try {
      const again = await listVolumeSnapshots(session, region);
      const unlisted = again.filter(({ id }) => !listed.has(id)).map(({ volumeId }) => volumeId);
      return { ...inventory, goneVolumes: goneVolumes.difference(new Set(unlisted)) };
    } catch (error) {
      if (!isCloudError(error)) throw error;
      doubts.push({ code: 'CLOUD', ...errorFactsOf(error) });
      return { ...inventory, goneVolumes: new Set() };
    }
  });
}

/**
 * A region as two listings show it together: the snapshots, volumes and servers of both. What one
 * listing lacks is no part of its set, so that other parts would be deleted.
 *
 * @param others the other regions, which may share a service with this one: the first listing has
 *   put each snapshot and volume into one of them.
 * @throws {CloudError} when it can't be listed again.
 */
export async function listedTwice(
  session: Session,
  first: RegionInventory,
  others: readonly RegionInventory[],
  options: InventoryOptions,
): Promise<RegionInventory> {
  const second = await listRegion(session, first.region, options);
  const elsewhere = new Set(
    others.flatMap(({ images, volumes, volumeSnapshots }) =>
      [...images, ...volumes, ...volumeSnapshots].map(({ id }) => id),
    ),
  );
  const both = <T extends { id: string }>(one: readonly T[], other: readonly T[]): T[] =>
    unionById(
      one,
      other.filter(({ id }) => !elsewhere.has(id)),
    );
  return {
    ...first,
    servers: unionById(first.servers, second.servers),
    images: both(first.images, second.images),
    volumes: both(first.volumes, second.volumes),
    volumeSnapshots: both(first.volumeSnapshots, second.volumeSnapshots),
    goneVolumes: first.goneVolumes.intersection(second.goneVolumes),
    gone: first.gone.intersection(second.gone),
    doubts: [...first.doubts, ...second.doubts, ...(second.volumesUnread ? [second.volumesUnread] : [])],
  };
}
