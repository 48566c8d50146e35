import { cleanUp } from '../lib/cleanup.ts';
import { lambda, type Runner } from '../lib/lambda.ts';
import { parsePolicy } from '../lib/policy.ts';

/**
 * Deletes the snapshots that a policy no longer keeps, and the ad-hoc ones whose end has passed.
 *
 * The event is a policy; see lib/policy.ts and events/.
 */
export const cleanup: Runner = async (event, job) => {
  const policy = parsePolicy(event);
  return cleanUp(await job.login(policy.account), policy, job);
};

export const handler = lambda('cleanup', cleanup);
