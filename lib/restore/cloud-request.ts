import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import { sendOnce } from '../openstack/send-once.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { ServerRestoreEvent } from './event.ts';
import { refuse } from './refusal.ts';

/** Whether a later call may succeed after an error, without a change by an operator. */
export function isTemporaryError(error: CloudError): boolean {
  return isCloudError(error, 'CONFLICT', 'NO_ANSWER', 'UNAVAILABLE', 'BAD_ANSWER', 'OUT_OF_TIME');
}

/**
 * {@link sendOnce} for a restore. When a simultaneous call of the same restore causes a conflict,
 * its result is returned.
 *
 * @param to `new` for the request for a new server, `in-place` for a safety snapshot or a rebuild.
 * @param left what earlier requests of this restore have made, and what stays.
 * @throws {ValidationError} when the cloud refuses the request. Then it has made or changed
 *   nothing.
 */
export async function send<T>(
  request: () => Promise<T>,
  findResult: () => Promise<T | undefined>,
  to: ServerRestoreEvent['to'],
  left: readonly Reason[] = [],
): Promise<{ done: T } | { unsure: Reason }> {
  try {
    const sent = await sendOnce(request, findResult);
    if ('done' in sent) return sent;
    const { code: error, message } = sent.unsure;
    return { unsure: { code: 'RESTORE_UNCERTAIN', error, message } };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const done = error.code === 'CONFLICT' ? await findResult() : undefined;
    if (done !== undefined) return { done };
    const hasVolumes = left.length > 0 ? { hasVolumes: true as const } : {};
    refuse({ code: 'RESTORE_REFUSED_BY_CLOUD', ...errorFactsOf(error), to, ...hasVolumes }, ...left);
  }
}
