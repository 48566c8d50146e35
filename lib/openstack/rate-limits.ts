import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import type { Rates } from './pacing.ts';
import type { Session } from './session.ts';

// With fewer requests than this, reading the limits costs more than it saves.
const MIN_REQUESTS = 20;

// The share of the GET limit for one run: snapshot and cleanup may read at the same time.
const GET_SHARE = 0.5;

// Limits of longer units are not spread, because a run ends earlier; the cloud refuses requests
// over them.
const UNITS = { SECOND: 1000, MINUTE: 60_000 };

const RateLimits = v.object({
  limits: v.object({ rate: v.array(v.object({ uri: v.string(), limit: v.array(v.unknown()) })) }),
});

const Limit = v.object({
  verb: v.picklist(['GET', 'POST', 'DELETE']),
  value: v.pipe(v.number(), v.minValue(1)),
  remaining: v.pipe(v.number(), v.minValue(0)),
  unit: v.picklist(['SECOND', 'MINUTE']),
  'next-available': v.fallback(v.string(), ''),
});

/**
 * Reads the limits that apply to all requests of a verb from a `GET /limits` response:
 * https://docs.rackspace.com/docs/cloud-servers/v2/general-api-info/limits. `sentAt` is the
 * response's Date header. Unreadable limits are ignored.
 */
export function ratesIn(body: unknown, sentAt: string): Rates {
  const answer = v.safeParse(RateLimits, body);
  if (!answer.success) return {};
  const rates: Rates = {};
  const everywhere = answer.output.limits.rate.filter(({ uri }) => uri === '*');
  for (const limit of everywhere.flatMap((entry) => entry.limit)) {
    if (!v.is(Limit, limit)) continue;
    const { verb, value, remaining, unit } = limit;
    const unitMs = UNITS[unit];
    const known = rates[verb];
    if (known && known.value / known.unitMs <= value / unitMs) continue;
    // `next-available` is the end of the unit only if no requests remain; otherwise it is the
    // current time.
    const nextMs =
      remaining < 1 ? Date.parse(limit['next-available'] ?? '') - Date.parse(sentAt) : Number.NaN;
    const renewedInMs = nextMs >= 0 && nextMs < unitMs ? nextMs : unitMs;
    rates[verb] = { value, unitMs, remaining: Math.min(remaining, value), renewedInMs };
  }
  const { GET } = rates;
  return GET
    ? { ...rates, GET: { ...GET, value: GET.value * GET_SHARE, remaining: GET.remaining * GET_SHARE } }
    : rates;
}

/**
 * Spreads the further requests of a session evenly under the account's rate limits, if there are
 * enough requests to reach them. If the limits can't be read, the session spreads its requests
 * after the first rate limit response.
 *
 * `GET /limits`: https://docs.openstack.org/api-ref/compute/#show-rate-and-absolute-limits and
 * https://docs.rackspace.com/docs/cloud-servers/v2/general-api-info/limits. Nova names no rates
 * since Juno.
 *
 * @param work one item for each request. The limits of the region with the most items apply to all
 *   regions.
 */
export async function spreadUnderLimits(
  session: Session,
  work: readonly { region: string }[],
): Promise<void> {
  if (work.length <= MIN_REQUESTS) return;
  const byRegion = [...Map.groupBy(work, ({ region }) => region)];
  const [region] = byRegion.reduce((most, other) => (other[1].length > most[1].length ? other : most));
  const request = { service: 'compute', region, path: '/limits' } as const;
  try {
    const { headers, body } = await session.request({ ...request, method: 'GET', expect: [200, 203] });
    session.spread(ratesIn(body, String(headers.date)));
  } catch (error) {
    if (!isCloudError(error)) throw error;
  }
}
