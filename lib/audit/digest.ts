import { printable } from '../openstack/printable.ts';
import type { Report } from '../reporting/report.ts';
import { findingText, sentenceOf } from '../reporting/sentences.ts';
import { copiedServers } from './copied.ts';
import { counted, durationText, minuteText, sizeText } from './format.ts';
import type { Audit } from './model.ts';
import { provenServers } from './proof.ts';
import { sentence, worstFirst } from './sentence.ts';
import type { ServerCount } from './server-count.ts';
import { SERIES_TROUBLES } from './troubles.ts';

const MOST_LINES = 20;
const LONGEST_SUBJECT = 100;

/** The links to the report page: in the AWS console, and one that anybody can open for some hours. */
export interface PageLinks {
  console: string;
  signed?: { link: string; hours: number };
}

/** A day in plain text, for an e-mail. */
export interface Digest {
  /** ASCII, as SNS wants it. */
  subject: string;
  text: string;
  /** Nothing failed, nothing is late, and all could be read. */
  good: boolean;
}

/**
 * What a person should know of the last day: how well all is protected, what was taken and deleted,
 * what failed and what to do, what is late, and how much is stored.
 *
 * @param runs what the runs of the last day have reported.
 */
export function digest(audit: Audit, runs: readonly Report[], links: PageLinks | undefined): Digest {
  const series = audit.series.toSorted(worstFirst);
  const troubles = SERIES_TROUBLES.flatMap(({ isIn, digest: told }) =>
    told
      ? [{ title: told.title, lines: series.filter(isIn).map((one) => sentenceOf(told.reasonOf(one))) }]
      : [],
  ).filter(({ lines }) => lines.length > 0);
  const failures = [...new Set(runs.flatMap(failuresOf))];
  const problems = audit.policies.flatMap(({ policy, problems: own }) =>
    own.map((problem) => `${policy}: ${sentenceOf(problem)}`),
  );
  const headline = sentence(audit);
  const total = (job: Report['job'], outcome: 'taken' | 'deleted' | 'copied') =>
    runs.reduce((sum, run) => sum + (run.job === job ? (run.totals[outcome] ?? 0) : 0), 0);
  const taken = total('snapshot', 'taken');
  const copied = runs.some(({ job }) => job === 'offsite') ? `, ${total('offsite', 'copied')} copied` : '';
  const text = [
    `${headline}.`,
    `In the last 24 hours ${counted(taken, 'snapshot')} ${taken === 1 ? 'was' : 'were'} taken${copied}, and ${total('cleanup', 'deleted')} deleted.`,
    section('Failed', failures),
    section('No longer covered', audit.dropped.map(sentenceOf)),
    ...troubles.map(({ title, lines }) => section(title, lines)),
    section('To be looked at', [...problems, ...audit.warnings.map(findingText)]),
    section(
      'Not covered by any policy',
      audit.uncovered.map(({ name, region }) => `${name} in ${region}`),
    ),
    section('Deleted', runs.flatMap(deletedLines)),
    provenLine(audit),
    copiesLine(audit),
    storage(audit),
    links && linkLines(links),
  ];
  return {
    subject: ascii(`Autosnap ${audit.owner}: ${headline}`).slice(0, LONGEST_SUBJECT),
    text: text.filter(Boolean).join('\n\n'),
    good: failures.length + troubles.length + problems.length + audit.dropped.length === 0,
  };
}

function linkLines({ console, signed }: PageLinks): string {
  return signed
    ? `The report page, for ${signed.hours} hours at most:\n${signed.link}\nLater, signed in to AWS:\n${console}`
    : `The report page, signed in to AWS:\n${console}`;
}

function section(title: string, lines: readonly string[]): string | undefined {
  if (lines.length === 0) return undefined;
  const more = lines.length > MOST_LINES ? [`- … and ${lines.length - MOST_LINES} more`] : [];
  return [title, ...lines.slice(0, MOST_LINES).map((line) => `- ${printable(line)}`), ...more].join('\n');
}

/** A retry fails the same way: so the lines do not say when. */
function failuresOf({ job, policy, account, accounts, failures, entries }: Report): string[] {
  const run = accounts ? `${job} ${policy} of ${account}` : `${job} ${policy}`;
  return [
    ...failures.map((failure) => `${run}: ${failure}`),
    ...entries.flatMap(({ name, server, region, outcome, reason, snapshots = [] }) => {
      const where = `${run}: ${name || server} in ${region}`;
      if (outcome !== 'failed') return [];
      const failed = snapshots.filter((s) => s.outcome === 'failed');
      return failed.length === 0
        ? [`${where}: ${reason ?? 'failed'}`]
        : failed.map(
            ({ slot, reasons }) => `${where}: snapshot of ${minuteText(slot)}: ${reasons.join('; ')}`,
          );
    }),
  ];
}

/**
 * "Copied: 5 of 7 servers; the oldest is that of web-1, 3 days". Nothing where it is asked of no
 * server.
 */
function censusLine(what: string, { count, holding, oldest }: ServerCount, at: string): string | undefined {
  if (count === 0) return undefined;
  const since = oldest
    ? `; the oldest is that of ${printable(oldest.name)}, ${durationText(Date.parse(at) - Date.parse(oldest.since))}`
    : '';
  return `${what}: ${holding} of ${counted(count, 'server')}${since}`;
}

function provenLine({ at, series }: Audit): string | undefined {
  const line = censusLine('Proven by a drill', provenServers(series), at);
  return line && `${line}.`;
}

function copiesLine({ at, series }: Audit): string | undefined {
  const line = censusLine('Copied', copiedServers(series), at);
  const never = series.filter(({ copied }) => copied?.obstacle).length;
  return line && `${line}${never > 0 ? `; ${never} can't be` : ''}.`;
}

function deletedLines({ job, entries }: Report): string[] {
  const what = job === 'offsite' ? 'copies of ' : '';
  return entries.flatMap(({ name, server, region, policy, snapshots = [] }) => {
    const slots = snapshots
      .filter(({ outcome }) => outcome === 'deleted')
      .map(({ slot }) => minuteText(slot));
    return slots.length === 0
      ? []
      : [`${what}${name || server} in ${region}, ${policy}: ${slots.join(', ')}`];
  });
}

function storage({ bytes, monthlyCost }: Audit): string {
  const cost = monthlyCost === undefined ? '' : `, ${monthlyCost.toFixed(2)} a month`;
  return `Stored: ${sizeText(bytes)}${cost}.`;
}

function ascii(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
