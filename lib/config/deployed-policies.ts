import { readFileSync } from 'node:fs';
import { eachAccount } from './accounts.ts';
import { type Policy, parsePolicy } from './policy.ts';
import { ValidationError } from './validation-error.ts';

/** The policies that were packaged with this code. */
export interface DeployedPolicies {
  /**
   * One policy for each account in a policy's list; undefined if the code runs from its sources,
   * without a package.
   */
  policies?: Policy[];
  /**
   * The problems of invalid policies. Invalid policies count as not deployed: all their snapshots
   * stay, and their runs are refused.
   */
  problems: string[];
}

/**
 * Reads all policies of this deployment, as of the time of packaging. The plugin in deploy/ writes
 * the policies of serverless.yml into the package, and refuses to package invalid ones.
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
      if (!(error instanceof ValidationError)) throw error;
      problems.push(...error.problems.map((problem) => `${Object(policy).policy}.${problem}`));
      return [];
    }
  });
  return { policies, problems };
}
