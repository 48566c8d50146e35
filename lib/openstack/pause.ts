import { setTimeout } from 'node:timers/promises';

/** Waits for `ms` milliseconds, between two tries of a request or two polls. */
export async function pause(ms: number): Promise<void> {
  await setTimeout(ms);
}
