import type { Audit, Dropped } from '../model.ts';

/** An id of the item. The same item has the same id in every audit. */
export function identityOf(dropped: Dropped): string {
  switch (dropped.code) {
    case 'DROPPED_ACCOUNT':
      return `account/${dropped.account}`;
    case 'DROPPED_PROJECT':
      return `project/${dropped.account}/${dropped.project}`;
    case 'DROPPED_REGION':
      return `region/${dropped.account}/${dropped.where}`;
    case 'DROPPED_POLICY':
      return `policy/${dropped.policy}${dropped.isElsewhere ? `/${dropped.accounts.join()}` : ''}`;
    case 'DROPPED_SERVER':
      return `server/${dropped.account}/${dropped.server}`;
    case 'DROPPED_FROM_POLICY':
      return `server/${dropped.account}/${dropped.server}/${dropped.policies.join()}`;
  }
}

/**
 * The items that have dropped out of the coverage of a policy. Items that only removed policies
 * covered count for the first deployed policy, so that they raise an alarm.
 */
export function droppedFrom(
  policy: string,
  { policies, dropped }: Pick<Audit, 'policies' | 'dropped'>,
): Dropped[] {
  const deployed = new Set(policies.map((one) => one.policy));
  return dropped.filter((one) => {
    const names = one.code === 'DROPPED_POLICY' ? [one.policy] : one.policies;
    const its = names.filter((name) => deployed.has(name));
    return its.length > 0 ? its.includes(policy) : policy === policies[0]?.policy;
  });
}
