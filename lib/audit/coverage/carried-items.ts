import type { Audit, Dropped } from '../model.ts';
import { isExpected } from '../series-states.ts';
import { identityOf } from './dropped-items.ts';

// When the record of the coverage is lost, what had dropped out before is known from the open
// incidents alone. The new record carries these items until they are covered again or accepted.

type CurrentCoverage = Pick<Audit, 'policies' | 'accounts' | 'series'>;

/** The carried items that are not covered again, and that the audit does not report anyway. */
export function stillDropped(
  carried: readonly Dropped[],
  audit: CurrentCoverage,
  reported: readonly Dropped[],
): Dropped[] {
  const known = new Set(reported.map(identityOf));
  return carried.filter((one) => !known.has(identityOf(one)) && !isOver(one, audit));
}

/** Whether an item is covered again, or a server is gone. */
function isOver(dropped: Dropped, { policies, accounts, series }: CurrentCoverage): boolean {
  switch (dropped.code) {
    case 'DROPPED_ACCOUNT':
      return policies.some(({ account }) => account === dropped.account);
    case 'DROPPED_PROJECT':
      return accounts.some(({ project }) => project === dropped.project);
    case 'DROPPED_REGION':
      return accounts.some(
        ({ account, regions }) => account === dropped.account && regions.includes(dropped.where),
      );
    case 'DROPPED_POLICY':
      return dropped.accounts.every((account) =>
        policies.some((one) => one.policy === dropped.policy && one.account === account),
      );
    case 'DROPPED_SERVER':
      return isGone(dropped, accounts) || policiesOf(dropped, series).length > 0;
    case 'DROPPED_FROM_POLICY': {
      const covering = policiesOf(dropped, series);
      return isGone(dropped, accounts) || dropped.policies.every((policy) => covering.includes(policy));
    }
  }
}

type ServerRef = { account: string; server: string };

function policiesOf({ account, server }: ServerRef, series: Audit['series']): string[] {
  return series.flatMap((one) =>
    one.account === account && one.server === server && isExpected(one) ? one.policy : [],
  );
}

function isGone({ account, server }: ServerRef, accounts: Audit['accounts']): boolean {
  return accounts.some((one) => one.account === account && one.gone.has(server));
}
