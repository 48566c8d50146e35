import { runDrills } from '../lib/drill/drill.ts';
import { lambda, type Task } from '../lib/lambda.ts';
import { wholePolicyOf } from '../lib/order.ts';
import type { Policy } from '../lib/policy.ts';

/**
 * Proves that the newest snapshots of a policy boot, one throw-away server after the other.
 *
 * The event names a policy with `drill`, `{"policy": "daily"}`; see lib/order.ts and events/.
 */
export const drill: Task<Policy> = {
  name: 'drill',
  read: wholePolicyOf,
  run: async (policy, job) => runDrills(await job.login(policy.account), policy, job),
};

export const handler = lambda(drill);
