import { isCloudError } from '../openstack/errors.ts';
import { imageQuotas, volumeQuotas } from '../openstack/quota.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumes, type Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { forecastQuotas, type QuotaForecastInput } from './quota-forecast.ts';

/**
 * Forecasts the quotas of a region that the policies' next runs will exceed; see {@link
 * forecastQuotas}. Requests the quotas only if policies select servers in the region.
 *
 * @returns an empty list at Rackspace, and if the cloud shows no quotas.
 */
export async function forecastRegionQuotas(
  session: Session,
  region: string,
  growth: Omit<QuotaForecastInput, 'volumes'>,
): Promise<Reason<'QUOTA_AHEAD'>[]> {
  const servers = growth.policies.flatMap((one) => one.servers);
  if (servers.length === 0 || session.provider === 'rackspace') return [];
  const onVolumes = servers.some(({ volumeIds }) => volumeIds.length > 0);
  const [ofImages, ofVolumes, volumes] = await Promise.all([
    imageQuotas(session, region),
    onVolumes ? volumeQuotas(session, region) : [],
    onVolumes ? volumesIfReadable(session, region) : [],
  ]);
  return forecastQuotas(region, [...ofImages, ...ofVolumes], { ...growth, volumes });
}

/**
 * The volumes of a region; none if they can't be listed. Without their sizes, the forecast does not
 * include gigabytes of volumes.
 */
export async function volumesIfReadable(session: Session, region: string): Promise<Volume[]> {
  try {
    return await listVolumes(session, region);
  } catch (error) {
    if (isCloudError(error)) return [];
    throw error;
  }
}
