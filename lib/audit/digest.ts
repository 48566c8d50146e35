import { printable } from '../openstack/printable.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import type { Report } from '../reporting/report.ts';
import { counted, durationText, minuteText, sizeText, subjectText } from '../reporting/sentences/format.ts';
import { CLAUSES, headlineText } from '../reporting/sentences/headline.ts';
import { findingText, sentenceOf } from '../reporting/sentences.ts';
import { copiedServers } from './copy-freshness.ts';
import { provenServers } from './drill-results.ts';
import { failuresIn } from './failures.ts';
import { clausesOf, worstFirst } from './headline.ts';
import type { Audit, AuditedSeries } from './model.ts';
import { type Naming, namingOf, unlistedText } from './naming.ts';
import type { ServerCount } from './server-count.ts';
import { isLate, SERIES_TROUBLES, type SeriesTrouble } from './troubles.ts';

const MOST_LINES = 20;

/**
 * The links to the report page: in the AWS console, and a presigned one that needs no login for
 * some hours.
 */
export interface PageLinks {
  console: string;
  signed?: { link: string; hours: number };
}

/** The e-mail about a day, in plain text. */
export interface Digest {
  /** Only ASCII characters, as SNS requires. */
  subject: string;
  text: string;
  /**
   * Whether nothing failed, no server is late, no quota is almost used up, and everything could be
   * read.
   */
  good: boolean;
}

/**
 * Creates the digest of the last day: how well the servers are protected, which snapshots were
 * taken and deleted, failures with their remedies, late servers, and the stored size.
 *
 * @param known the reports of the runs of the last day; undefined if they can't be read.
 */
export function digest(
  audit: Audit,
  known: readonly Report[] | undefined,
  links: PageLinks | undefined,
): Digest {
  const runs = known ?? [];
  const naming = namingOf(audit);
  const series = audit.series.toSorted(worstFirst);
  const failures = failuresIn(runs);
  /** The last failure of a late server, which is part of its line. */
  const failureOf = (late: AuditedSeries) =>
    failures.open.findLast(
      ({ ofServer }) =>
        ofServer?.server === late.server &&
        ofServer.region === late.region &&
        ofServer.policy === late.policy &&
        ofServer.account === late.account,
    );
  const reasonOf = (trouble: SeriesTrouble['digest'], one: AuditedSeries): Reason => {
    const reason = trouble.reasonOf(one, naming);
    if (reason.code !== 'SERIES_LATE') return reason;
    const failure = failureOf(one)?.ofServer?.text;
    return failure === undefined ? reason : { ...reason, failure };
  };
  const joined = new Set(series.filter(isLate).map((one) => failureOf(one)?.key));
  const failed = failures.open.filter(({ key }) => !joined.has(key)).map(({ line }) => line);
  const troubles = SERIES_TROUBLES.map(({ isIn, digest: own }) => ({
    title: own.title,
    reasons: series.filter(isIn).map((one) => reasonOf(own, one)),
  })).filter(({ reasons }) => reasons.length > 0);
  const reported = troubles.flatMap(({ reasons }) => reasons);
  const problems = policyProblems(audit, naming);
  const title = headlineText([
    ...clausesOf(audit),
    ...(failed.length > 0 ? [CLAUSES.failures(failed.length)] : []),
  ]);
  const isQuotaAhead = audit.warnings.some(({ code }) => code === 'QUOTA_AHEAD');
  const isNamed = /autosnap/i.test(audit.owner);
  const total = (job: Report['job'], outcome: 'taken' | 'deleted' | 'copied') =>
    runs.reduce((sum, run) => sum + (run.job === job ? (run.totals[outcome] ?? 0) : 0), 0);
  const taken = total('snapshot', 'taken');
  const copied = runs.some(({ job }) => job === 'offsite') ? `, ${total('offsite', 'copied')} copied` : '';
  const text = [
    `${title}.`,
    known
      ? `In the last 24 hours ${counted(taken, 'snapshot')} ${taken === 1 ? 'was' : 'were'} taken${copied}, and ${total('cleanup', 'deleted')} deleted.${repairedText(failures.repaired)}`
      : 'What was taken, deleted or failed in the last 24 hours is not known: the reports of the runs cannot be read.',
    section('Failed', failed),
    section('No longer covered', audit.dropped.map(sentenceOf)),
    ...troubles.map(({ title, reasons }) => section(title, reasons.map(sentenceOf))),
    section('To be looked at', [
      ...problems,
      ...audit.warnings.filter((warning) => !isReported(warning, reported)).map(findingText),
    ]),
    section('Not covered by any policy', [
      ...audit.uncovered.map((server) => `${server.name} in ${naming.placeOf(server)}`),
      ...audit.unlisted.map((place) => unlistedText(place, naming.placeOf)),
    ]),
    section('Deleted', runs.flatMap(deletedLines)),
    provenLine(audit, naming),
    copiesLine(audit, naming),
    storage(audit),
    links && linkLines(links),
  ];
  return {
    subject: subjectText(`${isNamed ? '' : 'Autosnap '}${audit.owner}: ${title}`),
    text: text.filter(Boolean).join('\n\n'),
    good:
      failures.open.length + troubles.length + problems.length + audit.dropped.length === 0 && !isQuotaAhead,
  };
}

