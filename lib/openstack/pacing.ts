import { setTimeout } from 'node:timers/promises';
import { CloudError } from './errors.ts';

/**
 * A rate limit: how many requests of one verb the cloud allows in a unit of time. Rackspace:
 * https://docs.rackspace.com/docs/cloud-servers/v2/general-api-info/limits, Nova until Juno:
 * https://docs.openstack.org/nova/12.0.6/v2/limits.html.
 */
export interface Rate {
  /** At least 1. */
  value: number;
  unitMs: number;
  /** The requests that remain in the current unit. */
  remaining: number;
  /** When the next unit begins at the latest, in milliseconds. */
  renewedInMs: number;
}

/** Rate limits by verb. The limit of a missing verb is unknown. */
export type Rates = Record<string, Rate>;

/**
 * Reserves the next send time. @returns the time, at least `nowMs`; both are milliseconds of the
 * same clock.
 */
export type Pace = (nowMs: number) => number;

// The share of a limit that is used. The rest is a reserve for delayed requests, which reach the
// cloud at shorter intervals than they were sent.
const USED_SHARE = 0.97;

/**
 * Spreads requests evenly under a rate that was read at `readMs`. Requests that are sent at their
 * times and delayed by less than {@link slackMs} never exceed the rate, whether the cloud counts in
 * fixed units or with a leaky bucket.
 *
 * @param random returns 0 to 1, so that concurrent runs do not send in step.
 */
export function paceOf(
  { value, unitMs, remaining, renewedInMs }: Rate,
  readMs: number,
  random = Math.random,
): Pace {
  const spacingMs = unitMs / (value * USED_SHARE);
  const jitterMs = Math.min(spacingMs, slackMs({ unitMs }));
  let left = remaining;
  let nextMs = readMs;
  return (nowMs) => {
    // Make up for delays of a timer or a busy process, but by no more than the slack.
    const sendMs = Math.max(nowMs - slackMs({ unitMs }), nextMs, left > 0 ? 0 : readMs + renewedInMs);
    left -= 1;
    nextMs = sendMs + spacingMs;
    return Math.max(nowMs, sendMs + random() * jitterMs);
  };
}

/** The allowed delay of a request, in milliseconds: half of the reserve that the pace leaves. */
export function slackMs({ unitMs }: Pick<Rate, 'unitMs'>): number {
  return (unitMs * (1 / USED_SHARE - 1)) / 2;
}

// Rackspace's documented limits, for use after a rate limit response of a cloud that names no
// limits: https://docs.rackspace.com/docs/cloud-servers/v2/general-api-info/limits.
const MINUTE = { unitMs: 60_000, renewedInMs: 0 };
const DEFAULT_RATES: Rates = {
  GET: { ...MINUTE, value: 1000, remaining: 1000 },
  POST: { ...MINUTE, value: 100, remaining: 100 },
  DELETE: { ...MINUTE, value: 1000, remaining: 1000 },
};

/** The longest wait before a request; a request that would have to wait longer fails at once. */
export const LONGEST_WAIT_MS = 60_000;

/** A request's method and URL. Each service of a region has its own host or port. */
export type RequestTarget = { method: string; url: string };

/** Decides the order and the time of the requests of one session. */
export interface PacedQueue {
  /**
   * Spreads further requests over all regions together, because the cloud does not say whether a
   * limit applies to each region.
   */
  spread(rates: Rates): void;
  /** Delays all requests of the same verb to the same host for `ms` milliseconds. */
  delay(target: RequestTarget, ms: number): void;
  /**
   * Waits until a request may be sent.
   *
   * @throws {CloudError} at once: OUT_OF_TIME if the wait exceeds the deadline, RATE_LIMITED if the
   *   cloud requests a wait of more than a minute.
   */
  waitToSend(target: RequestTarget): Promise<void>;
}

/** A queue in which a request waits no longer than `remainingMs`. */
export function pacedQueue({ remainingMs }: { remainingMs(): number }): PacedQueue {
  const paces = new Map<string, Pace>();
  const lastSent = new Map<string, Promise<boolean>>();
  const delayedUntilMs = new Map<string, number>();
  const keyOf = ({ method, url }: RequestTarget) => `${method} ${new URL(url).host}`;
  const delayMs = (target: RequestTarget) => (delayedUntilMs.get(keyOf(target)) ?? 0) - performance.now();

  function spread(rates: Rates): void {
    for (const [method, rate] of Object.entries(rates)) paces.set(method, paceOf(rate, performance.now()));
  }

  async function wait({ method, url }: RequestTarget, ms: number): Promise<void> {
    if (ms <= 0) return;
    if (ms >= remainingMs()) {
      throw new CloudError(
        'OUT_OF_TIME',
        `[${method}] "${url}": the rate limits allow it only after the run deadline`,
        {
          method,
          url,
        },
      );
    }
    await setTimeout(ms);
  }

  /**
   * Waits for the next send time of the pace, one request after another. A request reserves its
   * time only after the previous request was sent, so that a process that was blocked for a moment
   * does not send a burst.
   *
   * @returns false if the cloud requested a delay meanwhile, and the request has no send time
   */
  async function waitForPace(target: RequestTarget, pace: Pace): Promise<boolean> {
    const before = lastSent.get(target.method);
    const sent = (async () => {
      await before?.catch(() => {});
      if (delayMs(target) > 0) return false;
      const nowMs = performance.now();
      await wait(target, pace(nowMs) - nowMs);
      return delayMs(target) <= 0;
    })();
    lastSent.set(target.method, sent);
    return sent;
  }

  return {
    spread,
    delay(target, ms) {
      delayedUntilMs.set(keyOf(target), performance.now() + Math.max(ms, delayMs(target)));
      const defaultRate = DEFAULT_RATES[target.method];
      if (defaultRate && !paces.has(target.method)) spread({ [target.method]: defaultRate });
    },
    async waitToSend(target) {
      const { method, url } = target;
      for (;;) {
        const askedMs = delayMs(target);
        if (askedMs > LONGEST_WAIT_MS) {
          const what = `the cloud takes no more such requests for ${Math.ceil(askedMs / 1000)} seconds`;
          throw new CloudError('RATE_LIMITED', `[${method}] "${url}": ${what}`, target);
        }
        await wait(target, askedMs);
        const pace = paces.get(method);
        const maySend = pace ? await waitForPace(target, pace) : delayMs(target) <= 0;
        if (maySend) return;
      }
    },
  };
}

/** How errors name a request, such as `[GET] "https://…"`. */
export function requestName({ method, url }: RequestTarget): string {
  return `[${method}] "${url}"`;
}
