import { printableIn } from '../openstack/printable.ts';
import { reportedFinding } from '../reporting/finish-report.ts';
import { countsOf, type Reason, type ReasonCode } from '../reporting/reasons.ts';
import type { ReportedFinding } from '../reporting/report.ts';
import { droppedText } from '../reporting/sentences/dropped.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { reported, sentenceOf } from '../reporting/sentences.ts';
import { headline } from './headline.ts';
import type { Audit, AuditedPolicy, AuditedSeries, Dropped } from './model.ts';
import { type ListedTrouble, SERIES_TROUBLES } from './troubles.ts';

const MOST_SERIES = 100;

type Brief = Omit<AuditedSeries, 'snapshots'>;

/** A policy, with its problems as codes for filters and as sentences. */
interface PolicySummary extends Omit<AuditedPolicy, 'problems' | 'selection'> {
  codes: ReasonCode[];
  problems: Sentence[];
}

/**
 * The result of an audit, short enough to be logged and returned. The report page has the complete
 * result. The series in trouble are listed by the kind of trouble, without their snapshots; see
 * troubles.ts.
 */
export interface AuditSummary
  extends Pick<Audit, 'owner' | 'at' | 'uncovered' | 'unlisted' | 'bytes' | 'unmanagedBytes'>,
    Record<ListedTrouble, Brief[]> {
  job: 'audit';
  sentence: Sentence;
  policies: PolicySummary[];
  orphaned: Brief[];
  warnings: ReportedFinding[];
  /** The items that have dropped out of coverage since earlier audits, as sentences. */
  dropped: Sentence[];
  /** The dropped items that the event of this audit accepts, as sentences. */
  accepted: Sentence[];
  /** The parts of the audit that failed, such as the report page. */
  failures: ReportedFinding[];
  /**
   * The number of each code among the problems, warnings, dropped items and failures, including
   * those that the lists above omit.
   */
  codes: Partial<Record<ReasonCode, number>>;
}

/**
 * Summarizes an audit.
 *
 * @param failures the parts of the audit that failed.
 * @param accepted the dropped items that the event of the audit accepts.
 */
export function summaryOf(
  audit: Audit,
  failures: readonly Reason[],
  accepted: readonly Dropped[] = [],
): AuditSummary {
  const { owner, at, policies, series, dropped, uncovered, unlisted } = audit;
  const { warnings, bytes, unmanagedBytes } = audit;
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
    sentence: headline(audit),
    policies: policies.map(({ problems, selection: _, ...policy }) => {
      const { codes, reasons } = reported(problems);
      return { ...policy, codes, problems: reasons };
    }),
    ...byTrouble,
    orphaned: brief(series.filter(({ state }) => state === 'orphaned')),
    uncovered: uncovered.slice(0, MOST_SERIES),
    unlisted,
    warnings: warnings.slice(0, MOST_SERIES).map(reportedFinding),
    dropped: dropped.slice(0, MOST_SERIES).map(droppedText),
    accepted: accepted.slice(0, MOST_SERIES).map(sentenceOf),
    bytes,
    unmanagedBytes,
    failures: failures.map(reportedFinding),
    codes: countsOf([...policies.flatMap(({ problems }) => problems), ...warnings, ...dropped, ...failures]),
  });
}
