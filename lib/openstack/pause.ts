import { setTimeout } from 'node:timers/promises';

/**
 * Waits for `ms` milliseconds, between two attempts of a request or two polls. Has a file of its
 * own so that tests can shorten these waits; waits for rate limits are in pacing.ts.
 */
export async function pause(ms: number): Promise<void> {
  await setTimeout(ms);
}
