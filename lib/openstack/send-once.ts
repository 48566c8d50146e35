import { type CloudError, isCloudError } from './errors.ts';

/** The result of a request, or the error that leaves the result unknown. */
export type Sent<T> = { done: T } | { unsure: CloudError };

/**
 * Sends a request that must not be carried out twice, such as a POST, which is not idempotent:
 * https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2. If an error leaves it unknown whether the
 * cloud carried out the request, `findResult` searches for its result. The request is never sent
 * again.
 *
 * @throws {CloudError} if the cloud refuses the request and so has changed nothing.
 */
export async function sendOnce<T>(
  request: () => Promise<T>,
  findResult: () => Promise<T | undefined>,
): Promise<Sent<T>> {
  try {
    return { done: await request() };
  } catch (error) {
    if (!isCloudError(error, 'NO_ANSWER', 'UNAVAILABLE', 'BAD_ANSWER', 'OUT_OF_TIME')) throw error;
    const found = await findResult().catch((failure) => {
      if (!isCloudError(failure)) throw failure;
      return undefined;
    });
    return found === undefined ? { unsure: error } : { done: found };
  }
}
