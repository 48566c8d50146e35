import { rootVolumesOf } from '../openstack/attachments.ts';
import type { Server } from '../openstack/compute.ts';
import type { Session } from '../openstack/session.ts';
import { getVolume } from '../openstack/volumes.ts';

/**
 * The volume snapshots that the root volume of a server was made from. Empty for a server that
 * shows its image, and for one without volumes.
 *
 * @throws {CloudError} when they can't be read.
 */
export async function rootSnapshotsOf(
  session: Session,
  server: Pick<Server, 'region' | 'id' | 'imageId'>,
): Promise<(string | undefined)[]> {
  if (server.imageId !== undefined) return [];
  const ids = await rootVolumesOf(session, server);
  const volumes = await Promise.all(ids.map((id) => getVolume(session, server.region, id)));
  return volumes.map((volume) => volume?.snapshotId);
}
