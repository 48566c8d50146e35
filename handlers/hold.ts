import { hold } from '../lib/hold.ts';
import { byHand } from '../lib/lambda.ts';
import { parseHold } from '../lib/policy.ts';

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
