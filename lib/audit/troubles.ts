import type { Reason, SeriesProblem } from '../reporting/reasons.ts';
import type { Report } from '../reporting/report.ts';
import { CLAUSES } from '../reporting/sentences/headline.ts';
import { NOTES } from '../reporting/sentences/page.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { seriesBehind } from './copy-freshness.ts';
import { drillFailed, hasFailedDrill } from './drill-results.ts';
import { failedSnapshotsOf, isHeld } from './failed-snapshots.ts';
import type { Audit, AuditedPolicy, AuditedSeries, AuditedSnapshot, Dropped } from './model.ts';
import type { Naming } from './naming.ts';
import { pointMissed, timeMissed } from './objectives.ts';
import { POLICY_TROUBLES, type PolicyTrouble } from './policy-troubles.ts';
import { isWatched } from './series-states.ts';

const MOST_NAMED = 5;

/** The kinds of trouble of which the summary lists the series. */
export type ListedTrouble = 'late' | 'unproven' | 'pointMissed' | 'timeMissed' | 'behind' | 'notRotating';

/**
 * The kinds of trouble that a series can be in. All reports of trouble use this list: the headline,
 * the page (its icon, the notices and the rows), the digest, the summary, and the metric Troubles.
 */
export interface SeriesTrouble {
  /** The field of the summary that lists the series, and the CSS class of the note on the page. */
  name: ListedTrouble | 'failed' | 'stuck' | 'unknown';
  isIn(series: AuditedSeries): boolean;
  /** The job that the trouble is of: failures of its runs are the same problem in e-mails. */
  job: Report['job'];
  /**
   * The clause of the headline about all series in this trouble. `servers` is the name of the
   * server, or the number of servers. Null if other clauses of the headline have this trouble.
   */
  clauseOf: ((servers: string, its: readonly AuditedSeries[]) => Sentence) | null;
  /**
   * The section of the digest, and the reason for each series in it. A day with such a section is
   * not good. E-mails about a trouble that is counted have the same reason.
   */
  digest: { title: string; reasonOf(series: AuditedSeries, naming: Naming): SeriesProblem };
  /**
   * The notices above the servers on the page about all series in this trouble. With such a notice,
   * the page's icon shows trouble.
   */
  noticesOf?(all: readonly AuditedSeries[], naming: Naming): Reason[];
  /** The note in the row of a series on the page. */
  noteOf?(series: AuditedSeries): Sentence;
  /** Whether the metric Troubles counts this kind of trouble. */
  isCounted: boolean;
  /** Whether the summary lists the series. */
  isListed: boolean;
}

/** The kinds of trouble of series, in the order of the reports. */
export const SERIES_TROUBLES: readonly SeriesTrouble[] = [
  {
    name: 'late',
    isIn: isLate,
    job: 'snapshot',
    // The clauses about protection have it, with the worst server.
    clauseOf: null,
    digest: { title: 'Late', reasonOf: seriesLate },
    isCounted: true,
    isListed: true,
  },
  {
    name: 'unproven',
    isIn: hasFailedDrill,
    job: 'drill',
    clauseOf: CLAUSES.troubles.unproven,
    digest: { title: 'Drills that failed', reasonOf: drillFailed },
    noticesOf: (all, naming) => all.map((one) => drillFailed(one, naming)),
    noteOf: NOTES.drillFailed,
    isCounted: true,
    isListed: true,
  },
  {
    name: 'pointMissed',
    isIn: ({ missed }) => missed?.point !== undefined,
    job: 'snapshot',
    clauseOf: CLAUSES.troubles.pointMissed,
    digest: { title: 'Older than objectives.point', reasonOf: pointMissed },
    noticesOf: (all, naming) => all.map((one) => pointMissed(one, naming)),
    isCounted: true,
    isListed: true,
  },
  {
    name: 'timeMissed',
    isIn: ({ missed }) => missed?.time !== undefined,
    job: 'drill',
    clauseOf: CLAUSES.troubles.timeMissed,
    digest: { title: 'Drills longer than objectives.time', reasonOf: timeMissed },
    noticesOf: (all, naming) => all.map((one) => timeMissed(one, naming)),
    isCounted: true,
    isListed: true,
  },
  {
    name: 'behind',
    isIn: ({ copied }) => copied?.behind === true,
    job: 'offsite',
    clauseOf: CLAUSES.troubles.behind,
    digest: { title: 'Copies that are behind', reasonOf: seriesBehind },
    // One notice for all series, because with many servers their copies are behind for the same
    // reason.
    noticesOf: (all, { nameOf, placeOf }) => [
      {
        code: 'COPIES_BEHIND',
        servers: all
          .slice(0, MOST_NAMED)
          .map((one) => ({ server: nameOf(one), where: placeOf(one), policy: one.policy })),
        more: Math.max(0, all.length - MOST_NAMED),
      },
    ],
    noteOf: ({ copied }) => NOTES.behind(copied!),
    isCounted: false,
    isListed: true,
  },
  // No notice, because a warning of the audit names the snapshots.
  {
    name: 'notRotating',
    isIn: ({ notRotating = 0 }) => notRotating > 0,
    job: 'cleanup',
    // The clauses about policies have it, unless cleanups are missing.
    clauseOf: null,
    digest: { title: 'Not rotated', reasonOf: seriesNotRotated },
    isCounted: false,
    isListed: true,
  },
  {
    name: 'failed',
    isIn: (series) => failedSnapshotsOf(series).length > 0 && isWatched(series),
    job: 'snapshot',
    clauseOf: CLAUSES.troubles.failed,
    digest: { title: 'Snapshots that failed', reasonOf: seriesFailed },
    noticesOf: (all, naming) => all.map((one) => seriesFailed(one, naming)),
    isCounted: true,
    isListed: false,
  },
  {
    name: 'stuck',
    isIn: (series) => series.stuck > 0 && isWatched(series),
    job: 'snapshot',
    clauseOf: CLAUSES.troubles.stuck,
    digest: { title: 'Snapshots that are stuck', reasonOf: seriesStuck },
    noticesOf: (all, naming) => all.map((one) => seriesStuck(one, naming)),
    isCounted: true,
    isListed: false,
  },
  {
    name: 'unknown',
    isIn: (series) => hasUncounted(series) && isWatched(series),
    job: 'snapshot',
    clauseOf: (servers, its) => {
      const uncounted = its.flatMap(uncountedIn);
      return CLAUSES.troubles.unknown(servers, uncounted.length, statusesOf(uncounted));
    },
    digest: { title: 'Snapshots that do not count', reasonOf: seriesUncounted },
    noticesOf: (all, naming) => all.map((one) => seriesUncounted(one, naming)),
    isCounted: true,
    isListed: false,
  },
];

