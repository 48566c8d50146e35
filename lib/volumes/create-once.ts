import { type Sent, sendOnce } from '../openstack/send-once.ts';
import type { Session } from '../openstack/session.ts';
import { createVolume, listVolumes, type NewVolume, type Volume } from '../openstack/volumes.ts';

/**
 * Requests a volume once. If the answer leaves open whether the cloud makes the volume, looks for
 * it; see {@link sendOnce}.
 *
 * @param isMade whether a volume of the region is the requested one.
 * @throws {CloudError} if the cloud refuses the request.
 */
export function createVolumeOnce(
  session: Session,
  region: string,
  wanted: NewVolume,
  isMade: (volume: Volume) => boolean,
): Promise<Sent<Volume>> {
  return sendOnce(
    () => createVolume(session, region, wanted),
    async () => (await listVolumes(session, region)).find(isMade),
  );
}
