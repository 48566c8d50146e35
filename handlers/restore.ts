import { settings } from '../lib/config/environment.ts';
import { isKeyOf } from '../lib/config/read-event.ts';
import { publishAlert } from '../lib/reporting/alerts.ts';
import { restorationText, restoreMail } from '../lib/reporting/sentences/restoration.ts';
import { parseWatch } from '../lib/restore/event.ts';
import { restoreFailure } from '../lib/restore/restoration.ts';
import { restore } from '../lib/restore/restore.ts';
import { beginRestore, type RestorePorts, resumeRestore } from '../lib/restore/self-driven.ts';
import { invocation, type JobContext, logReason } from '../lib/runtime/handler.ts';
import { queue } from '../lib/runtime/job.ts';
import { leasesAt } from '../lib/runtime/lease.ts';
import type { ResumeRestore } from '../lib/runtime/queue-worker.ts';
import { restoreLogAt } from '../lib/runtime/restore-log.ts';

const { bucket, stage, topic } = settings();
const leases = leasesAt(bucket);
const restores = restoreLogAt(bucket);

const ports: RestorePorts<JobContext> = {
  restore: async (event, job) => restore(await job.login(event.account), event, { ...job, leases, restores }),
  records: restores,
  leases,
  queue,
  async notify({ last, request }) {
    if (topic && last) await publishAlert(topic, restoreMail(last, { request, stage }));
  },
  warn: (reason) => logReason('warn', reason),
};

/**
 * Restores a server from one of its snapshots, as a new server or in place. The first step is taken
 * now, and the queue takes the others.
 *
 * The event is
 * `{"server": "web-1", "to": "new" | "in-place", "at": "latest" | "<date>" | "<image id>"}`; see
 * lib/restore/event.ts and events/. `{"watch": "<request>"}` returns the record of a restore, and
 * does nothing.
 */
export const handler = invocation(
  async (event, job) =>
    isKeyOf('watch', event)
      ? ((await ports.records.read(parseWatch(event))) ?? null)
      : beginRestore(event, job, ports),
  (result) =>
    result === null || 'steps' in result
      ? { failure: undefined }
      : {
          failure: restoreFailure(result),
          resumes: result.resumesAt !== undefined,
          text: restorationText(result),
        },
);

/** Takes the next step of a restore for a message of the queue. */
export const resume: ResumeRestore = (item, job) => resumeRestore(item, job, ports);
