import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import type { Session } from './session.ts';

const Limits = v.object({ limits: v.object({ absolute: v.object({ maxImageMeta: v.number() }) }) });

/**
 * How many metadata the cloud takes with a new image; undefined where it sets no limit, or does not say.
 *
 * `GET /limits`: Rackspace docs-cloud-servers; Nova compute API 2.1 to 2.38. There -1 is no limit.
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
