import { headline } from '../audit/headline.ts';
import type { Audit } from '../audit/model.ts';
import { printable } from '../openstack/printable.ts';
import type { Reason } from '../reporting/reasons.ts';
import { pageLinkText } from '../reporting/sentences/digest.ts';
import { dropRemedies, incidentRemedies } from '../reporting/sentences/incident.ts';
import {
  ENDED,
  HEADLINES,
  LASTS,
  MAIL,
  problemText,
  problemTitle,
  RECURS,
  refusedMailTexts,
  remediesText,
} from '../reporting/sentences/incident-mail.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { sentenceOf, titleOf } from '../reporting/sentences.ts';
import type { Incident } from './incident-log.ts';
import { codesOfProblem, droppedIn, type Problem, problemCount } from './problem.ts';

const MOST_LINES = 20;
/** How many accounts or regions that can't be read an incident names. */
const MOST_ACCOUNTS = 10;

/** A message for the topic of alerts. */
export interface Mail {
  subject: Sentence;
  text: Sentence;
}

interface News {
  begun: readonly Incident[];
  /** Problems that came and went, or joined an incident, and have lasted for a day. */
  lasting: readonly Incident[];
  ended: readonly Incident[];
  /** How many failed runs wait for a rerun, if people have not been notified yet. */
  failedRuns: number;
  /** How many messages of the queue could not be read since the last audit. */
  rejected: number;
}

/** The service and the stage in the commands of a mail, and the page in the AWS console. */
interface Links {
  service: string;
  stage: string;
  console: string | undefined;
}

/**
 * The mail about incidents that began, lasted or ended, in plain text: each problem with its place
 * and cause, and the commands that help. Undefined if nothing changed.
 */
export function incidentMail(audit: Audit, news: News, { service, stage, console }: Links): Mail | undefined {
  const { begun, lasting, ended, failedRuns, rejected } = news;
  const current = [...begun, ...lasting];
  const waiting: Reason[] = [
    ...(rejected > 0 ? [{ code: 'MESSAGES_REJECTED', count: rejected } as const] : []),
    ...(failedRuns > 0 ? [{ code: 'RUNS_WAITING', count: failedRuns } as const] : []),
  ];
  const headlines = [
    ...begun.map((incident) => (recurs(incident) ? MAIL.again : MAIL.begun)(incident.title ?? '')),
    ...lasting.map(({ title = '' }) => MAIL.still(title)),
    ...waiting.map(titleOf),
    ...ended.map((incident) => MAIL.ended(endedTitle(incident))),
  ];
  const [first, ...more] = headlines;
  if (first === undefined) return undefined;
  const remedies = remediesText([
    ...current.flatMap(({ problems }) =>
      differentOnes(problems).flatMap(([problem, ...same]) => {
        const accounts = [...new Set([problem!, ...same].map(({ account }) => account))];
        return remediableReasons(problem!).flatMap((reason) =>
          incidentRemedies(reason, { service, stage, accounts }),
        );
      }),
    ),
    ...dropRemedies(begun.flatMap(({ problems }) => problems.slice(0, MOST_LINES)).flatMap(droppedIn), stage),
    ...waiting.flatMap((reason) => incidentRemedies(reason, { service, stage, accounts: [] })),
  ]);
  const paragraphs = [
    ...begun.map((incident) => [paragraph(incident), ...(recurs(incident) ? [RECURS] : [])].join(' ')),
    ...lasting.map((incident) => `${paragraph(incident)} ${LASTS}`),
    ...waiting.map(sentenceOf),
    ...(remedies === undefined ? [] : [remedies]),
    ...ended.map((incident) => `${ENDED}\n${paragraph(incident)}`),
    MAIL.everything(headline(audit)),
    ...(console ? [pageLinkText(console)] : []),
  ];
  return { subject: MAIL.subject(audit.owner, first, more.length), text: paragraphs.join('\n\n') };
}

/** The mail in place of one that the topic refuses: short, and in ASCII. */
export function replacementOf(
  refused: Mail,
  { message }: Error,
  { owner, stage }: { owner: string; stage: string },
): Mail {
  const { subject, text } = refusedMailTexts(refused.subject, message, stage);
  return { subject: MAIL.subject(owner, subject), text };
}

/** The problems of an incident's kind by their causes: their consequences need no remedy. */
function differentOnes(problems: readonly Problem[]): Problem[][] {
  const own = problems.filter(({ kind }) => kind === problems[0]!.kind);
  return [...Map.groupBy(own, (problem) => codesOfProblem(problem).join()).values()];
}

/** The reasons of a problem that need a remedy; that a server is late only without another one. */
function remediableReasons({ reasons }: Problem): Reason[] {
  const causes = reasons.filter(
    (reason) =>
      reason.code !== 'SERVER_IN_TROUBLE' ||
      reason.problem.code !== 'SERIES_LATE' ||
      reason.problem.cause !== undefined,
  );
  return causes.length > 0 ? causes : reasons;
}

/**
 * What has ended, without its consequences: not always what the incident began with, which may be
 * part of another incident by now.
 */
function endedTitle({ problems }: Incident): Sentence {
  const causes = problems.filter(({ joined }) => !joined);
  const [first] = causes.length > 0 ? causes : problems;
  const same = problems.filter(({ kind, joined }) => kind === first!.kind && joined === first!.joined);
  // Servers that joined later were counted before among those that a record did not name.
  const isUnnamed = ({ reasons: [reason] }: Problem) => reason?.code === 'SERVERS_FAILED';
  const own = same.some(isUnnamed) ? same.filter(({ added }) => !added) : same;
  const counts = own.map((one) => [one.server ?? one.key, problemCount(one)] as const);
  const count = [...new Map(counts).values()].reduce((sum, one) => sum + one, 0);
  const title = problemTitle(first!);
  return count > 1 ? HEADLINES.others(count, title) : title;
}

function recurs({ problems }: Incident): boolean {
  return problems.some((problem) => problem.recurs);
}

function paragraph({ since, problems }: Incident): string {
  const most = problems[0]!.kind === 'unreadable' ? MOST_ACCOUNTS : MOST_LINES;
  const named = problems.slice(0, most);
  const more = problems.slice(most).reduce((sum, problem) => sum + problemCount(problem), 0);
  return [
    ...[...named.map(problemText), ...(more > 0 ? [MAIL.more(more)] : [])].map(
      (line) => `- ${printable(line)}`,
    ),
    MAIL.since(since),
  ].join('\n');
}
