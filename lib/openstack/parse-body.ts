import { CloudError } from './errors.ts';
import { type RequestTarget, requestName } from './pacing.ts';

/**
 * Parses the JSON of an answer; undefined for an empty one.
 *
 * @param hide removes secrets from the messages in the answer.
 * @throws {CloudError} BAD_ANSWER if the answer is no JSON.
 */
export function parseBody(
  { body }: { body: string },
  target: RequestTarget,
  hide: (text: string) => string,
): unknown {
  if (body.trim() === '') return undefined;
  // Calling a function for each value is slow, and few bodies need it.
  const needsReviver = /\\ud[89a-f]|"message"/i.test(body);
  try {
    return needsReviver ? JSON.parse(body, (key, value) => revived(key, value, hide)) : JSON.parse(body);
  } catch {
    // V8's error message would quote the body, which may contain a token.
    throw new CloudError('BAD_ANSWER', `${requestName(target)}: the answer is not complete JSON`, target);
  }
}

/**
 * Replaces lone surrogates, which JSON allows but URLs and requests do not. Removes secrets from
 * texts under the key `message`: the error message of a server or a task is part of a successful
 * response, and may repeat a secret.
 */
function revived(key: string, value: unknown, hide: (text: string) => string): unknown {
  if (typeof value !== 'string') return value;
  return key === 'message' ? hide(value.toWellFormed()) : value.toWellFormed();
}
