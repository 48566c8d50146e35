import { readFileSync } from 'node:fs';
import { eachAccount } from './accounts.ts';
import { type Policy, parsePolicy } from './policy.ts';

/**
 * All policies of this deployment, as serverless.yml had them when it was packaged: the plugin in deploy/ writes them
 * beside this code; one for each account that a policy lists. Undefined where the code runs from its sources, and nothing was packaged.
 *
 * @throws {Refusal} for a policy that a run would refuse.
 */
export function deployedPolicies(): Policy[] | undefined {
  const file = new URL(process.env.AUTOSNAP_POLICIES ?? '../policies.json', import.meta.url);
  let json: string;
  try {
    json = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return (JSON.parse(json) as unknown[]).flatMap(eachAccount).map(parsePolicy);
}
