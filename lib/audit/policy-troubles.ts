import { CLAUSES, firstOf } from '../reporting/sentences/headline.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import type { Audit, AuditedPolicy, Dropped } from './model.ts';
import { namingOf } from './naming.ts';
import { isExpected } from './series-states.ts';

/**
 * The kinds of trouble that concern whole policies, or servers and snapshots that dropped out of
 * their coverage. All reports use this list and that of troubles.ts: the headline, the page's icon,
 * the digest, the metric Troubles, and the e-mails (lib/incidents/problem-detection.ts).
 */
export interface PolicyTrouble {
  name: 'nothingSelected' | 'missing' | 'dropped';
  /** Whether the policies, or the items that dropped out of their coverage, are in this trouble. */
  isIn(troubled: { policies: readonly AuditedPolicy[]; dropped: readonly Dropped[] }): boolean;
  /** Whether its clauses stand at the end of the headline, after those about single policies. */
  isLast: boolean;
  /** The clauses of the headline about this trouble. */
  clausesOf(audit: Audit): Sentence[];
}

/** The kinds of trouble of policies, in the order of the reports. */
export const POLICY_TROUBLES: readonly PolicyTrouble[] = [
  {
    name: 'nothingSelected',
    isIn: ({ policies }) => policies.some(({ nothingSelected }) => nothingSelected),
    isLast: false,
    clausesOf: selectionClauses,
  },
  {
    name: 'missing',
    isIn: ({ policies }) => missingRunsIn(policies).length > 0,
    isLast: false,
    clausesOf: ({ policies, series }) => {
      const { policyOf } = namingOf({ policies, series, uncovered: [] });
      const missing = missingRunsIn(policies).map(({ job, of }) => ({ job, policy: policyOf(of) }));
      return firstOf(missing, CLAUSES.runsMissing);
    },
  },
  {
    name: 'dropped',
    isIn: ({ dropped }) => dropped.length > 0,
    isLast: true,
    clausesOf: droppedClauses,
  },
];

/** The jobs without a recent run, good or failed, with their policies. */
export function missingRunsIn(policies: readonly AuditedPolicy[]): { job: string; of: AuditedPolicy }[] {
  return policies.flatMap((of) => (of.missing ?? []).map((job) => ({ job, of })));
}

/** The policies that select no server. If there is no server at all, other clauses say so. */
function selectionClauses({ policies, series }: Audit): Sentence[] {
  const naming = namingOf({ policies, series, uncovered: [] });
  const isEmpty = ({ policy, account }: AuditedPolicy) =>
    !series.some((one) => one.policy === policy && one.account === account && isExpected(one));
  const selecting = series.some(isExpected) ? policies.filter((one) => one.nothingSelected) : [];
  return firstOf(selecting, (one) => CLAUSES.nothingSelected(naming.policyOf(one), isEmpty(one)));
}

/**
 * What dropped out of coverage: the first item, and the number of others. If the record can't be
 * read, the clauses say that there may be more.
 */
function droppedClauses({ dropped, warnings }: Audit): Sentence[] {
  const isUnknown = warnings.some(({ code }) => code === 'COVERAGE_UNREADABLE');
  return [
    ...firstOf(dropped, CLAUSES.dropped),
    ...(isUnknown ? [CLAUSES.droppedUnknown(dropped.length > 0)] : []),
  ];
}
