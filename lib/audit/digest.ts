import { ADHOC } from '../config/adhoc-event.ts';
import { HOUR_MS } from '../config/dates.ts';
import { printable } from '../openstack/printable.ts';
import { keyOf, type Reason } from '../reporting/reasons.ts';
import type { Entry, Report } from '../reporting/report.ts';
import { DIGEST, type PageLinks, unlistedText } from '../reporting/sentences/digest.ts';
import { droppedText } from '../reporting/sentences/dropped.ts';
import { CLAUSES, headlineText } from '../reporting/sentences/headline.ts';
import { serverRestorableText, worstRecoveryText } from '../reporting/sentences/recovery.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { findingText, sentenceOf } from '../reporting/sentences.ts';
import { copiedServers } from './copy-freshness.ts';
import { provenServers, provenWithoutVolumes } from './drill-results.ts';
import { failuresIn } from './failures.ts';
import { clausesOf } from './headline.ts';
import type { Audit, AuditedSeries } from './model.ts';
import { type Naming, namingOf } from './naming.ts';
import { recoveries, worstRecoveries } from './recovery.ts';
import { unreportedWarnings } from './reported-warnings.ts';
import { isExpected, worstFirst } from './series-states.ts';
import { hasOtherTrouble, isLate, SERIES_TROUBLES, type SeriesTrouble } from './troubles.ts';

const MOST_LINES = 20;

/** A snapshot that was requested later may be missing in the listing of the audit. */
const LISTED_MS = HOUR_MS;

/** A quota that the snapshots use up within this time makes a day not good. */
const QUOTA_DAYS = 7;

