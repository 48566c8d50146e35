import { setTimeout } from 'node:timers/promises';
import { CloudError } from './errors.ts';

/** How many requests of one verb may be sent in a time. */
export interface Rate {
  /** At least 1. */
  value: number;
  unitMs: number;
  /** Of `value`, what is left of the unit that is running. */
  remaining: number;
  /** When the next unit begins at the latest, in milliseconds. */
  renewedInMs: number;
}

/** By verb: of one that is not there, nothing is known. */
export type Rates = Record<string, Rate>;

/** Books the next turn. @returns when it is, never before `nowMs`; both are milliseconds of one clock. */
export type Pace = (nowMs: number) => number;

// What is left makes up for what is late on its way, and so comes to the cloud closer together than it was sent.
const USED = 0.97;

/**
 * Spreads requests evenly under a rate that was read at `readMs`. Sent at their turns, and late by less than
 * {@link slackMs}, they never exceed it: neither a limit that counts in units, whenever these begin, nor a bucket that
 * leaks all the time.
 *
 * @param random from 0 to 1: no two runs shall go in step.
 */
export function paceOf(
  { value, unitMs, remaining, renewedInMs }: Rate,
  readMs: number,
  random = Math.random,
): Pace {
  const spacingMs = unitMs / (value * USED);
  const jitterMs = Math.min(spacingMs, slackMs({ unitMs }));
  let left = remaining;
  let nextMs = readMs;
  return (nowMs) => {
    // What a timer or a busy process is late by is made up for, but never more than that.
    const turnMs = Math.max(nowMs - slackMs({ unitMs }), nextMs, left > 0 ? 0 : readMs + renewedInMs);
    left -= 1;
    nextMs = turnMs + spacingMs;
    return Math.max(nowMs, turnMs + random() * jitterMs);
  };
}

/** How much later than others a request may be: half of what the pace leaves, in milliseconds. */
export function slackMs({ unitMs }: Pick<Rate, 'unitMs'>): number {
  return (unitMs * (1 / USED - 1)) / 2;
}

// Rackspace's documented limits: what a refusal teaches where the cloud names none.
const MINUTE = { unitMs: 60_000, renewedInMs: 0 };
const USUAL: Rates = {
  GET: { ...MINUTE, value: 1000, remaining: 1000 },
  POST: { ...MINUTE, value: 100, remaining: 100 },
  DELETE: { ...MINUTE, value: 1000, remaining: 1000 },
};

export const LONGEST_WAIT_MS = 60_000;

/** What is asked where: a service in a region has a host or a port of its own. */
type Where = { method: string; url: string };

/** In which order, and when, the requests of one session go. */
export interface Queue {
  /** Spreads what comes from now on, over all regions together: whether a limit is each region's, the cloud does not say. */
  spread(rates: Rates): void;
  /** Lets nothing of the same verb go to the same place for a while. */
  hold(where: Where, ms: number): void;
  /**
   * Waits for a request's turn.
   *
   * @throws {CloudError} OUT_OF_TIME when that is after the deadline, RATE_LIMITED when the cloud wants a longer wait
   *   than a minute: both at once.
   */
  turn(where: Where): Promise<void>;
}

/** A queue in which a request waits no longer than `remainingMs`. */
export function queue({ remainingMs }: { remainingMs(): number }): Queue {
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
      throw new CloudError('OUT_OF_TIME', `[${method}] "${url}": its turn is after the end of this run`, {
        method,
        url,
      });
    }
    await setTimeout(ms);
  }

  /**
   * Waits for the next turn of the pace, one request after another: a turn is booked when the one before has gone, so
   * that a process that was held up for a moment does not send all at once what had its turn meanwhile.
   */
  async function waitInLine(where: Where, pace: Pace): Promise<void> {
    const before = lastInLine.get(where.method);
    const going = (async () => {
      await before?.catch(() => {});
      const nowMs = performance.now();
      if (heldMs(where) <= 0) await wait(where, pace(nowMs) - nowMs);
    })();
    lastInLine.set(where.method, going);
    await going;
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
        if (pace) await waitInLine(where, pace);
      } while (heldMs(where) > 0);
    },
  };
}
