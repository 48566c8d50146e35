import { settings } from '../lib/config/environment.ts';
import { drillPolicyOf } from '../lib/config/event.ts';
import type { Policy } from '../lib/config/policy.ts';
import { runDrills } from '../lib/drill/drill.ts';
import { drillLogAt } from '../lib/runtime/drill-log.ts';
import { type JobDefinition, jobHandler } from '../lib/runtime/job.ts';

const drills = drillLogAt(settings().bucket);

/**
 * Proves that the newest snapshots of a policy boot, as throw-away servers.
 *
 * The event names a policy with `drill`, `{"policy": "daily"}`. With `"servers": {"names":
 * ["web-1"]}` it asks for drills of these servers now, whatever the schedule says. See
 * lib/config/event.ts and events/.
 */
export const drill: JobDefinition<Policy> = {
  name: 'drill',
  read: drillPolicyOf,
  run: async (policy, job) => runDrills(await job.login(policy.account), policy, { ...job, drills }),
};

export const handler = jobHandler(drill);
