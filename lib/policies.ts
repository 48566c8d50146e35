import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { covers, eachAccount } from './accounts.ts';
import { isKeyOf, type Policy, parsePolicy } from './policy.ts';
import { Refusal } from './refusal.ts';

/**
 * All policies of this deployment, as serverless.yml had them when it was packaged: the plugin in deploy/ writes them
 * beside this code; one for each account that a policy lists. Undefined where the code runs from its sources, and nothing was packaged.
 *
 * @throws {Refusal} for a policy that a run would refuse.
 */
export function deployedPolicies(): Policy[] | undefined {
  return deployedEvents()?.map(parsePolicy);
}

function deployedEvents(): unknown[] | undefined {
  const file = new URL(process.env.AUTOSNAP_POLICIES ?? '../policies.json', import.meta.url);
  let json: string;
  try {
    json = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return (JSON.parse(json) as unknown[]).flatMap(eachAccount);
}

/** An order, as it is to be carried out. */
export interface Order {
  event: unknown;
  /** What people should know of it. */
  warnings: string[];
}

/**
 * The event of one account by the rules that its policy has now. An event may have been made long ago (a retry, a message
 * in the queue, a file that somebody has kept), so it names the policy, and what the policy says is read from the
 * deployment. Dry runs take the rules that they are given, ad-hoc events have none, and where nothing is deployed
 * there are no others.
 *
 * @throws {Refusal} when the deployment has no such policy, or the policy is not for this account.
 */
export function asDeployed(event: unknown): Order {
  const given = { event, warnings: [] };
  if (!isKeyOf('policy', event) || isKeyOf('adhoc', event)) return given;
  const { policy, account = 'rackspace', dryRun } = event as Record<string, unknown>;
  const deployed = deployedEvents() as Record<string, unknown>[] | undefined;
  if (!deployed || dryRun === true) return given;
  const named = deployed.filter((one) => one.policy === policy);
  const its = named.find((one) => covers(one.account ?? 'rackspace', account));
  if (!its) {
    // What is wrong with a whole policy comes first.
    if (Object.keys(event as object).some((key) => !['policy', 'account', 'dryRun'].includes(key)))
      parsePolicy(event);
    const names = [...new Set(deployed.map((one) => one.policy))].join(', ') || 'none';
    throw new Refusal('The event is refused', [
      named.length > 0
        ? `account: the policy "${policy}" is not deployed for the account "${account}": nothing is taken, copied or deleted there`
        : `policy: there is no policy "${policy}" in this deployment, which has ${names}: nothing is taken, copied or deleted by it`,
    ]);
  }
  const rulesOf = ({ policy: _, account: __, dryRun: ___, ...rules }: Record<string, unknown>) => rules;
  const asked = rulesOf(event as Record<string, unknown>);
  const agrees = Object.keys(asked).length === 0 || isDeepStrictEqual(asked, rulesOf(its));
  return {
    // A policy that is deployed as a dry run is one for older events, too.
    event: { ...its, account },
    warnings: agrees
      ? []
      : [`the event has other rules than the deployed policy "${policy}": those of the deployed one apply`],
  };
}
