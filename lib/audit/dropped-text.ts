import { shortName } from './format.ts';
import type { Audit, Dropped } from './model.ts';

/**
 * What has dropped out of coverage, in a few words: the first of it, and how much more there is.
 * Nothing when nothing has.
 */
export function droppedText({ dropped }: Pick<Audit, 'dropped'>): string[] {
  const [first, ...more] = dropped;
  if (!first) return [];
  return [`${nameOf(first)} is no longer covered${more.length > 0 ? `, and ${more.length} more` : ''}`];
}

function nameOf(dropped: Dropped): string {
  switch (dropped.code) {
    case 'DROPPED_ACCOUNT':
      return `account ${shortName(dropped.account)}`;
    case 'DROPPED_PROJECT':
      return `the project ${shortName(dropped.project)} of account ${shortName(dropped.account)}`;
    case 'DROPPED_REGION':
      return `region ${shortName(dropped.where)} of account ${shortName(dropped.account)}`;
    case 'DROPPED_POLICY':
      return `what the policy ${shortName(dropped.policy)} covered`;
    case 'DROPPED_SERVER':
      return shortName(dropped.name || `server ${dropped.server}`);
  }
}

/**
 * What has dropped out of the coverage of a policy. What was covered by none that is deployed counts
 * for the first policy, so that it has an alarm.
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
