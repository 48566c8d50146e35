import { continuation } from '../lib/runtime/queue-worker.ts';
import { cleanup } from './cleanup.ts';
import { drill } from './drill.ts';
import { offsite } from './offsite.ts';
import { snapshot } from './snapshot.ts';

/**
 * Goes on with what the runs of the other functions have left: for want of time, or because servers were busy.
 *
 * The event is what SQS has in the queue `Work`; see lib/runtime/work-item.ts.
 */
export const handler = continuation({ snapshot, cleanup, offsite, drill });
