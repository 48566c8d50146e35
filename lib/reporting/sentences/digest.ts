import type { Audit } from '../../audit/model.ts';
import type { Naming } from '../../audit/naming.ts';
import type { ServerCount } from '../../audit/server-count.ts';
import { printable } from '../../openstack/printable.ts';
import type { Reason } from '../reasons.ts';
import type { Entry, Report, SnapshotLine } from '../report.ts';
import { sentenceOf } from '../sentences.ts';
import { counted, durationText, minuteText, sizeText, subjectText } from './format.ts';
import type { Sentence } from './sentence.ts';

/**
 * The links to the report page: in the AWS console, and a presigned one that needs no login for
 * some hours.
 */
export interface PageLinks {
  console: string;
  signed?: { link: string; hours: number };
}

/** A line about what failed in a run. */
export function failedRunLine(
  { job, policy, account, accounts }: Pick<Report, 'job' | 'policy' | 'account' | 'accounts'>,
  text: Sentence,
): Sentence {
  return `${accounts ? `${job} ${policy} of ${account}` : `${job} ${policy}`}: ${text}`;
}

/** A line about a server that failed in a run. */
export function failedServerLine(run: Report, { name, server, region }: Entry, text: Sentence): Sentence {
  return failedRunLine(run, `${name || server} in ${region}: ${text}`);
}

/** Why a snapshot failed, with its slot. */
export function failedSnapshotText({ slot, reasons }: SnapshotLine): Sentence {
  return `snapshot of ${minuteText(slot)}: ${reasons.join('; ')}`;
}

/** The lines of the digest, besides the sentences of reasons. */
export const DIGEST = {
  subject: (owner: string, headline: Sentence) =>
    subjectText(`${/autosnap/i.test(owner) ? '' : 'Autosnap '}${owner}: ${headline}`),
  /** @param totals what the runs did; undefined if their reports can't be read. */
  lastDay: (totals: LastDay | undefined) =>
    totals
      ? `In the last 24 hours ${counted(totals.taken, 'snapshot')} ${was(totals.taken)} taken${totals.copied === undefined ? '' : `, ${totals.copied} copied`}, and ${totals.deleted} deleted.${copiesText(totals)}${notGoodText(totals)}${repairedText(totals.repaired)}`
      : 'What was taken, deleted or failed in the last 24 hours is not known: the reports of the runs cannot be read.',
  /** "… (71 times, last for 2026-11-23 06:00)" */
  failure({ line, times, slot }: { line: Sentence; times: number; slot?: string | undefined }): Sentence {
    const last = slot === undefined ? '' : `, last for ${minuteText(slot)}`;
    return times > 1 ? `${line} (${times} times${last})` : line;
  },
  problem: (policy: string, problem: Reason) => `${policy}: ${sentenceOf(problem)}`,
  problemOfPolicies: (count: number, account: string | undefined, problem: Reason) =>
    `${count} policies${account === undefined ? '' : ` of ${account}`}: ${sentenceOf(problem)}`,
  /** A snapshot that a run has requested, and that no longer exists. */
  gone: ({ policy, account, accounts, slot = '' }: Report, { name, server, region, image = '' }: Entry) =>
    `the snapshot ${image} of ${name || server} in ${region}${accounts ? ` (${account})` : ''}, ${policy}, taken ${minuteText(slot)}, does not exist any more: if nobody deleted or renamed it, the cloud could not finish it, and the next run takes another`,
  notCopied: (name: string, place: string, policy: string, obstacle: Reason) =>
    `${name} in ${place}, ${policy}: ${sentenceOf(obstacle)}`,
  uncovered: (name: string, place: string) => `${name} in ${place}`,
  more: (count: number) => `… and ${count} more`,
  /** "web-1 in DFW, daily: 2026-11-20 00:00, 2026-11-19 00:00" */
  deleted: (
    { job, account }: { job: Report['job']; account: string | undefined },
    { name, server, region, policy }: Entry,
    slots: readonly string[],
  ) =>
    `${job === 'offsite' ? 'copies of ' : ''}${name || server} in ${region}${account ? ` (${account})` : ''}, ${policy}: ${slots.map(minuteText).join(', ')}`,
  proven: (count: ServerCount, without: number, at: string, suffixOf: Naming['suffixOf']) =>
    `${countText('Proven by a drill', count, at, suffixOf)}${without > 0 ? `; ${without} without their volumes` : ''}.`,
  copied: (count: ServerCount, never: number, at: string, suffixOf: Naming['suffixOf']) =>
    `${countText('Copied', count, at, suffixOf)}${never > 0 ? `; ${never} can't be` : ''}.`,
  storage({ bytes, unmanagedBytes, unlisted, monthlyCost }: Audit): string {
    const least = unlisted.length > 0 ? 'at least ' : '';
    const cost = monthlyCost === undefined ? '' : `, ${monthlyCost.toFixed(2)} a month`;
    const left = unmanagedBytes > 0 ? ` No policy rotates ${sizeText(unmanagedBytes)} of it.` : '';
    return `Stored: ${least}${sizeText(bytes)}${cost}.${left}`;
  },
  links: ({ console, signed }: PageLinks) =>
    signed
      ? `The report page, for ${signed.hours} hours at most:\n${signed.link}\nLater, signed in to AWS:\n${console}`
      : pageLinkText(console),
};

