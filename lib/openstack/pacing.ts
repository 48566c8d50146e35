import { setTimeout } from 'node:timers/promises';
import { CloudError } from './errors.ts';

/** A rate limit: how many requests of one verb are allowed in a unit of time. */
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
// cloud closer together than they were sent.
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
    // Catch up on delays of a timer or a busy process, but by no more than the slack.
    const turnMs = Math.max(nowMs - slackMs({ unitMs }), nextMs, left > 0 ? 0 : readMs + renewedInMs);
    left -= 1;
    nextMs = turnMs + spacingMs;
    return Math.max(nowMs, turnMs + random() * jitterMs);
  };
}

/** The allowed delay of a request, in milliseconds: half of the reserve that the pace leaves. */
export function slackMs({ unitMs }: Pick<Rate, 'unitMs'>): number {
  return (unitMs * (1 / USED_SHARE - 1)) / 2;
}

// Rackspace's documented limits, applied after a rate limit response if the cloud names no limits.
const MINUTE = { unitMs: 60_000, renewedInMs: 0 };
const USUAL: Rates = {
  GET: { ...MINUTE, value: 1000, remaining: 1000 },
  POST: { ...MINUTE, value: 100, remaining: 100 },
  DELETE: { ...MINUTE, value: 1000, remaining: 1000 },
};

export const LONGEST_WAIT_MS = 60_000;

/** A request's method and URL. Each service of a region has its own host or port. */
type Where = { method: string; url: string };

/** Decides the order and the time of the requests of one session. */
export interface PacedQueue {
  /**
   * Spreads further requests over all regions together, because the cloud does not say whether a
   * limit applies to each region.
   */
  spread(rates: Rates): void;
  /** Delays all requests of the same verb to the same host for `ms` milliseconds. */
  hold(where: Where, ms: number): void;
  /**
   * Waits until a request may be sent.
   *
   * @throws {CloudError} at once: OUT_OF_TIME if the wait exceeds the deadline, RATE_LIMITED if the
   *   cloud requests a wait of more than a minute.
   */
  turn(where: Where): Promise<void>;
}

/** A queue in which a request waits no longer than `remainingMs`. */
export function pacedQueue({ remainingMs }: { remainingMs(): number }): PacedQueue {
  const paces = new Map<string, Pace>();
  const lastInLine = new Map<string, Promise<void>>();
  const heldUntilMs = new Map<string, number>();
  const placeOf = ({ method, url }: Where) => `${method} ${new URL(url).host}`;
  const heldMs = (where: Where) => (heldUntilMs.get(placeOf(where)) ?? 0) - performance.now();

  function spread(rates: Rates): void {
    for (const [method, rate] of Object.entries(rates)) paces.set(method, paceOf(rate, performance.now()));
  }

  async function wait({ method, url }: Where, ms: number): Promise<void> {
    if (ms <= 0) return;
    if (ms >= remainingMs()) {
      throw new CloudError('OUT_OF_TIME', `[${method}] "${url}": its turn is after the run deadline`, {
        method,
        url,
      });
    }
    await setTimeout(ms);
  }

  /**
   * Waits for the next send time of the pace, one request after another. A request reserves its
   * time only after the previous request was sent, so that a process that was blocked for a moment
   * does not send a burst.
   */
  async function waitForPace(where: Where, pace: Pace): Promise<void> {
    const before = lastInLine.get(where.method);
    const sent = (async () => {
      await before?.catch(() => {});
      const nowMs = performance.now();
      if (heldMs(where) <= 0) await wait(where, pace(nowMs) - nowMs);
    })();
    lastInLine.set(where.method, sent);
    await sent;
  }

  return {
    spread,
    hold(where, ms) {
      heldUntilMs.set(placeOf(where), performance.now() + Math.max(ms, heldMs(where)));
      const usual = USUAL[where.method];
      if (usual && !paces.has(where.method)) spread({ [where.method]: usual });
    },
    async turn(where) {
      const { method, url } = where;
      do {
        const askedMs = heldMs(where);
        if (askedMs > LONGEST_WAIT_MS) {
          const what = `the cloud takes no more such requests for ${Math.ceil(askedMs / 1000)} seconds`;
          throw new CloudError('RATE_LIMITED', `[${method}] "${url}": ${what}`, where);
        }
        await wait(where, askedMs);
        const pace = paces.get(method);
        if (pace) await waitForPace(where, pace);
      } while (heldMs(where) > 0);
    },
  };
}
