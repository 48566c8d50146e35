import { invocation } from '../lib/invocation.ts';
import { parseRestore } from '../lib/restore/event.ts';
import { failureIn, restorationText } from '../lib/restore/restoration.ts';
import { restore } from '../lib/restore/restore.ts';

/**
 * Restores a server from one of its snapshots: as a new server, or in its place.
 *
 * The event is `{"server": "web-1", "to": "new" | "in-place", "at": "latest" | "<date>" | "<image id>"}`; see
 * lib/restore/event.ts and events/.
 */
export const handler = invocation(
  async (event, job) => {
    const asked = parseRestore(event);
    return restore(await job.login(asked.account), asked, job);
  },
  (restoration) => ({ failure: failureIn(restoration), text: restorationText(restoration) }),
);
