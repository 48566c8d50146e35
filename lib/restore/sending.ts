import { type CloudError, explain, isCloudError } from '../openstack/errors.ts';
import { Refusal } from '../refusal.ts';
import { sendOnce } from '../sending.ts';

/**
 * {@link sendOnce} for a restore: what is left open is a sentence on what to do.
 *
 * @throws {Refusal} when the cloud refuses it: nothing has been made or changed by it.
 */
export async function send<T>(
  request: () => Promise<T>,
  look: () => Promise<T | undefined>,
): Promise<{ done: T } | { unsure: string }> {
  try {
    const sent = await sendOnce(request, look);
    if ('done' in sent) return sent;
    return {
      unsure: `${sentence(sent.unsure.message)}. Nothing is to be seen of it yet: call again with the same "request", which looks first`,
    };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    throw new Refusal('The cloud refuses the restore', [inWords(error)]);
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
