import type { Finding } from '../reporting/reasons.ts';
import type { AccountAudit } from './audit-regions.ts';
import { isExpected } from './series-states.ts';

/**
 * The audits of the accounts. Accounts that open the same project see each other's snapshots, which
 * are not left behind, and each other's servers, which are covered.
 */
export function withoutTwins(audits: readonly AccountAudit[]): AccountAudit[] {
  const byProject = Map.groupBy(audits, ({ accounts: [read] }) => read?.project);
  return audits.map((one) => {
    const project = one.accounts[0]?.project;
    const same = project === undefined ? [] : byProject.get(project)!;
    const [first] = same;
    if (same.length < 2) return one;
    const managed = new Set(same.flatMap(({ policies }) => policies.map(({ policy }) => policy)));
    const covered = new Set(
      same.flatMap(({ series }) => series.filter(isExpected).map(({ server }) => server)),
    );
    const shared: Finding = {
      code: 'ACCOUNTS_SHARE_PROJECT',
      project: project!,
      accounts: same.map(({ account }) => account),
    };
    return {
      ...one,
      leftBehind: one.leftBehind.filter(({ policy }) => !managed.has(policy)),
      uncovered: one.uncovered.filter(({ server }) => !covered.has(server)),
      warnings: one === first ? [...one.warnings, shared] : one.warnings,
    };
  });
}