/** The link to the report page that needs a login. */
export function pageLinkText(console: string): Sentence {
  return `The report page, signed in to AWS:\n${console}`;
}

/** "not known in ORD, which can't be read" */
export function unlistedText(
  { account, region }: Audit['unlisted'][number],
  { placeOf }: Pick<Naming, 'placeOf'>,
): Sentence {
  const place = region === undefined ? `account ${account}` : placeOf({ account, region });
  return `not known in ${place}, which can't be read`;
}

/** What the runs of a day did. */
interface LastDay {
  /** The snapshots that were requested, without those that failed, are not finished or are gone. */
  taken: number;
  failed: number;
  unfinished: number;
  gone: number;
  /** Undefined if no run made copies. */
  copied: number | undefined;
  deleted: number;
  copiesDeleted: number;
  /** How many failures a later run has repaired. */
  repaired: number;
}

/** " 1 more snapshot failed in the cloud. 2 more snapshots are not finished." */
function notGoodText({ failed, unfinished, gone }: LastDay): string {
  const more = (count: number, what: string) =>
    count > 0 ? ` ${counted(count, 'more snapshot')} ${what}.` : '';
  return (
    more(failed, 'failed in the cloud') +
    more(unfinished, `${unfinished === 1 ? 'is' : 'are'} not finished`) +
    more(gone, gone === 1 ? 'no longer exists' : 'no longer exist')
  );
}

/** " 2 copies were deleted." */
function copiesText({ copiesDeleted: count }: LastDay): string {
  if (count === 0) return '';
  return ` ${count === 1 ? '1 copy was' : `${count} copies were`} deleted.`;
}

/** " 2 failures were repaired by a later run." */
function repairedText(count: number): string {
  return count > 0 ? ` ${counted(count, 'failure')} ${was(count)} repaired by a later run.` : '';
}

function was(count: number): string {
  return count === 1 ? 'was' : 'were';
}

/** "Copied: 5 of 7 servers; the oldest is that of web-1, 3 days" */
function countText(
  what: string,
  { count, holding, oldest }: ServerCount,
  at: string,
  suffixOf: Naming['suffixOf'],
): string {
  const since = oldest
    ? `; the oldest is that of ${printable(oldest.name)}${suffixOf(oldest)}, ${durationText(Date.parse(at) - Date.parse(oldest.since))}`
    : '';
  return `${what}: ${holding} of ${counted(count, 'server')}${since}`;
}
