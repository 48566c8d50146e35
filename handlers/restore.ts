import { settings } from '../lib/config/environment.ts';
import { restorationText } from '../lib/reporting/sentences/restoration.ts';
import { parseRestore } from '../lib/restore/event.ts';
import { restoreFailure } from '../lib/restore/restoration.ts';
import { restore } from '../lib/restore/restore.ts';
import { invocation } from '../lib/runtime/handler.ts';
import { leasesAt } from '../lib/runtime/lease.ts';

const leases = leasesAt(settings().bucket);

/**
 * Restores a server from one of its snapshots, as a new server or in place.
 *
 * The event is
 * `{"server": "web-1", "to": "new" | "in-place", "at": "latest" | "<date>" | "<image id>"}`; see
 * lib/restore/event.ts and events/.
 */
export const handler = invocation(
  async (event, job) => {
    const request = parseRestore(event);
    return restore(await job.login(request.account), request, { ...job, leases });
  },
  (restoration) => ({ failure: restoreFailure(restoration), text: restorationText(restoration) }),
);
