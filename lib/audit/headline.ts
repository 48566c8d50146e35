import { printable } from '../openstack/printable.ts';
import type { Reason } from '../reporting/reasons.ts';
import { CLAUSES } from '../reporting/sentences/audit.ts';
import { counted, durationText, shortName } from '../reporting/sentences/format.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { sentenceOf } from '../reporting/sentences.ts';
import { droppedText } from './dropped-text.ts';
import type { Audit, AuditedPolicy, AuditedSeries, SeriesState } from './model.ts';
import { type Naming, namingOf } from './naming.ts';

/**
 * The states of servers that are expected to have snapshots, the worst last. `protected` comes
 * after `waiting`, so that a server counts as protected if one policy protects it and another one
 * waits for its first snapshot.
 */
const RANKS: SeriesState[] = ['waiting', 'protected', 'late', 'never'];

/**
 * A deployment's state in one sentence: `41 of 42 servers protected; web-7 is 3 days late`, or `33
 * of 42 servers protected; 9 servers have no fresh snapshot, the worst is app-1, 3 days late`. The
 * sentence starts with the regions that can't be read, and ends with the snapshots that failed,
 * with what keeps policies from doing what they are configured for, with quotas that are almost
 * used up, and with the items that dropped out of coverage. A server is protected if none of its
 * series is late. A new server without a snapshot is waiting, not protected.
 */
export function sentence(audit: Audit): Sentence {
  return [
    protectionText(audit),
    ...imageTexts(audit),
    ...policyTexts(audit),
    ...quotaTexts(audit),
    ...droppedText(audit),
  ].join('; ');
}

/**
 * The snapshots that failed or are stuck, also of servers that an older snapshot still protects.
 */
function imageTexts({ policies, series }: Audit): string[] {
  const { suffixOf } = namingOf({ policies, series, uncovered: [] });
  const nameOf = (one: AuditedSeries) => `${shortName(one.name || `server ${one.server}`)}${suffixOf(one)}`;
  return (['failed', 'stuck'] as const).flatMap((state) => {
    const servers = new Map(
      series
        .filter((one) => one[state] > 0 && isWatched(one))
        .map((one) => [serverKey(one), nameOf(one)] as const),
    );
    const [name] = servers.values();
    return name === undefined
      ? []
      : [CLAUSES.snapshotsIn[state](servers.size === 1 ? name : counted(servers.size, 'server'))];
  });
}

/** How soon a quota keeps the policies from taking snapshots: the one with the least room. */
function quotaTexts({ warnings }: Audit): string[] {
  const ahead = warnings.filter((one) => one.code === 'QUOTA_AHEAD').sort((a, b) => a.days - b.days);
  return firstOf(ahead, CLAUSES.quotaAhead).map(printable);
}

function protectionText(audit: Audit): string {
  const unreadable = unreadableIn(audit);
  const servers = worstSeriesOfServers(audit);
  if (servers.length === 0) {
    return unreadable.length > 0
      ? `${listed(unreadable)} can't be read: nothing is known of the servers`
      : 'No server is protected: no policy selects one';
  }
  const having = (state: SeriesState) => servers.filter((s) => s.state === state);
  const waiting = having('waiting').length;
  const troubled = [...having('never'), ...having('late')];
  const [worst] = troubled;
  return [
    ...(unreadable.length > 0 ? [`${listed(unreadable)} can't be read`] : []),
    `${unreadable.length > 0 ? 'elsewhere ' : ''}${having('protected').length} of ${servers.length} server${servers.length === 1 ? '' : 's'} protected`,
    ...(worst ? [troubleText(worst, troubled.length, namingOf(audit).suffixOf(worst))] : []),
    ...(waiting > 0
      ? [`${waiting} ${waiting === 1 ? 'waits for its' : 'wait for their'} first snapshot`]
      : []),
  ].join('; ');
}

/**
 * What keeps policies from doing what they are configured for: selectors without servers, missing
 * runs, and snapshots that cleanups do not delete.
 */
