import { parseHold } from '../lib/config/policy.ts';
import { byHand } from '../lib/runtime/job.ts';
import { hold } from '../lib/snapshots/hold.ts';

/**
 * Keeps one snapshot for longer than its policy would, or gives it back to its policy.
 *
 * The event is `{"hold": "<image id>", "until": "2027-01-01"}`, with `forever` if `until` is left out, or
 * `{"release": "<image id>"}`.
 */
export const handler = byHand({
  name: 'hold',
  read: parseHold,
  run: async (asked, job) => hold(await job.login(asked.account), asked, job),
});
