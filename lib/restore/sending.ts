import { type CloudError, explain, isCloudError } from '../openstack/errors.ts';
import { Refusal } from '../refusal.ts';

/** What became of a request: its result, or that nobody knows. */
export type Sent<T> = { done: T } | { unsure: string };

/**
 * Sends a request that must not be carried out twice. When its answer leaves it open whether it was carried out, `look`
 * looks for its result; it is never sent again in the same call.
 *
 * @throws {Refusal} when the cloud refuses it: nothing has been made or changed by it.
 */
export async function send<T>(
  request: () => Promise<T>,
  look: () => Promise<T | undefined>,
): Promise<Sent<T>> {
  try {
    return { done: await request() };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    if (!isCloudError(error, 'NO_ANSWER', 'UNAVAILABLE', 'BAD_ANSWER', 'OUT_OF_TIME')) {
      throw new Refusal('The cloud refuses the restore', [inWords(error)]);
    }
    const found = await look().catch((failure) => {
      if (!isCloudError(failure)) throw failure;
      return undefined;
    });
    if (found !== undefined) return { done: found };
    return {
      unsure: `${sentence(error.message)}. Nothing is to be seen of it yet: call again with the same "request", which looks first`,
    };
  }
}

/** What to do about what Nova says, by what it says. */
const REMEDIES: [RegExp, string][] = [
  [/quota|exceeds|used up/i, 'free some of it, or have it raised'],
  [
    /multiple possible networks|network.*(not be found|ambiguous)|networks?\b/i,
    'give "networks": the ids of networks that there are',
  ],
  [
    /key_?name|key ?pair/i,
    'give the "keyName" of a key pair that the user in the secret has, or null for none',
  ],
  [/security.?group/i, 'give "securityGroups": the names of groups that there are, or []'],
  [/flavor/i, 'give another "flavor"'],
  [/image/i, 'give another "at"'],
];

function inWords(error: CloudError): string {
  const said = sentence(explain(error));
  if (error.code === 'CONFLICT' && /while it is in|busy/i.test(said))
    return `${said}: try again when it is done`;
  const remedy = REMEDIES.find(([about]) => about.test(error.message.replace(/^\[.*?\]\s".*?":/, '')))?.[1];
  return `${said}${remedy ? `: ${remedy}` : ''}. Nothing was made or changed`;
}

/** Without its full stop. */
function sentence(text: string): string {
  return text.replace(/[.\s]+$/, '');
}
