import { lambda, type Runner } from '../lib/lambda.ts';
import { bucketNamed } from '../lib/offsite/bucket.ts';
import { copyOffsite } from '../lib/offsite/offsite.ts';
import { parsePolicy } from '../lib/policy.ts';
import { Refusal } from '../lib/refusal.ts';
import { settings } from '../lib/settings.ts';

const { copiesBucket } = settings();

/** Of a run's last milliseconds, those for S3 alone: what was read is still sent, and what has to be kept is kept. */
const LAST_MS = 2_500;

/**
 * Copies the newest good snapshots of a policy out of the cloud, or at Rackspace to Cloud Files, and rotates the copies.
 *
 * The event is a policy with `offsite`; see lib/policy.ts and events/.
 */
export const offsite: Runner = async (event, job) => {
  const policy = parsePolicy(event);
  const session = await job.login(policy.account);
  const deadline = { remainingMs: () => session.deadline.remainingMs() + LAST_MS };
  const bucket = () => {
    if (copiesBucket) return bucketNamed(copiesBucket, deadline);
    throw new Refusal('There is no bucket for the copies', [
      'AUTOSNAP_COPIES_BUCKET: is not set: deploy with the bucket Copies of serverless.yml, or set custom.copiesBucket',
    ]);
  };
  return copyOffsite(session, policy, bucket, job);
};

export const handler = lambda('offsite', offsite);