function policyTexts({ policies, series }: Audit): string[] {
  const naming = namingOf({ policies, series, uncovered: [] });
  const isEmpty = ({ policy, account }: AuditedPolicy) =>
    !series.some((one) => one.policy === policy && one.account === account && isExpected(one));
  const selecting = series.some(isExpected) ? policies.filter((one) => one.nothingSelected) : [];
  const missing = policies.flatMap((one) =>
    (one.missing ?? []).map((job) => ({ job, policy: naming.policyOf(one), of: one })),
  );
  // Without cleanups no snapshot is deleted, which the clause about the missing runs implies.
  const isCleanupMissing = ({ policy, account }: AuditedSeries) =>
    missing.some((one) => one.job === 'cleanup' && one.of.policy === policy && one.of.account === account);
  const notRotating = new Set(
    series.flatMap((one) => ((one.notRotating ?? 0) > 0 && !isCleanupMissing(one) ? serverKey(one) : [])),
  );
  return [
    ...firstOf(selecting, (one) => CLAUSES.nothingSelected(naming.policyOf(one), isEmpty(one))),
    ...firstOf(missing, CLAUSES.runsMissing),
    ...(notRotating.size > 0 ? [CLAUSES.notRotating(notRotating.size)] : []),
  ].map(printable);
}

/** The text of the first item, with the number of the others; empty without items. */
function firstOf<T>([first, ...more]: readonly T[], textOf: (item: T) => string): string[] {
  if (first === undefined) return [];
  return [`${textOf(first)}${more.length > 0 ? `, and ${more.length} more` : ''}`];
}

/** The worst series of each server that is expected to have snapshots; the most overdue first. */
export function worstSeriesOfServers({ series }: Pick<Audit, 'series'>): AuditedSeries[] {
  const expected = series.filter(isExpected).sort(worstFirst);
  const worstOf = new Map<string, AuditedSeries>();
  for (const one of expected) {
    const server = serverKey(one);
    if (!worstOf.has(server)) worstOf.set(server, one);
  }
  return [...worstOf.values()];
}

function serverKey({ account, region, server }: AuditedSeries): string {
  return `${account} ${region} ${server}`;
}

/**
 * Whether failed and stuck snapshots of a series count as trouble. They do not if the server is
 * gone or no longer selected, because they would then count forever.
 */
export function isWatched(series: AuditedSeries): boolean {
  return isExpected(series) || series.countedBy !== undefined;
}

/** Whether a series is of a server that is expected to have snapshots. */
export function isExpected({ state }: AuditedSeries): boolean {
  return RANKS.includes(state);
}

/** What is wrong with a late series: "3 days late". */
export function lateText({ cause, lateSeconds = 0 }: AuditedSeries): Sentence {
  return cause ? sentenceOf(cause) : `${durationText(1000 * lateSeconds)} late`;
}

/** The reason for a series that is late or has no good snapshot. */
export function seriesLate(series: AuditedSeries, { placeOf }: Naming): Reason<'SERIES_LATE'> {
  const { name, server, policy, newestGood, lateSeconds = 0, cause } = series;
  return {
    code: 'SERIES_LATE',
    server: name || server,
    where: placeOf(series),
    policy,
    ...(newestGood === undefined ? {} : { newestGood }),
    lateMs: 1000 * lateSeconds,
    ...(cause ? { cause } : {}),
  };
}

/** Orders series: the worst state first, then the most overdue, then by name. */
export function worstFirst(a: AuditedSeries, b: AuditedSeries): number {
  return (
    RANKS.indexOf(b.state) - RANKS.indexOf(a.state) ||
    (b.overdue ?? Infinity) - (a.overdue ?? Infinity) ||
    a.name.localeCompare(b.name, 'en', { numeric: true })
  );
}

/**
 * A clause about the servers in trouble: the trouble of the worst server, and the number of
 * servers.
 */
function troubleText(worst: AuditedSeries, count: number, suffix: string): string {
  const name = `${shortName(worst.name || `server ${worst.server}`)}${suffix}`;
  const several = count > 1;
  const subject = several ? `${count} servers have no fresh snapshot, the worst is ${name}` : name;
  if (worst.cause) return `${subject}: ${sentenceOf(worst.cause)}`;
  if (worst.state === 'late') return `${subject}${several ? ', ' : ' is '}${lateText(worst)}`;
  return `${subject}${several ? ', which' : ''} has no good ${worst.policy} snapshot`;
}

/**
 * The regions and accounts that can't be read. A region has its account's name if there are several
 * accounts.
 */
function unreadableIn({ policies }: Audit): string[] {
  const accounts = new Set(policies.map(({ account }) => account));
  const found = policies.flatMap(({ account, unreadable = [] }) =>
    unreadable === 'account'
      ? [`account ${account}`]
      : unreadable.map((region) => (accounts.size > 1 ? `${region} (${account})` : region)),
  );
  return [...new Set(found.map(printable))];
}

function listed(things: string[]): string {
  return things.length < 2 ? things.join() : `${things.slice(0, -1).join(', ')} and ${things.at(-1)}`;
}
