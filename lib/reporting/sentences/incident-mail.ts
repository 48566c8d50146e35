import { printable } from '../../openstack/printable.ts';
import type { Reason } from '../reasons.ts';
import { sentencesOf, titleOf } from '../sentences.ts';
import { minuteText, subjectText } from './format.ts';
import type { Sentence } from './sentence.ts';

/** The length of an error's message in an e-mail. */
const MOST_CHARACTERS = 500;

/** The headline of an incident of several problems; `title` is that of the first. */
export const HEADLINES = {
  servers: (count: number, title: Sentence): Sentence => `${count} servers, the worst is ${title}`,
  accounts: (count: number): Sentence => `${count} accounts can't be read`,
  others: (count: number, title: Sentence): Sentence => `${title}, and ${count - 1} more`,
};

/** The parts of an incident's problem that its texts need; see lib/incidents/problem.ts. */
interface ProblemText {
  account: string;
  namesAccount?: boolean;
  reasons: readonly Reason[];
}

/** The problem and its place, for the subject of a mail. */
export function problemTitle({ account, namesAccount, reasons: [first] }: ProblemText): Sentence {
  return namesAccount ? `${titleOf(first!)} (${account})` : titleOf(first!);
}

/** The problem with its causes. */
export function problemText({ account, namesAccount, reasons }: ProblemText): Sentence {
  const text = sentencesOf(reasons.map((reason, i) => continuing(reasons[i - 1], reason)));
  return namesAccount ? `${account}: ${text}` : text;
}

/** A trouble that follows another one of the same series, which it need not name again. */
function continuing(before: Reason | undefined, reason: Reason): Reason {
  if (before?.code !== 'SERVER_IN_TROUBLE' || reason.code !== 'SERVER_IN_TROUBLE') return reason;
  const [a, b] = [before.problem, reason.problem];
  const isSame = a.server === b.server && a.where === b.where && a.policy === b.policy;
  return isSame ? { ...reason, problem: { ...b, isContinued: true } } : reason;
}

/** The parts of an e-mail about incidents. */
export const MAIL = {
  /** @param more how many other things the e-mail is about. */
  subject: (owner: string, headline: Sentence, more = 0) =>
    subjectText(`Autosnap ${owner}: ${headline}`, more > 0 ? ` (and ${more} more)` : ''),
  begun: (title: Sentence) => title,
  again: (title: Sentence) => `again: ${title}`,
  still: (title: Sentence) => `still: ${title}`,
  ended: (title: Sentence) => `ended: ${title}`,
  since: (time: string) => `Since ${minuteText(time)} UTC.`,
  more: (count: number) => `… and ${count} more`,
  everything: (headline: Sentence) => `All servers: ${headline}.`,
};

/** What to do, each remedy once; undefined if there are none. */
export function remediesText(remedies: readonly Sentence[]): Sentence | undefined {
  if (remedies.length === 0) return undefined;
  return ['What to do:', ...[...new Set(remedies)].map((one) => `- ${one}`)].join('\n');
}

/** What the e-mail says of a problem that comes and goes. */
export const RECURS =
  'The problem recurs. You get the next e-mail once it has been present, or absent, for a whole day.';

/** What the e-mail says of a problem that came and went, or joined another one, and then stayed. */
export const LASTS = 'It has lasted for a day now.';

/** What the e-mail says of problems that are over. The audit does not know why they are. */
export const ENDED = 'Ended: the audit no longer sees this:';

/** The texts of the e-mail in place of one that the topic has refused. */
export function refusedMailTexts(
  subject: Sentence,
  message: string,
  stage: string,
): Record<'subject' | 'text', Sentence> {
  return {
    subject: 'an e-mail about an incident was refused',
    text: [
      `The topic of alerts has refused this e-mail twice: "${subject}". It is not sent again.`,
      `The error: ${printable(message).slice(0, MOST_CHARACTERS)}`,
      `What it was about is on the report page: npx autosnap report --stage ${stage}`,
    ].join('\n\n'),
  };
}
