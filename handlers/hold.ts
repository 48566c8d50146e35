import { parseHold } from '../lib/config/hold-event.ts';
import { manualHandler } from '../lib/runtime/job.ts';
import { hold } from '../lib/snapshots/hold.ts';

/**
 * Holds one snapshot, so that cleanup keeps it, or releases the hold.
 *
 * The event is `{"hold": "<image id>", "until": "2027-01-01"}`, with `until` by default `forever`,
 * or `{"release": "<image id>"}`.
 */
export const handler = manualHandler({
  name: 'hold',
  read: parseHold,
  run: async (order, job) => hold(await job.login(order.account), order, job),
});
