import { readFileSync } from 'node:fs';
import { eachAccount } from './accounts.ts';
import { type Policy, parsePolicy } from './policy.ts';
import { Refusal } from './validation-error.ts';

/** What was packaged with this code. */
export interface DeployedPolicies {
  /** One for each account that a policy lists; undefined where the code runs from its sources, and nothing was packaged. */
  policies?: Policy[];
  /** What is wrong with others. They are as good as not deployed: all their snapshots stay, and their runs are refused. */
  problems: string[];
}

/**
 * All policies of this deployment, as serverless.yml had them when it was packaged: the plugin in deploy/ writes them
 * beside this code, and refuses to package any that is wrong.
 */
export function deployedPolicies(): DeployedPolicies {
  const file = new URL(process.env.AUTOSNAP_POLICIES ?? '../../policies.json', import.meta.url);
  let json: string;
  try {
    json = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { problems: [] };
    throw error;
  }
  const problems: string[] = [];
  const policies = (JSON.parse(json) as unknown[]).flatMap((policy) => {
    try {
      return eachAccount(policy).map(parsePolicy);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      problems.push(...error.problems.map((problem) => `${Object(policy).policy}.${problem}`));
      return [];
    }
  });
  return { policies, problems };
}
