import { runDrills } from '../lib/drill/drill.ts';
import { lambda, type Runner } from '../lib/lambda.ts';
import { parsePolicy } from '../lib/policy.ts';

/**
 * Proves that the newest snapshots of a policy boot, one throw-away server after the other.
 *
 * The event is a policy with `drill`; see lib/policy.ts and events/.
 */
export const drill: Runner = async (event, job) => {
  const policy = parsePolicy(event);
  return runDrills(await job.login(policy.account), policy, job);
};

export const handler = lambda('drill', drill);
