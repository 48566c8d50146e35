import type { Server } from '../openstack/compute.ts';
import { volumeQuotas } from '../openstack/quota.ts';
import type { Session } from '../openstack/session.ts';
import type { Volume } from '../openstack/volumes.ts';
import { volumesInImage } from '../volumes/attached.ts';
import type { VolumeStep } from '../volumes/plan.ts';
import { withinQuotas } from '../volumes/snapshot-set.ts';
import { volumesIfReadable } from './quota-finder.ts';
import type { SnapshotStep } from './snapshot-plan.ts';

/**
 * {@link withinQuotas} for each region. Requests the quotas only where volume snapshots are due.
 */
export async function setsWithinQuotas(
  session: Session,
  images: readonly SnapshotStep[],
  volumes: ReadonlyMap<Server, VolumeStep[]>,
  listed: readonly Volume[],
): Promise<ReturnType<typeof withinQuotas>> {
  const found = { images: [...images], volumes: new Map(volumes) };
  for (const [region, steps] of Map.groupBy(images, ({ server }) => server.region)) {
    const isWithVolumes = ({ action, server }: SnapshotStep) =>
      action === 'take' && session.provider !== 'rackspace' && server.volumeIds.length > 0;
    const isDue = (step: SnapshotStep) =>
      isWithVolumes(step) || volumes.get(step.server)?.some(({ action }) => action === 'take');
    if (!steps.some(isDue)) continue;
    const quotas = await volumeQuotas(session, region);
    if (quotas.length === 0) continue;
    // A policy with `volumes: none` has not listed any.
    const here = listed.some((volume) => volume.region === region)
      ? listed
      : await volumesIfReadable(session, region);
    const inImage = (server: Server) =>
      session.provider === 'rackspace' ? [] : volumesInImage(server, here);
    const fitting = withinQuotas({ images: steps, volumes }, quotas, inImage);
    for (const [server, its] of fitting.volumes) found.volumes.set(server, its);
    const stepOf = new Map(fitting.images.map((step) => [step.server, step]));
    found.images = found.images.map((step) => stepOf.get(step.server) ?? step);
  }
  return found;
}
