import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import type { Session } from './session.ts';

const Limits = v.object({ limits: v.object({ absolute: v.object({ maxImageMeta: v.number() }) }) });

/**
 * The maximum number of metadata items of a new image; undefined if the cloud has no limit or does
 * not name it.
 *
 * `GET /limits`, compute API 2.1 to 2.38, where -1 means no limit:
 * https://docs.openstack.org/api-ref/compute/#show-rate-and-absolute-limits and
 * https://docs.rackspace.com/docs/cloud-servers/v2/general-api-info/limits
 */
export async function imageMetadataLimit(session: Session, region: string): Promise<number | undefined> {
  try {
    const request = { service: 'compute', region, path: '/limits', method: 'GET' } as const;
    const { body } = await session.request({ ...request, expect: [200, 203] });
    const answer = v.safeParse(Limits, body);
    const limit = answer.success ? answer.output.limits.absolute.maxImageMeta : -1;
    return limit < 0 ? undefined : limit;
  } catch (error) {
    if (isCloudError(error)) return undefined;
    throw error;
  }
}
