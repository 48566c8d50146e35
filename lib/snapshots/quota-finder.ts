import { isCloudError } from '../openstack/errors.ts';
import { imageQuotas, volumeQuotas } from '../openstack/quota.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumes, type Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { type Growth, quotasAhead } from './quota-forecast.ts';

/**
 * The quotas of a region that the policies' next runs will meet. The cloud is asked for what it
 * shows, and only where policies select servers; see {@link quotasAhead}.
 */
export async function findQuotasAhead(
  session: Session,
  region: string,
  growth: Omit<Growth, 'volumes'>,
): Promise<Reason<'QUOTA_AHEAD'>[]> {
  const servers = growth.policies.flatMap((one) => one.servers);
  if (servers.length === 0 || session.provider === 'rackspace') return [];
  const onVolumes = servers.some(({ volumeBacked, volumeIds }) => volumeBacked && volumeIds.length > 0);
  const [ofImages, ofVolumes, volumes] = await Promise.all([
    imageQuotas(session, region),
    onVolumes ? volumeQuotas(session, region) : [],
    onVolumes ? volumesOf(session, region) : [],
  ]);
  return quotasAhead(region, [...ofImages, ...ofVolumes], { ...growth, volumes });
}

/** Without the sizes of the volumes, their gigabytes can't be told. */
async function volumesOf(session: Session, region: string): Promise<Volume[]> {
  try {
    return await listVolumes(session, region);
  } catch (error) {
    if (isCloudError(error)) return [];
    throw error;
  }
}
