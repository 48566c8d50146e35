import { settings } from '../lib/config/environment.ts';
import { wholePolicyOf } from '../lib/config/event.ts';
import type { Policy } from '../lib/config/policy.ts';
import { ValidationError } from '../lib/config/validation-error.ts';
import { bucketNamed } from '../lib/offsite/bucket.ts';
import { copyOffsite } from '../lib/offsite/offsite.ts';
import { type JobDefinition, jobHandler } from '../lib/runtime/job.ts';

const { copiesBucket } = settings();

/**
 * Additional time for S3 after the session's deadline, in milliseconds: the run still uploads the
 * data that it has read and stores its state.
 */
const S3_EXTRA_MS = 2_500;

/**
 * Copies the newest good snapshots of a policy out of the cloud, or at Rackspace to Cloud Files,
 * and rotates the copies.
 *
 * The event names a policy with `offsite`, `{"policy": "daily"}`; see lib/config/event.ts and
 * events/.
 */
export const offsite: JobDefinition<Policy> = {
  name: 'offsite',
  read: wholePolicyOf,
  async run(policy, job) {
    const session = await job.login(policy.account);
    const deadline = { remainingMs: () => session.deadline.remainingMs() + S3_EXTRA_MS };
    const bucket = () => {
      if (copiesBucket) return bucketNamed(copiesBucket, deadline);
      throw new ValidationError({ code: 'COPIES_WITHOUT_BUCKET' });
    };
    return copyOffsite(session, policy, bucket, job);
  },
};

export const handler = jobHandler(offsite);
