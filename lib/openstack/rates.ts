import * as v from 'valibot';
import { isCloudError } from './errors.ts';
import type { Rates } from './pacing.ts';
import type { Session } from './session.ts';

// With fewer requests than this, a question about limits would be one of them.
const WORTH_ASKING = 20;

// Reads are sent by snapshot and cleanup, at the same time perhaps, and neither knows of the other.
const READS = 0.5;

// Longer ones are not spread: a run ends before. They end with a refusal.
const UNITS = { SECOND: 1000, MINUTE: 60_000 };

const Limits = v.object({
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
 * The limits for all requests of a verb in a `GET /limits` answer that was sent at `sentAt`, the cloud's own time.
 * What can't be read there is no limit.
 */
export function ratesIn(body: unknown, sentAt: string): Rates {
  const answer = v.safeParse(Limits, body);
  if (!answer.success) return {};
  const rates: Rates = {};
  const everywhere = answer.output.limits.rate.filter(({ uri }) => uri === '*');
  for (const limit of everywhere.flatMap((entry) => entry.limit)) {
    if (!v.is(Limit, limit)) continue;
    const { verb, value, remaining, unit } = limit;
    const unitMs = UNITS[unit];
    const known = rates[verb];
    if (known && known.value / known.unitMs <= value / unitMs) continue;
    // While some are left, the time does not say when the unit ends, but that the next may go at once.
    const nextMs =
      remaining < 1 ? Date.parse(limit['next-available'] ?? '') - Date.parse(sentAt) : Number.NaN;
    const renewedInMs = nextMs >= 0 && nextMs < unitMs ? nextMs : unitMs;
    rates[verb] = { value, unitMs, remaining: Math.min(remaining, value), renewedInMs };
  }
  const { GET } = rates;
  return GET
    ? { ...rates, GET: { ...GET, value: GET.value * READS, remaining: GET.remaining * READS } }
    : rates;
}

/**
 * Spreads what a session sends from now on under the account's own limits, where it is so much that it might meet
 * them. Limits that can't be read change nothing: then a refusal has to teach them.
 *
 * `GET /limits`: Rackspace docs-cloud-servers; Nova compute API 2.1, which since Juno names no rates.
 *
 * @param work what each of the requests is about. The limits of the region with the most are taken for all.
 */
export async function spreadUnderLimits(
  session: Session,
  work: readonly { region: string }[],
): Promise<void> {
  if (work.length <= WORTH_ASKING) return;
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
