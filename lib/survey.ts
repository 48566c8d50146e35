import pMap from 'p-map';
import { separateThrowAways } from './drill/ownership.ts';
import { listServers, type Server } from './openstack/compute.ts';
import { isCloudError } from './openstack/errors.ts';
import { type Image, listImages } from './openstack/images.ts';
import type { Session } from './openstack/session.ts';
import { listVolumeSnapshots, type VolumeSnapshot } from './openstack/volumes.ts';
import { Refusal } from './refusal.ts';

/** Everything that matters in one region, completely listed. */
export interface RegionSurvey {
  region: string;
  servers: Server[];
  images: Image[];
  /** Listed only where they matter: for a cleanup, where some image has its data in them. */
  volumeSnapshots: VolumeSnapshot[];
}

export interface Survey {
  regions: RegionSurvey[];
  /** The servers that drills have made: they will soon be gone, and no policy ever means them. They are in no region's `servers`. */
  throwAways: Server[];
  /** The regions that could not be listed completely, and why: nothing may be done there. */
  unreadable: { region: string; problem: string }[];
}

/**
 * Lists the servers and images of each region. One region's failure does not stop another's.
 *
 * @param wanted the policy's regions; all of the catalogue when undefined.
 * @param volumesFor the images whose volume snapshots matter: where there are such, these are listed too.
 * @throws {Refusal} when a region is wanted that the catalogue lacks.
 */
export async function survey(
  session: Session,
  wanted: readonly string[] | undefined,
  volumesFor: (image: Image) => boolean,
): Promise<Survey> {
  const known = session.regions;
  const unknown = wanted?.filter((region) => !known.includes(region)) ?? [];
  if (unknown.length > 0) {
    throw new Refusal(
      'The event is refused',
      unknown.map(
        (region) => `regions: the account has no region "${region}": it has ${known.join(', ') || 'none'}`,
      ),
    );
  }
  const found: Survey = { regions: [], throwAways: [], unreadable: [] };
  await pMap(new Set(wanted ?? known), async (region) => {
    try {
      const [servers, images] = await Promise.all([
        listServers(session, region),
        listImages(session, region),
      ]);
      const volumeSnapshots = images.some(volumesFor) ? await listVolumeSnapshots(session, region) : [];
      const { lasting, throwAways } = separateThrowAways(servers, images, session.projectId);
      found.regions.push({ region, servers: lasting, images, volumeSnapshots });
      found.throwAways.push(...throwAways);
    } catch (error) {
      if (!isCloudError(error)) throw error;
      found.unreadable.push({ region, problem: error.message });
    }
  });
  found.regions.sort((a, b) => (a.region < b.region ? -1 : 1));
  return found;
}
