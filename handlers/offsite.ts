import { settings } from '../lib/config/environment.ts';
import { wholePolicyOf } from '../lib/config/event.ts';
import type { Policy } from '../lib/config/policy.ts';
import { Refusal } from '../lib/config/validation-error.ts';
import { bucketNamed } from '../lib/offsite/bucket.ts';
import { copyOffsite } from '../lib/offsite/offsite.ts';
import { lambda, type Task } from '../lib/runtime/job.ts';

const { copiesBucket } = settings();

/** Of a run's last milliseconds, those for S3 alone: what was read is still sent, and what has to be kept is kept. */
const LAST_MS = 2_500;

/**
 * Copies the newest good snapshots of a policy out of the cloud, or at Rackspace to Cloud Files, and rotates the copies.
 *
 * The event names a policy with `offsite`, `{"policy": "daily"}`; see lib/config/event.ts and events/.
 */
export const offsite: Task<Policy> = {
  name: 'offsite',
  read: wholePolicyOf,
  async run(policy, job) {
    const session = await job.login(policy.account);
    const deadline = { remainingMs: () => session.deadline.remainingMs() + LAST_MS };
    const bucket = () => {
      if (copiesBucket) return bucketNamed(copiesBucket, deadline);
      throw new Refusal('There is no bucket for the copies', [
        'AUTOSNAP_COPIES_BUCKET: is not set: deploy with the bucket Copies of deploy/resources.yml, or set custom.copiesBucket',
      ]);
    };
    return copyOffsite(session, policy, bucket, job);
  },
};

export const handler = lambda(offsite);