/** The e-mail about a day, in plain text. */
export interface Digest {
  /** Only ASCII characters, as SNS requires. */
  subject: Sentence;
  text: Sentence;
  /**
   * Whether nothing failed, no server is late, each policy selects servers, no quota is used up
   * within a week, and everything could be read.
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
  const failed = failures.open.filter(({ key }) => !joined.has(key)).map(DIGEST.failure);
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
  const isQuotaNear = audit.warnings.some(
    (warning) => warning.code === 'QUOTA_AHEAD' && warning.days <= QUOTA_DAYS,
  );
  const total = (job: Report['job'], outcome: 'taken' | 'deleted' | 'copied') =>
    runs.reduce((sum, run) => sum + (run.job === job ? (run.totals[outcome] ?? 0) : 0), 0);
  const { failed: givenUp, unfinished, gone } = notGood(runs, audit);
  const totals = {
    taken: total('snapshot', 'taken') - givenUp - unfinished - gone.length,
    failed: givenUp,
    unfinished,
    gone: gone.length,
    copied: runs.some(({ job }) => job === 'offsite') ? total('offsite', 'copied') : undefined,
    deleted: total('cleanup', 'deleted'),
    copiesDeleted: total('offsite', 'deleted'),
    repaired: failures.repaired,
  };
  const text = [
    `${title}.`,
    DIGEST.lastDay(known && totals),
    section('Failed', failed),
    section('No longer covered', audit.dropped.map(droppedText)),
    ...troubles.map(({ title, reasons }) => section(title, reasons.map(sentenceOf))),
    section('To be looked at', [
      ...problems,
      ...unreportedWarnings(audit.warnings, reported).map(findingText),
      // The audit itself warns of ad-hoc snapshots.
      ...gone.filter(({ run }) => run.policy !== ADHOC).map(({ run, entry }) => DIGEST.gone(run, entry)),
    ]),
    section(
      'Not copied',
      series.flatMap((one) =>
        one.copied?.obstacle && isExpected(one)
          ? DIGEST.notCopied(naming.nameOf(one), naming.placeOf(one), one.policy, one.copied.obstacle)
          : [],
      ),
    ),
    section('Not covered by any policy', [
      ...audit.uncovered.map((server) => DIGEST.uncovered(server.name, naming.placeOf(server))),
      ...audit.unlisted.map((place) => unlistedText(place, naming)),
    ]),
    section('Deleted', runs.flatMap(deletedLines)),
    section('Restorable', recoveryLines(audit, naming)),
    provenLine(audit, naming),
    copiesLine(audit, naming),
    DIGEST.storage(audit),
    links && DIGEST.links(links),
  ];
  return {
    subject: DIGEST.subject(audit.owner, title),
    text: text.filter(Boolean).join('\n\n'),
    good: failures.open.length + troubles.length === 0 && !hasOtherTrouble(audit) && !isQuotaNear,
  };
}

/** A line for each problem of the policies; the same problem of several policies is one line. */
function policyProblems({ policies }: Audit, { policyOf }: Naming): string[] {
  const all = policies.flatMap((policy) => policy.problems.map((problem) => ({ ...policy, problem })));
  const isOfSeveral = new Set(policies.map(({ account }) => account)).size > 1;
  return Map.groupBy(all, ({ account, problem }) => keyOf({ account, problem }))
    .values()
    .map((same) => {
      const [first] = same as [(typeof all)[number]];
      const { account, problem } = first;
      return same.length > 1
        ? DIGEST.problemOfPolicies(same.length, isOfSeveral ? account : undefined, problem)
        : DIGEST.problem(policyOf(first), problem);
    })
    .toArray();
}

/** What has become of the snapshots that the runs have requested, if they are not good. */
interface NotGood {
  failed: number;
  unfinished: number;
  /**
   * The images that no longer exist, though no cleanup has deleted them, with the reports of the
   * runs that requested them.
   */
  gone: { run: Report; entry: Entry }[];
}

/**
 * Finds the snapshots that runs have requested, and that the cloud then gave up, has not finished
 * yet, or no longer has. Those whose region can't be read now are not counted.
 */
function notGood(runs: readonly Report[], { at, series, accounts, policies }: Audit): NotGood {
  const snapshots = series.flatMap((one) => one.snapshots);
  const stateOf = new Map(snapshots.map(({ image, state }) => [image, state]));
  const deleted = new Set(
    runs.flatMap(({ job, entries }) => (job === 'cleanup' ? entries.flatMap(deletedImages) : [])),
  );
  const isRead = ({ account, policy }: Report, { region }: Entry) =>
    accounts.some((one) => one.account === account && one.regions.includes(region)) &&
    policies.some((one) => one.account === account && one.readable && isOf(policy, one.policy));
  const requested = runs.flatMap((run) =>
    run.job === 'snapshot'
      ? run.entries.flatMap((entry) => (entry.outcome === 'taken' ? { run, entry } : []))
      : [],
  );
  const states = requested.map(({ entry: { image = '' } }) => stateOf.get(image) ?? 'good');
  const having = (...wanted: string[]) => states.filter((state) => wanted.includes(state)).length;
  return {
    failed: having('failed', 'stuck'),
    unfinished: having('pending', 'unknown'),
    gone: requested.filter(
      ({ run, entry }) =>
        entry.image !== undefined &&
        Date.parse(at) - requestedMs(run, entry) > LISTED_MS &&
        !stateOf.has(entry.image) &&
        !deleted.has(entry.image) &&
        isRead(run, entry),
    ),
  };
}

function requestedMs({ slot = '' }: Report, { delaySeconds = 0 }: Entry): number {
  return Date.parse(slot) + 1000 * delaySeconds;
}

/** Whether snapshots of a run are in the series of a policy; ad-hoc snapshots are in any. */
function isOf(run: string, policy: string): boolean {
  return run === ADHOC || run === policy;
}

function deletedImages({ snapshots = [] }: Entry): string[] {
  return snapshots.flatMap(({ image, outcome }) => (outcome === 'deleted' ? image : []));
}

function section(title: string, lines: readonly Sentence[]): string | undefined {
  if (lines.length === 0) return undefined;
  const more = lines.length > MOST_LINES ? [DIGEST.more(lines.length - MOST_LINES)] : [];
  return [title, ...[...lines.slice(0, MOST_LINES), ...more].map((line) => `- ${printable(line)}`)].join(
    '\n',
  );
}

function provenLine({ at, series }: Audit, { suffixOf }: Naming): string | undefined {
  const proven = provenServers(series);
  return proven.count === 0 ? undefined : DIGEST.proven(proven, provenWithoutVolumes(series), at, suffixOf);
}

/**
 * The worst recovery of all servers, and that of each server, the worst first; empty if no drill
 * has measured any.
 */
function recoveryLines({ at, series }: Audit, { suffixOf }: Naming): Sentence[] {
  const all = recoveries(series, at);
  const worst = worstRecoveries(all);
  if (!worst.time) return [];
  return [
    worstRecoveryText(worst, suffixOf),
    ...all.map((server) => serverRestorableText(server, at, suffixOf)),
  ];
}

function copiesLine({ at, series }: Audit, { suffixOf }: Naming): string | undefined {
  const copied = copiedServers(series);
  const impossible = series.filter((one) => isExpected(one) && one.copied?.obstacle && !one.copied.newest);
  const never = new Set(impossible.map(({ account, region, server }) => `${account} ${region} ${server}`))
    .size;
  return copied.count === 0 ? undefined : DIGEST.copied(copied, never, at, suffixOf);
}

function deletedLines({ job, account, accounts, entries }: Report): string[] {
  return entries.flatMap((entry) => {
    const slots = (entry.snapshots ?? [])
      .filter(({ outcome }) => outcome === 'deleted')
      .map(({ slot }) => slot);
    const of = entry.account ?? (accounts ? account : undefined);
    return slots.length === 0 ? [] : [DIGEST.deleted({ job, account: of }, entry, slots)];
  });
}
