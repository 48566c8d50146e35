import { isMarkedBy } from '../volumes/marker.ts';
import { blueprintIn } from './marker.ts';
import type { RegionInventory } from './region-inventory.ts';

/**
 * Assigns each server and each image to one region, because regions that share a service list the
 * same servers and images. A server is assigned to the first region that lists it, an image to the
 * region of its server. The image of an unlisted server is assigned to the region in its blueprint,
 * or else to the first region that lists it. A volume is assigned to the region of its server, or
 * else to the first region that lists it, and its marked snapshots with it. Other volume snapshots
 * stay in each region, because the images there may need them.
 */
export function assignToOneRegion(regions: readonly RegionInventory[], owner: string): RegionInventory[] {
  const serverIn = new Map<string, string>();
  for (const { region, servers } of regions)
    for (const { id } of servers) if (!serverIn.has(id)) serverIn.set(id, region);
  const imageIn = new Map<string, string>();
  for (const { region, images } of regions) {
    for (const image of images) {
      const { id, properties } = image;
      const server = properties.autosnap_server ?? properties.instance_uuid ?? '';
      const home = serverIn.get(server) ?? blueprintIn(image)?.region;
      if (!imageIn.has(id) || home === region) imageIn.set(id, region);
    }
  }
  const volumeIn = volumeRegions(regions, serverIn);
  return regions.map((one) => ({
    ...one,
    servers: one.servers.filter(({ id }) => serverIn.get(id) === one.region),
    images: one.images.filter(({ id }) => imageIn.get(id) === one.region),
    volumes: one.volumes.filter(({ id }) => volumeIn.get(id) === one.region),
    volumeSnapshots: one.volumeSnapshots.filter(
      (snapshot) => !isMarkedBy(owner, snapshot) || volumeIn.get(snapshot.volumeId) === one.region,
    ),
  }));
}

/**
 * The region of each volume by its id; see {@link assignToOneRegion}.
 *
 * @param serverIn the region of each server by its id.
 */
function volumeRegions(
  regions: readonly RegionInventory[],
  serverIn: ReadonlyMap<string, string>,
): Map<string, string> {
  const volumeIn = new Map<string, string>();
  // Some clouds show an attachment only at the server, others only at the volume.
  for (const { region, servers } of regions)
    for (const { id, volumeIds } of servers)
      if (serverIn.get(id) === region) for (const volume of volumeIds) volumeIn.set(volume, region);
  for (const { volumes } of regions)
    for (const { id, attachments } of volumes) {
      const home = attachments.map(({ serverId }) => serverIn.get(serverId)).find((one) => one !== undefined);
      if (home !== undefined && !volumeIn.has(id)) volumeIn.set(id, home);
    }
  for (const { region, volumes, volumeSnapshots } of regions)
    for (const id of [...volumes.map((one) => one.id), ...volumeSnapshots.map((one) => one.volumeId)])
      if (!volumeIn.has(id)) volumeIn.set(id, region);
  return volumeIn;
}
