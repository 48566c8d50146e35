import { printableIn } from '../openstack/printable.ts';
import { countsOf, type Reason, type ReasonCode } from '../reporting/reasons.ts';
import { type ReportedFinding, reportedFinding } from '../reporting/report.ts';
import { reported, sentenceOf } from '../reporting/sentences.ts';
import type { Audit, AuditedPolicy, AuditedSeries, Dropped } from './model.ts';
import { sentence } from './sentence.ts';
import { type ListedTrouble, SERIES_TROUBLES } from './troubles.ts';

const MOST_SERIES = 100;

type Brief = Omit<AuditedSeries, 'snapshots'>;

/** A policy, with the codes of its problems to filter by, and the problems in words. */
interface PolicySummary extends Omit<AuditedPolicy, 'problems'> {
  codes: ReasonCode[];
  problems: string[];
}

/**
 * What an audit has found, small enough to be logged and returned; the report page has all of it.
 * The series that are in trouble are listed by its kind, without their snapshots: see troubles.ts.
 */
export interface AuditSummary
  extends Pick<Audit, 'owner' | 'at' | 'uncovered' | 'unlisted' | 'bytes' | 'leftBehindBytes'>,
    Record<ListedTrouble, Brief[]> {
  job: 'audit';
  sentence: string;
  policies: PolicySummary[];
  orphaned: Brief[];
  warnings: ReportedFinding[];
  /** What has dropped out of coverage since earlier audits. */
  dropped: string[];
  /** The same, as far as the event of this audit accepts it. */
  accepted: string[];
  /** What kept the audit itself from being published. */
  failures: ReportedFinding[];
  /**
   * How many of each code: of problems, warnings, what has dropped and failures, those that were
   * left out as well.
   */
  codes: Partial<Record<ReasonCode, number>>;
}

export function summaryOf(
  audit: Audit,
  failures: readonly Reason[],
  accepted: readonly Dropped[] = [],
): AuditSummary {
  const { owner, at, policies, series, dropped, uncovered, unlisted } = audit;
  const { warnings, bytes, leftBehindBytes } = audit;
  const brief = (some: AuditedSeries[]) =>
    some.slice(0, MOST_SERIES).map(({ snapshots: _, ...rest }) => rest);
  const lists = SERIES_TROUBLES.filter(({ isListed }) => isListed).map(({ name, isIn }) => [
    name,
    brief(series.filter(isIn)),
  ]);
  const byTrouble: Record<ListedTrouble, Brief[]> = Object.fromEntries(lists);
  return printableIn({
    job: 'audit',
    owner,
    at,
    sentence: sentence(audit),
    policies: policies.map(({ problems, ...policy }) => {
      const { codes, reasons } = reported(problems);
      return { ...policy, codes, problems: reasons };
    }),
    ...byTrouble,
    orphaned: brief(series.filter(({ state }) => state === 'orphaned')),
    uncovered: uncovered.slice(0, MOST_SERIES),
    unlisted,
    warnings: warnings.slice(0, MOST_SERIES).map(reportedFinding),
    dropped: dropped.slice(0, MOST_SERIES).map(sentenceOf),
    accepted: accepted.slice(0, MOST_SERIES).map(sentenceOf),
    bytes,
    leftBehindBytes,
    failures: failures.map(reportedFinding),
    codes: countsOf([...policies.flatMap(({ problems }) => problems), ...warnings, ...dropped, ...failures]),
  });
}
