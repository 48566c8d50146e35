import { Refusal } from '../config/validation-error.ts';
import { type CloudError, type CloudErrorCode, explain, isCloudError } from '../openstack/errors.ts';
import { sendOnce } from '../openstack/send-once.ts';

/** What to do about each kind of refusal, of one request. */
export type Remedies = Partial<Record<CloudErrorCode, string>>;

const QUOTA = 'if a quota is used up, free some of it, or have it raised';

/**
 * {@link sendOnce} for a restore: what is left open is a sentence. A conflict may come from another call of the same
 * restore, at the same moment: what that one has asked for is as good as our own.
 *
 * @throws {Refusal} when the cloud refuses it: nothing has been made or changed by it.
 */
export async function send<T>(
  request: () => Promise<T>,
  look: () => Promise<T | undefined>,
  remedies: Remedies,
): Promise<{ done: T } | { unsure: string }> {
  try {
    const sent = await sendOnce(request, look);
    if ('done' in sent) return sent;
    return { unsure: `${sentence(sent.unsure.message)}. Nothing is to be seen of it yet` };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const done = error.code === 'CONFLICT' ? await look() : undefined;
    if (done !== undefined) return { done };
    throw new Refusal('The cloud refuses the restore', [inWords(error, remedies)]);
  }
}

/** What the cloud says is for people: what can be done about it follows from the kind of the error alone. */
function inWords(error: CloudError, remedies: Remedies): string {
  const remedy = { FORBIDDEN: QUOTA, OVER_QUOTA: QUOTA, ...remedies }[error.code];
  return `${sentence(explain(error))}${remedy ? `: ${remedy}` : ''}. Nothing was made or changed`;
}

/** Without its full stop. */
function sentence(text: string): string {
  return text.replace(/[.\s]+$/, '');
}
