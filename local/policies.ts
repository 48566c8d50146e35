import { refusalOf } from '../deploy/check.ts';
import { readDeployment } from '../deploy/configuration.ts';
import { policiesOf, policyProblems, type Service } from '../deploy/policies.ts';
import { eachAccount } from '../lib/config/accounts.ts';

/** A policy of serverless.yml with its name, as far as its keys are shown. */
type Named = Record<string, unknown> & { policy: string; keep: Record<string, number | string> };

/**
 * The first policy of serverless.yml in the current directory, as a deployment has it: with its
 * name.
 *
 * @throws Error that says what is wrong with serverless.yml, or that it has no policy.
 */
export async function firstPolicy(): Promise<Named> {
  const { service } = await readDeployment({ stage: 'local' });
  const problems = policyProblems(service);
  if (problems.length > 0) throw new Error(refusalOf(problems));
  const [first] = policiesOf(service);
  if (!first) throw new Error(refusalOf(['custom.policies: has no policy: add one to see what it does']));
  return first as Named;
}

/**
 * {@link firstPolicy} for the embedded cloud, which has one account, and servers and snapshots that
 * are there for a policy `daily`: what the operator's own servers are called, nobody knows here.
 */
export async function demoPolicy(): Promise<Named> {
  const { account: _, regions: __, adopt: ___, ...rules } = await firstPolicy();
  return { ...rules, policy: 'daily', servers: { tagged: { autosnap: 'daily' } } };
}

/**
 * Names of accounts such as the policies have them: for `customer-*` there is the account
 * `customer-1`.
 */
export function accountsFor(service: Pick<Service, 'custom'>): string[] {
  const accounts = policiesOf(service)
    .flatMap((policy) => eachAccount({ account: 'rackspace', ...policy }))
    .map((policy) => String((policy as { account: unknown }).account).replace(/\*$/, '1'));
  return [...new Set(accounts)];
}
