import { refusalText } from '../deploy/check.ts';
import { readDeployment } from '../deploy/configuration.ts';
import { policiesOf, policyBlockProblems, type Service } from '../deploy/policies.ts';
import { eachAccount } from '../lib/config/accounts.ts';

/** A policy of serverless.yml with its name, typed as far as these functions need it. */
type NamedPolicy = Record<string, unknown> & { policy: string; keep: Record<string, number | string> };

/**
 * The first policy of serverless.yml in the current directory, with its name as in a deployment.
 *
 * @throws Error with the problems of serverless.yml, or that it has no policy.
 */
export async function firstPolicy(): Promise<NamedPolicy> {
  const { service } = await readDeployment({ stage: 'local' });
  const problems = policyBlockProblems(service);
  if (problems.length > 0) throw new Error(refusalText(problems));
  const [first] = policiesOf(service);
  if (!first) throw new Error(refusalText(['custom.policies: has no policy: add one']));
  return first as NamedPolicy;
}

/**
 * {@link firstPolicy}, adapted to the embedded cloud. The cloud has one account, and its servers
 * and snapshots belong to a policy named `daily`; the operator's own servers do not exist there.
 */
export async function demoPolicy(): Promise<NamedPolicy> {
  const { account: _, regions: __, adopt: ___, ...rules } = await firstPolicy();
  return { ...rules, policy: 'daily', servers: { tagged: { autosnap: 'daily' } } };
}

/**
 * The names of all accounts of the policies. For a pattern such as `customer-*` the result has
 * `customer-1`.
 */
export function accountsFor(service: Pick<Service, 'custom'>): string[] {
  const accounts = policiesOf(service)
    .flatMap((policy) => eachAccount({ account: 'rackspace', ...policy }))
    .map((policy) => String((policy as { account: unknown }).account).replace(/\*$/, '1'));
  return [...new Set(accounts)];
}
