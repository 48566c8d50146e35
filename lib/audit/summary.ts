import { behindWithCopies } from './copied.ts';
import type { Audit, AuditedPolicy, AuditedSeries } from './model.ts';
import { hasFailedDrill } from './proof.ts';
import { sentence } from './sentence.ts';

const MOST_SERIES = 100;

/** What an audit has found, small enough to be logged and returned; the report page has all of it. */
export interface AuditSummary extends Pick<Audit, 'owner' | 'at' | 'uncovered' | 'warnings' | 'bytes'> {
  job: 'audit';
  sentence: string;
  policies: AuditedPolicy[];
  /** The series that are late or have no good snapshot, without their snapshots. */
  late: Omit<AuditedSeries, 'snapshots'>[];
  orphaned: Omit<AuditedSeries, 'snapshots'>[];
  /** The series whose last drill failed. */
  unproven: Omit<AuditedSeries, 'snapshots'>[];
  /** The series whose copies do not keep up. */
  behind: Omit<AuditedSeries, 'snapshots'>[];
  /** The series of which snapshots stay that no rule keeps, although cleanups should have deleted them. */
  notRotating: Omit<AuditedSeries, 'snapshots'>[];
  /** What kept the audit itself from being published. */
  failures: string[];
}

export function summaryOf(audit: Audit, failures: string[]): AuditSummary {
  const { owner, at, policies, series, uncovered, warnings, bytes } = audit;
  const brief = (some: AuditedSeries[]) =>
    some.slice(0, MOST_SERIES).map(({ snapshots: _, ...rest }) => rest);
  const having = (...states: AuditedSeries['state'][]) =>
    brief(series.filter(({ state }) => states.includes(state)));
  return {
    job: 'audit',
    owner,
    at,
    sentence: sentence(audit),
    policies,
    late: having('late', 'never'),
    orphaned: having('orphaned'),
    unproven: brief(series.filter(hasFailedDrill)),
    behind: brief(behindWithCopies(series)),
    notRotating: brief(series.filter((one) => one.notRotating)),
    uncovered: uncovered.slice(0, MOST_SERIES),
    warnings: warnings.slice(0, MOST_SERIES),
    bytes,
    failures,
  };
}
