import { queueWorker } from '../lib/runtime/queue-worker.ts';
import { cleanup } from './cleanup.ts';
import { drill } from './drill.ts';
import { offsite } from './offsite.ts';
import { resume } from './restore.ts';
import { snapshot } from './snapshot.ts';

/**
 * Resumes work that the runs of the other functions deferred: at their deadline, or because servers
 * were busy. Takes the further steps of restores.
 *
 * The event is an SQS batch of the queue `Work`; see lib/runtime/work-item.ts.
 */
export const handler = queueWorker({ snapshot, cleanup, offsite, drill }, resume);
