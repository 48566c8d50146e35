import { type CloudError, isCloudError } from './errors.ts';

/** What became of a request: its result, or the error that leaves it open. */
export type Sent<T> = { done: T } | { unsure: CloudError };

/**
 * Sends a request that must not be carried out twice. When its answer leaves it open whether it was carried out, `look`
 * looks for its result; it is never sent again.
 *
 * @throws {CloudError} when the cloud refuses it: nothing has been made or changed by it.
 */
export async function sendOnce<T>(
  request: () => Promise<T>,
  look: () => Promise<T | undefined>,
): Promise<Sent<T>> {
  try {
    return { done: await request() };
  } catch (error) {
    if (!isCloudError(error, 'NO_ANSWER', 'UNAVAILABLE', 'BAD_ANSWER', 'OUT_OF_TIME')) throw error;
    const found = await look().catch((failure) => {
      if (!isCloudError(failure)) throw failure;
      return undefined;
    });
    return found === undefined ? { unsure: error } : { done: found };
  }
}