/** A line for each problem of the policies; the same problem of several policies is one line. */
function policyProblems({ policies }: Audit, { policyOf }: Naming): string[] {
  const all = policies.flatMap((policy) => policy.problems.map((problem) => ({ ...policy, problem })));
  const isOfSeveral = new Set(policies.map(({ account }) => account)).size > 1;
  return Map.groupBy(all, ({ account, problem }) => JSON.stringify([account, problem]))
    .values()
    .map((same) => {
      const [first] = same as [(typeof all)[number]];
      const several = `${same.length} policies${isOfSeveral ? ` of ${first.account}` : ''}`;
      return `${same.length > 1 ? several : policyOf(first)}: ${sentenceOf(first.problem)}`;
    })
    .toArray();
}

/** Whether the lines of the troubles already say what a warning says. */
function isReported(warning: Finding, reported: readonly Reason[]): boolean {
  switch (warning.code) {
    case 'SERIES_NOT_ROTATING':
      return reported.some(({ code }) => code === 'SERIES_NOT_ROTATED');
    case 'ADHOC_SNAPSHOT_FAILED':
    case 'FAILED_IMAGE_HELD':
    case 'IMAGE_STUCK':
      return reported.flatMap(imagesOf).includes(warning.image);
    default:
      return false;
  }
}

function imagesOf(reason: Reason): readonly string[] {
  switch (reason.code) {
    case 'SERIES_FAILED':
    case 'SERIES_ADHOC_FAILED':
    case 'SERIES_STUCK':
      return reason.images;
    default:
      return [];
  }
}

function linkLines({ console, signed }: PageLinks): string {
  return signed
    ? `The report page, for ${signed.hours} hours at most:\n${signed.link}\nLater, signed in to AWS:\n${console}`
    : `The report page, signed in to AWS:\n${console}`;
}

/** " 2 failures were repaired by a later run." */
function repairedText(count: number): string {
  return count > 0
    ? ` ${counted(count, 'failure')} ${count === 1 ? 'was' : 'were'} repaired by a later run.`
    : '';
}

function section(title: string, lines: readonly string[]): string | undefined {
  if (lines.length === 0) return undefined;
  const more = lines.length > MOST_LINES ? [`- … and ${lines.length - MOST_LINES} more`] : [];
  return [title, ...lines.slice(0, MOST_LINES).map((line) => `- ${printable(line)}`), ...more].join('\n');
}

/**
 * "Copied: 5 of 7 servers; the oldest is that of web-1, 3 days". Empty if the count is of no
 * servers.
 */
function censusLine(
  what: string,
  { count, holding, oldest }: ServerCount,
  at: string,
  { suffixOf }: Naming,
): string | undefined {
  if (count === 0) return undefined;
  const since = oldest
    ? `; the oldest is that of ${printable(oldest.name)}${suffixOf(oldest)}, ${durationText(Date.parse(at) - Date.parse(oldest.since))}`
    : '';
  return `${what}: ${holding} of ${counted(count, 'server')}${since}`;
}

function provenLine({ at, series }: Audit, naming: Naming): string | undefined {
  const line = censusLine('Proven by a drill', provenServers(series), at, naming);
  return line && `${line}.`;
}

function copiesLine({ at, series }: Audit, naming: Naming): string | undefined {
  const line = censusLine('Copied', copiedServers(series), at, naming);
  const never = series.filter(({ copied }) => copied?.obstacle && !copied.newest).length;
  return line && `${line}${never > 0 ? `; ${never} can't be` : ''}.`;
}

function deletedLines({ job, account, accounts, entries }: Report): string[] {
  const what = job === 'offsite' ? 'copies of ' : '';
  return entries.flatMap(({ name, server, region, policy, snapshots = [], ...entry }) => {
    const of = entry.account ?? (accounts ? account : undefined);
    const slots = snapshots
      .filter(({ outcome }) => outcome === 'deleted')
      .map(({ slot }) => minuteText(slot));
    return slots.length === 0
      ? []
      : [`${what}${name || server} in ${region}${of ? ` (${of})` : ''}, ${policy}: ${slots.join(', ')}`];
  });
}

function storage({ bytes, unmanagedBytes, unlisted, monthlyCost }: Audit): string {
  const least = unlisted.length > 0 ? 'at least ' : '';
  const cost = monthlyCost === undefined ? '' : `, ${monthlyCost.toFixed(2)} a month`;
  const left = unmanagedBytes > 0 ? ` No policy rotates ${sizeText(unmanagedBytes)} of it.` : '';
  return `Stored: ${least}${sizeText(bytes)}${cost}.${left}`;
}
