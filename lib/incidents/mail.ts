import { counted, minuteText, subjectText } from '../audit/format.ts';
import type { Audit } from '../audit/model.ts';
import { sentence } from '../audit/sentence.ts';
import { printable } from '../openstack/printable.ts';
import type { Incident } from './incidents.ts';
import type { Problem } from './problem.ts';

const MOST_LINES = 20;

/** A message for the topic of alerts. */
export interface Mail {
  subject: string;
  text: string;
}

interface News {
  begun: readonly Incident[];
  ended: readonly Incident[];
  /** How many failed runs wait for a rerun, if people have not been notified yet. */
  failedRuns: number;
}

/** The stage in the commands of a mail, and the link to the page in the AWS console. */
interface Links {
  stage: string;
  console: string | undefined;
}

/**
 * The mail about incidents that began or ended, in plain text: each problem with its place and
 * cause, and the commands that help. Undefined if nothing changed.
 */
export function incidentMail(audit: Audit, news: News, { stage, console }: Links): Mail | undefined {
  const { begun, ended, failedRuns } = news;
  const waiting = `${counted(failedRuns, 'run')} failed in all tries`;
  const headlines = [
    ...begun.map(({ title = '' }) => title),
    ...(failedRuns > 0 ? [waiting] : []),
    ...ended.map(({ title = '' }) => `ended: ${title}`),
  ];
  const [first, ...more] = headlines;
  if (first === undefined) return undefined;
  const remedies = new Set(begun.flatMap(({ problems: [first] }) => REMEDIES[first!.kind](first!, stage)));
  if (failedRuns > 0) remedies.add(rerun(stage));
  const text = [
    ...begun.map(paragraph),
    ...(failedRuns > 0
      ? [
          `${waiting}, and ${failedRuns === 1 ? 'waits' : 'wait'} for a rerun. A run that was killed, or was no scheduled one, has left no report.`,
        ]
      : []),
    ...(remedies.size > 0 ? [['What to do:', ...[...remedies].map((one) => `- ${one}`)].join('\n')] : []),
    ...ended.map(
      (incident) =>
        `Ended, because this was mended, accepted, deleted or deselected:\n${paragraph(incident)}`,
    ),
    `Everything: ${sentence(audit)}.`,
    ...(console ? [`The report page, signed in to AWS:\n${console}`] : []),
  ];
  const rest = more.length > 0 ? ` (and ${more.length} more)` : '';
  return { subject: subjectText(`Autosnap ${audit.owner}: ${first}`, rest), text: text.join('\n\n') };
}

function paragraph({ since, problems }: Incident): string {
  const more = problems.length - MOST_LINES;
  return [
    ...problems.slice(0, MOST_LINES).map(({ text }) => `- ${printable(text)}`),
    ...(more > 0 ? [`- … and ${more} more`] : []),
    `Since ${minuteText(since)} UTC.`,
  ].join('\n');
}

function rerun(stage: string): string {
  return `once the cause is gone, run again what failed: npx serverless rerun --stage ${stage}`;
}

/** What to do about a problem, with the command. */
const REMEDIES: Record<Problem['kind'], (problem: Problem, stage: string) => string[]> = {
  unreadable: ({ account }, stage) => [
    `look whether the cloud is up and the secret of ${account} is right: npx serverless invoke -f doctor --stage ${stage}`,
    rerun(stage),
  ],
  run: ({ job }, stage) => [
    `read what the run logged: npx serverless logs -f ${job} --stage ${stage}`,
    rerun(stage),
  ],
  missing: ({ job }, stage) => [
    `see that its rule is enabled, and read what its runs logged: npx serverless logs -f ${job} --stage ${stage}`,
  ],
  server: (_, stage) => [`see all servers and their snapshots: npx serverless report --stage ${stage}`],
  dropped: (_, stage) => [
    `correct what is no longer covered, or accept all of it: npx serverless invoke -f audit --stage ${stage} -d '{"acceptDropped": true}'`,
  ],
  policy: ({ policies }) => [
    `correct the servers of ${policies.join(', ')} in serverless.yml, or the metadata of the servers`,
  ],
};
