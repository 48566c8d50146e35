import type { Cloud } from '../../local/cloud/cloud.ts';
import type { RateLimit } from '../../local/cloud/limiter.ts';

/** The properties of a cloud. */
export interface Setting {
  servers: number;
  /** The history of each server: good snapshots of one policy, a day apart. */
  snapshotsEach: number;
  /** The attached volumes of each server. */
  volumesEach: number;
  limits: RateLimit[];
  latencyMs: Cloud['latencyMs'];
}

/** A {@link Setting} without the properties that all clouds share. */
export type Fleet = Pick<Setting, 'servers'> & Partial<Pick<Setting, 'snapshotsEach' | 'volumesEach'>>;

/** Real time, or a second for a minute. */
export type Speed = 1 | 60;

/** The latencies of Rackspace's services in the benchmark. */
export const LATENCY_MS = { identity: 500, compute: 2000, image: 500, volume: 500 };
/** Rackspace's documented limits, and one for deletions, for which none is documented. */
export const PER_MINUTE = { GET: 1000, POST: 100, DELETE: 100 };
export const OWNER = 'autosnap-bench';
export const POLICY = 'bench';
/** The number of pages of both listings. */
export const PAGE_SIZE = 1000;

/**
 * A cloud with a faster clock: its latencies and the windows of its limits are shorter by this
 * factor. The product's own time is not, and so counts more.
 */
export function conditions(speed: Speed, { servers, snapshotsEach = 0, volumesEach = 0 }: Fleet): Setting {
  const latencyMs = Object.fromEntries(
    Object.entries(LATENCY_MS).map(([service, ms]) => [service, ms / speed]),
  );
  const unit = speed === 1 ? 'MINUTE' : 'SECOND';
  const limits = Object.entries(PER_MINUTE).map(
    ([verb, value]): RateLimit => ({ verb, value, unit, kind: 'window' }),
  );
  return { servers, snapshotsEach, volumesEach, latencyMs, limits };
}

/** The used share of `perMinute`, from the first to the last of some requests. */
export function shareOf(perMinute: number, sentMs: readonly number[], speed: Speed): number {
  const spanMs = (Math.max(...sentMs) - Math.min(...sentMs)) * speed;
  return (sentMs.length - 1) / ((spanMs / 60_000) * perMinute);
}

// Daily from this minute on, because a schedule whose next slot came during a run would end the run
// early.
const begun = new Date();
const SCHEDULE = `cron(${begun.getUTCMinutes()} ${begun.getUTCHours()} * * ? *)`;

/** The policy of all runs. */
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