/** Whether a series is late or has no good snapshot. */
export function isLate({ state }: AuditedSeries): boolean {
  return state === 'late' || state === 'never';
}

function seriesLate(series: AuditedSeries, { nameOf, placeOf }: Naming): SeriesProblem {
  const { policy, newestGood, isApart, lateSeconds = 0, cause } = series;
  return {
    code: 'SERIES_LATE',
    server: nameOf(series),
    where: placeOf(series),
    policy,
    ...(newestGood === undefined ? {} : { newestGood }),
    ...(isApart ? { isApart } : {}),
    lateMs: 1000 * lateSeconds,
    ...(cause ? { cause } : {}),
  };
}

/**
 * Whether snapshots of a series have a status that does not count. Without a volume service, which
 * is the cause then, the status of none is known.
 */
function hasUncounted({ unknown, cause }: AuditedSeries): boolean {
  return unknown > 0 && cause?.code !== 'SERIES_REGION_WITHOUT_VOLUMES';
}

function seriesFailed(series: AuditedSeries, naming: Naming): SeriesProblem {
  const snapshots = failedSnapshotsOf(series);
  const failed = imagesOf(series, snapshots, naming);
  if (series.state !== 'adhoc') {
    const held = snapshots.filter(isHeld).map(({ image }) => image);
    return { code: 'SERIES_FAILED', ...failed, ...(held.length > 0 ? { held } : {}) };
  }
  const endless = snapshots.filter(({ expiresAt }) => expiresAt === undefined);
  return { code: 'SERIES_ADHOC_FAILED', ...failed, endless: endless.map(({ image }) => image) };
}

function seriesStuck(series: AuditedSeries, naming: Naming): SeriesProblem {
  const stuck = series.snapshots.filter(({ state }) => state === 'stuck');
  const isVolume = series.volume ? { isVolume: true as const } : {};
  return { code: 'SERIES_STUCK', ...imagesOf(series, stuck, naming), ...isVolume };
}

function seriesUncounted(series: AuditedSeries, naming: Naming): SeriesProblem {
  const uncounted = uncountedIn(series);
  return {
    code: 'SERIES_UNCOUNTED',
    ...imagesOf(series, uncounted, naming),
    statuses: statusesOf(uncounted),
  };
}

function uncountedIn({ snapshots }: AuditedSeries): AuditedSnapshot[] {
  return snapshots.filter(({ state }) => state === 'unknown');
}

function statusesOf(snapshots: readonly AuditedSnapshot[]): string[] {
  return [...new Set(snapshots.map(({ status }) => status))];
}

function imagesOf(series: AuditedSeries, snapshots: readonly AuditedSnapshot[], { nameOf, placeOf }: Naming) {
  return {
    server: nameOf(series),
    where: placeOf(series),
    policy: series.policy,
    images: snapshots.map(({ image }) => image),
  };
}

function seriesNotRotated(series: AuditedSeries, { nameOf, placeOf }: Naming): SeriesProblem {
  const { policy, notRotating = 0 } = series;
  const where = placeOf(series);
  return { code: 'SERIES_NOT_ROTATED', server: nameOf(series), where, policy, count: notRotating };
}

/**
 * Whether there is trouble besides that of series: an item has dropped out of coverage, or a policy
 * selects nothing, misses runs or has another problem.
 */
export function hasOtherTrouble(audit: Pick<Audit, 'policies' | 'dropped'>): boolean {
  return (
    audit.policies.some(({ problems }) => problems.length > 0) ||
    POLICY_TROUBLES.some(({ isIn }) => isIn(audit))
  );
}

/**
 * The kinds of trouble of a policy that count for the metric Troubles.
 *
 * @param policies the policy in each of its accounts.
 * @param series its series.
 * @param dropped the items that have dropped out of its coverage.
 */
export function troublesIn(
  policies: readonly AuditedPolicy[],
  series: readonly AuditedSeries[],
  dropped: readonly Dropped[] = [],
): (SeriesTrouble | PolicyTrouble)['name'][] {
  return [
    ...SERIES_TROUBLES.filter(({ isCounted, isIn }) => isCounted && series.some(isIn)),
    ...POLICY_TROUBLES.filter(({ isIn }) => isIn({ policies, dropped })),
  ].map(({ name }) => name);
}
