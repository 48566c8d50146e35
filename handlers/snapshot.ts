import { settings } from '../lib/config/environment.ts';
import { resolveEvent } from '../lib/config/event.ts';
import { type JobDefinition, jobHandler } from '../lib/runtime/job.ts';
import { requestLogIn } from '../lib/runtime/request-log.ts';
import { takeSnapshots } from '../lib/snapshots/create.ts';

const { bucket } = settings();
const requestLog = bucket ? { requests: requestLogIn(bucket) } : {};

/**
 * Creates the snapshots that are due for a policy, or those of an ad-hoc event.
 *
 * The event names the policy, `{"policy": "daily"}`, or is `{"adhoc": true, …}`; see
 * lib/config/event.ts and events/.
 */
export const snapshot: JobDefinition = {
  name: 'snapshot',
  read: resolveEvent,
  run: async (order, job) => takeSnapshots(await job.login(order.account), order, { ...job, ...requestLog }),
};

export const handler = jobHandler(snapshot);
