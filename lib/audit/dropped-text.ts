import { shortName } from './format.ts';
import type { Audit, Dropped } from './model.ts';

/**
 * A summary of the items that dropped out of coverage: the first item, and the number of others.
 * Empty without such items.
 */
export function droppedText({ dropped }: Pick<Audit, 'dropped'>): string[] {
  const [first, ...more] = dropped;
  if (!first) return [];
  return [`${titleOf(first)}${more.length > 0 ? `, and ${more.length} more` : ''}`];
}

/** An item that has dropped out of coverage in a few words, for a headline. */
export function titleOf(dropped: Dropped): string {
  if (dropped.code === 'DROPPED_POLICY')
    return `the policy ${shortName(dropped.policy)} is no longer deployed`;
  return `${nameOf(dropped)} is no longer covered`;
}

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
      return `policy/${dropped.policy}`;
    case 'DROPPED_SERVER':
      return `server/${dropped.account}/${dropped.server}`;
  }
}

function nameOf(dropped: Exclude<Dropped, { code: 'DROPPED_POLICY' }>): string {
  switch (dropped.code) {
    case 'DROPPED_ACCOUNT':
      return `account ${shortName(dropped.account)}`;
    case 'DROPPED_PROJECT':
      return `the project ${shortName(dropped.project)} of account ${shortName(dropped.account)}`;
    case 'DROPPED_REGION':
      return `region ${shortName(dropped.where)} of account ${shortName(dropped.account)}`;
    case 'DROPPED_SERVER':
      return shortName(dropped.name || `server ${dropped.server}`);
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
    const its = one.code === 'DROPPED_POLICY' ? [] : one.policies.filter((name) => deployed.has(name));
    return its.length > 0 ? its.includes(policy) : policy === policies[0]?.policy;
  });
}
