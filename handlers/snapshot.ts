import { lambda, type Runner } from '../lib/lambda.ts';
import { parseEvent } from '../lib/policy.ts';
import { takeSnapshots } from '../lib/snapshot.ts';

/**
 * Takes the snapshots that a policy asks for at this time, or those of an ad-hoc event.
 *
 * The event is a policy or `{"adhoc": true, …}`; see lib/policy.ts and events/.
 */
export const snapshot: Runner = async (event, job) => {
  const asked = parseEvent(event);
  return takeSnapshots(await job.login(asked.account), asked, job);
};

export const handler = lambda('snapshot', snapshot);
