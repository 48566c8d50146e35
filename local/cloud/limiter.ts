import type { MiddlewareHandler } from 'hono';
import { answers, type Env } from './faults.ts';

const UNITS = { SECOND: 1000, MINUTE: 60_000, HOUR: 3_600_000, DAY: 86_400_000 };

/**
 * The number of requests of a verb that the account may send per unit of time, to all services in
 * all regions together.
 */
export interface RateLimit {
  verb: string;
  value: number;
  unit: keyof typeof UNITS;
  /**
   * `window`: Rackspace's Repose counts in windows, each of which begins with its first request.
   * `bucket`: Nova until Juno uses a leaky bucket.
   */
  kind: 'window' | 'bucket';
}

/** For a window, when it began and its number of requests; for a bucket, its level at that time. */
interface Count {
  sinceMs: number;
  used: number;
}

export interface Limiter {
  /** Refuses requests over a limit. */
  refuse: MiddlewareHandler<Env>;
  /** `limits.rate` of the `GET /limits` answer. */
  rates(): object[];
}

/** Counts requests with the clock `now`, in milliseconds; `limits` may change at any time. */
export function limiter(limits: RateLimit[], now: () => number): Limiter {
  const counts = new WeakMap<RateLimit, Count>();
  const countOf = (limit: RateLimit): Count => {
    const { sinceMs, used } = counts.get(limit) ?? { sinceMs: Number.NEGATIVE_INFINITY, used: 0 };
    const units = (now() - sinceMs) / UNITS[limit.unit];
    if (limit.kind === 'bucket') return { sinceMs: now(), used: Math.max(0, used - units * limit.value) };
    return units < 1 ? { sinceMs, used } : { sinceMs: now(), used: 0 };
  };
  const waitMs = (limit: RateLimit): number => {
    const { sinceMs, used } = countOf(limit);
    if (used + 1 <= limit.value) return 0;
    const unitMs = UNITS[limit.unit];
    return limit.kind === 'bucket'
      ? ((used + 1 - limit.value) * unitMs) / limit.value
      : sinceMs + unitMs - now();
  };

  return {
    async refuse(c, next) {
      const matching = limits.filter(({ verb }) => verb === c.req.method);
      const [longest] = matching.map((limit) => ({ limit, ms: waitMs(limit) })).sort((a, b) => b.ms - a.ms);
      if (longest && longest.ms > 0) {
        const seconds = Math.ceil(longest.ms / 1000);
        const { body } =
          longest.limit.kind === 'bucket'
            ? answers.novaRetryAfterSeconds(seconds)
            : answers.reposeRetryAfterDate(new Date(Date.now() + longest.ms));
        return c.json(body, 413, { 'retry-after': String(seconds) });
      }
      for (const limit of matching) {
        const { sinceMs, used } = countOf(limit);
        counts.set(limit, { sinceMs, used: used + 1 });
      }
      return next();
    },
    rates: () =>
      limits.length === 0
        ? []
        : [
            {
              uri: '*',
              regex: '.*',
              limit: limits.map((limit) => ({
                verb: limit.verb,
                value: limit.value,
                remaining: Math.floor(limit.value - countOf(limit).used),
                unit: limit.unit,
                'next-available': new Date(Date.now() + waitMs(limit)).toISOString(),
              })),
            },
          ],
  };
}
