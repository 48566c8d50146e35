import type { AuditedSeries, Dropped } from '../../audit/model.ts';
import { printable } from '../../openstack/printable.ts';
import type { Reason } from '../reasons.ts';
import { sentenceOf, titleOf } from '../sentences.ts';
import { counted, durationText, joinedByAnd, quotaRoom, shortName, uncountedText } from './format.ts';
import type { Sentence } from './sentence.ts';

/** The clauses of the headline of an audit; lib/audit/headline.ts decides which of them it has. */
export const CLAUSES = {
  nothingKnown: (unreadable: readonly Sentence[]) =>
    `${joinedByAnd(unreadable)} can't be read: nothing is known of the servers`,
  nothingProtected: () => 'No server is protected: no policy selects one',
  unreadable: (unreadable: readonly Sentence[]) => `${joinedByAnd(unreadable)} can't be read`,
  protected: (count: number, of: number, isElsewhere: boolean) =>
    `${isElsewhere ? 'elsewhere ' : ''}${count} of ${counted(of, 'server')} protected`,
  waiting: (count: number) => `${count} ${count === 1 ? 'waits for its' : 'wait for their'} first snapshot`,
  late: lateClause,
  nothingSelected: (policy: string, isEmpty: boolean) =>
    isEmpty ? `${policy} selects no server` : `a selector of ${policy} matches no server`,
  regionUnknown: ({ policy, where }: { policy: string; where: string }) =>
    `${policy} names the region ${where}, which its account does not have`,
  runsMissing: ({ job, policy }: { job: string; policy: string }) =>
    `no ${job} run of ${policy} has succeeded in time`,
  troubles: {
    unproven: (servers: string) => `the last drill of ${servers} failed`,
    pointMissed: (servers: string) => `the snapshots of ${servers} are older than the objective`,
    timeMissed: (servers: string) => `a drill of ${servers} took longer than the objective`,
    behind: (servers: string) => `the copies of ${servers} are behind`,
    failed: (servers: string) => `a snapshot of ${servers} failed`,
    stuck: (servers: string) => `a snapshot of ${servers} is stuck`,
    unknown: (servers: string, count: number, statuses: readonly string[]) =>
      uncountedText(count, ` of ${servers}`, statuses),
  },
  quotaAhead: ({ where, days }: Reason<'QUOTA_AHEAD'>) => `the quota of ${where} has ${quotaRoom(days)}`,
  failures: (count: number) => `${counted(count, 'failure')} in the last day`,
  notRotating: (count: number) => `the snapshots of ${counted(count, 'server')} are not rotating`,
  dropped: (dropped: Dropped) => titleOf(dropped),
  droppedUnknown: (isSomeKnown: boolean) =>
    `the coverage record can't be read, so ${isSomeKnown ? 'other ' : ''}dropped servers are unknown`,
};

/** The clauses in one sentence. */
export function headlineText(clauses: readonly Sentence[]): Sentence {
  return clauses.join('; ');
}

/** The clause of the first item, with the number of the others; empty without items. */
export function firstOf<T>([first, ...more]: readonly T[], clauseOf: (item: T) => Sentence): Sentence[] {
  if (first === undefined) return [];
  return [printable(`${clauseOf(first)}${more.length > 0 ? `, and ${more.length} more` : ''}`)];
}

/** What is wrong with a late series: "3 days late". */
export function lateText({ cause, lateSeconds = 0 }: AuditedSeries): Sentence {
  return cause ? sentenceOf(cause) : `${durationText(1000 * lateSeconds)} late`;
}

/** "db-1", or "db-1, volume data"; with the server's id if its name is not known */
export function seriesNameText(
  { name, server, volume }: Pick<AuditedSeries, 'name' | 'server' | 'volume'>,
  unnamed = server,
): string {
  return `${name || unnamed}${volume ? `, volume ${volume.name}` : ''}`;
}

/**
 * "web-1 in DFW", with a `suffix` that may be empty. The names of the server and of its volume are
 * truncated each, so that an id in place of a name is complete.
 */
export function serverNameText(
  { name, server, volume }: Pick<AuditedSeries, 'name' | 'server' | 'volume'>,
  suffix: string,
): string {
  const short = {
    ...{ name: shortName(name), server },
    ...(volume ? { volume: { ...volume, name: shortName(volume.name) } } : {}),
  };
  return `${seriesNameText(short, `server ${shortName(server)}`)}${suffix}`;
}

/** A region or an account that can't be read. */
export const UNREADABLE_PLACES = {
  account: (account: string) => printable(`account ${account}`),
  region: (region: string, account: string | undefined) =>
    printable(account === undefined ? region : `${region} (${account})`),
};

/** A clause about the servers in trouble: their number, and what is wrong with the worst one. */
function lateClause(worst: AuditedSeries, count: number, suffix: string): string {
  const name = serverNameText(worst, suffix);
  const several = count > 1;
  const subject = several ? `${count} servers have no fresh snapshot, the worst is ${name}` : name;
  if (worst.cause) return `${subject}: ${sentenceOf(worst.cause)}`;
  if (worst.state === 'late') return `${subject}${several ? ', ' : ' is '}${lateText(worst)}`;
  return `${subject}${several ? ', which' : ''} has no good ${worst.policy} snapshot`;
}
