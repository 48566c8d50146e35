import type { Cloud } from '../../local/cloud/cloud.ts';
import type { RateLimit } from '../../local/cloud/limiter.ts';

/** What a cloud is to be like. */
export interface Setting {
  servers: number;
  /** The history of each server: good ones of one policy, a day apart. */
  snapshotsEach: number;
  limits: RateLimit[];
  latencyMs: Cloud['latencyMs'];
}

/** As time goes, or a second for a minute. */
export type Speed = 1 | 60;

/** What one of Rackspace's services takes for an answer, as the benchmark has it. */
export const LATENCY_MS = { identity: 500, compute: 2000, image: 500 };
/** Rackspace's documented limits, and one for deletions, of which none is documented. */
export const PER_MINUTE = { GET: 1000, POST: 100, DELETE: 100 };
export const OWNER = 'autosnap-bench';
export const POLICY = 'bench';
/** Of both listings. */
export const PAGE_SIZE = 1000;

/**
 * A cloud whose clock goes at some speed: its latencies are so much shorter, and its limits are for
 * so much less time. What the product itself takes does not go faster, and so weighs more.
 */
export function conditions(speed: Speed, servers: number, snapshotsEach = 0): Setting {
  const latencyMs = Object.fromEntries(
    Object.entries(LATENCY_MS).map(([service, ms]) => [service, ms / speed]),
  );
  const unit = speed === 1 ? 'MINUTE' : 'SECOND';
  const limits = Object.entries(PER_MINUTE).map(
    ([verb, value]): RateLimit => ({ verb, value, unit, kind: 'window' }),
  );
  return { servers, snapshotsEach, latencyMs, limits };
}

/** Of what `perMinute` allows from the first to the last of some requests, what was sent. */
export function shareOf(perMinute: number, sentMs: readonly number[], speed: Speed): number {
  const spanMs = (Math.max(...sentMs) - Math.min(...sentMs)) * speed;
  return (sentMs.length - 1) / ((spanMs / 60_000) * perMinute);
}

// Daily from this minute on: a schedule whose next slot came during a run would end the run early.
const begun = new Date();
const SCHEDULE = `cron(${begun.getUTCMinutes()} ${begun.getUTCHours()} * * ? *)`;

/** The policy under which all runs are. */
export function policyOf(changes: object = {}): string {
  return JSON.stringify({
    policy: POLICY,
    schedule: SCHEDULE,
    cleanup: 'rate(6 hours)',
    servers: { all: true },
    keep: { last: 29 },
    ...changes,
  });
}
