import { cleanUp } from '../lib/cleanup.ts';
import { lambda, type Task } from '../lib/lambda.ts';
import { policyOf } from '../lib/order.ts';
import type { Policy } from '../lib/policy.ts';

/**
 * Deletes the snapshots that a policy no longer keeps, and the ad-hoc ones whose end has passed.
 *
 * The event names the policy, `{"policy": "daily"}`; see lib/order.ts and events/.
 */
export const cleanup: Task<Policy> = {
  name: 'cleanup',
  read: policyOf,
  run: async (policy, job) => cleanUp(await job.login(policy.account), policy, job),
};

export const handler = lambda(cleanup);
