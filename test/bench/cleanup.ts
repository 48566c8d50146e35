import { conditions, PER_MINUTE, policyOf, type Speed, shareOf } from './conditions.ts';
import type { Planning } from './planning.ts';
import { run, startRemoteCloud } from './processes.ts';
import type { Run } from './product.ts';

const SNAPSHOTS_EACH = 30;

/** A cleanup for that many servers, each of which loses its oldest snapshot. */
export interface Cleanup {
  images: number;
  /** The requests for the listings of servers and images, before the deletions. */
  listCalls: number;
  /** The processor time on this machine. */
  planMs: number;
  deleted: number;
  refused: number;
  /** The used share of the rate limit, from the first to the last deletion. */
  ofRate: number;
  peakMb: number;
}

export async function cleanup(servers: number, speed: Speed): Promise<Cleanup> {
  const cloud = await startRemoteCloud(conditions(speed, { servers, snapshotsEach: SNAPSHOTS_EACH }));
  const before = (await cloud.tally()).images;
  const { planMs } = await run<Planning>('planning', [cloud.secret, policyOf()], cloud.environment);
  const listed = (await cloud.tally()).calls;
  const { peakMb } = await run<Run>('product', ['cleanup', policyOf()], cloud.environment);
  const { deletedMs, images } = await cloud.tally();
  cloud.end();
  const deleted = before - images;
  return {
    images: before,
    listCalls: listed['GET servers']! + listed['GET images']!,
    planMs,
    deleted,
    refused: deletedMs.length - deleted,
    ofRate: shareOf(PER_MINUTE.DELETE, deletedMs, speed),
    peakMb,
  };
}

/** The exponent of the growth: 1 if it is linear, 2 if it is quadratic. */
export function exponent(less: [size: number, cost: number], more: [size: number, cost: number]): number {
  return Math.log(more[1] / less[1]) / Math.log(more[0] / less[0]);
}
