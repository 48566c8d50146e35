import {
  conditions,
  type Fleet,
  LATENCY_MS,
  PAGE_SIZE,
  PER_MINUTE,
  policyOf,
  type Speed,
  shareOf,
} from './conditions.ts';
import type { Original } from './original.ts';
import { run, startRemoteCloud } from './processes.ts';
import type { Run } from './product.ts';

/** A snapshot run for that many servers; times are the cloud's own, in seconds. */
export interface Sweep {
  servers: number;
  /** The attached volumes of each server. */
  volumesEach: number;
  /** The number of images and volume snapshots. */
  parts: number;
  calls: number;
  /** The calls beyond the token and the pages of the listings. */
  beyond: number;
  refused: number;
  seconds: number;
  /** The shortest time that latency, concurrency and rate limit allow. */
  limitSeconds: number;
  /** The used share of the rate limit, from the first to the last request. */
  ofRate: number;
  peakMb: number;
  /** The time from the start of the process to each image, the shortest first. */
  delays: number[];
  /** The longest time from the first to the last part of a server. */
  spreadSeconds: number;
}

// The values of lib/snapshots/create.ts and lib/openstack/rate-limits.ts.
const AT_ONCE = 8;
const WORTH_SPREADING = 20;

export async function sweep(fleet: Fleet, speed: Speed): Promise<Sweep> {
  const { servers, volumesEach = 0 } = fleet;
  const cloud = await startRemoteCloud(conditions(speed, fleet));
  const { ms, peakMb, beganMs } = await run<Run>('product', ['snapshot', policyOf()], cloud.environment);
  const { calls, createdMs, spreadsMs } = await cloud.tally();
  cloud.end();
  const parts = servers * (1 + volumesEach);
  // The newest first.
  const taken = createdMs.slice(0, parts).reverse();
  const all = sum(Object.values(calls));
  const refused = (calls['POST servers'] ?? 0) + (calls['POST snapshots'] ?? 0) - taken.length;
  const listing = ['POST tokens', 'GET servers', 'GET images', 'GET volumes', 'GET snapshots', 'GET flavors'];
  const seconds = (fromMs: number, toMs: number) => ((toMs - fromMs) * speed) / 1000;
  return {
    ...{ servers, volumesEach, parts },
    calls: all,
    beyond: all - sum(listing.map((kind) => calls[kind] ?? 0)),
    refused,
    seconds: seconds(0, ms),
    limitSeconds: limitSeconds(fleet),
    ofRate: shareOf(PER_MINUTE.POST, taken, speed),
    peakMb,
    delays: taken.map((createdAt) => seconds(beganMs, createdAt)),
    spreadSeconds: seconds(0, Math.max(...spreadsMs)),
  };
}

/**
 * A token, the longer of both listings, and then the requests: as many at once as the product sends
 * or, if there are enough to be spread, evenly at the rate limit.
 */
function limitSeconds({ servers, snapshotsEach = 0, volumesEach = 0 }: Fleet): number {
  const pages = (items: number) => Math.floor(items / PAGE_SIZE) + 1;
  const listingMs = Math.max(
    pages(servers) * LATENCY_MS.compute,
    pages(servers * snapshotsEach) * LATENCY_MS.image,
    pages(servers * volumesEach) * LATENCY_MS.volume,
  );
  const eachMs = Math.max(60_000 / PER_MINUTE.POST, LATENCY_MS.compute / AT_ONCE);
  const takingMs =
    servers > WORTH_SPREADING
      ? (servers * (1 + volumesEach) - 1) * eachMs + LATENCY_MS.compute
      : Math.ceil(servers / AT_ONCE) * LATENCY_MS.compute;
  return (LATENCY_MS.identity + listingMs + takingMs) / 1000;
}

/** The same fleet with the method of the original script; times are the cloud's own, in seconds. */
export async function original(
  fleet: Fleet,
  speed: Speed,
): Promise<Pick<Sweep, 'servers' | 'calls' | 'seconds'>> {
  const { servers } = fleet;
  const cloud = await startRemoteCloud(conditions(speed, fleet));
  const { ms, calls } = await run<Original>('original', [cloud.secret], cloud.environment);
  cloud.end();
  return { servers, calls, seconds: (ms * speed) / 1000 };
}

/** A percentile, such as the 99th value of a hundred. */
export function percentile(sorted: number[], percent: number): number {
  return sorted[Math.ceil((sorted.length * percent) / 100) - 1]!;
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}
