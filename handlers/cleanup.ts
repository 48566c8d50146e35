import { policyOf } from '../lib/config/event.ts';
import type { Policy } from '../lib/config/policy.ts';
import { type JobDefinition, jobHandler } from '../lib/runtime/job.ts';
import { cleanUp } from '../lib/snapshots/cleanup.ts';

/**
 * Deletes the snapshots that a policy no longer keeps, and the expired ad-hoc snapshots.
 *
 * The event names the policy, `{"policy": "daily"}`; see lib/config/event.ts and events/.
 */
export const cleanup: JobDefinition<Policy> = {
  name: 'cleanup',
  read: policyOf,
  run: async (policy, job) => cleanUp(await job.login(policy.account), policy, job),
};

export const handler = jobHandler(cleanup);
