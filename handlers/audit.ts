import { audit } from '../lib/audit/audit.ts';
import { type GoodRun, unrecorded } from '../lib/audit/missing.ts';
import { parseAudit, publishAudit } from '../lib/audit/publish.ts';
import { summaryOf } from '../lib/audit/summary.ts';
import { expandAccounts } from '../lib/config/accounts.ts';
import { settings } from '../lib/config/environment.ts';
import type { Policy } from '../lib/config/policy.ts';
import { policiesOf } from '../lib/doctor/doctor.ts';
import { bucketNamed } from '../lib/offsite/bucket.ts';
import type { Deadline } from '../lib/openstack/http.ts';
import type { Reason } from '../lib/reporting/reasons.ts';
import { reportStoreIn } from '../lib/reporting/report-store.ts';
import { invocation, pingHeartbeat } from '../lib/runtime/handler.ts';

const { bucket, copiesBucket, topic, pricePerGb, reportLink } = settings();
const store = bucket ? reportStoreIn(bucket) : undefined;

/**
 * Audits what all policies of the deployment protect. The result is published as metrics, as the
 * report page and, with `{"digest": "always"}` or `"on-trouble"`, as a daily digest. The audit
 * creates and deletes nothing in the cloud.
 */
export const handler = invocation(
  async (event, job) => {
    const digest = parseAudit(event);
    const policies = await expandAccounts(policiesOf({}, job.policies), job.accountsBeginning);
    const unknown: Reason[] = [];
    const goodRuns = await recordedRuns(policies, job.now).catch((error: Error) => {
      unknown.push({ code: 'GOOD_RUNS_UNREADABLE', message: error.message });
      return undefined;
    });
    const found = await audit(policies, job, job.login, {
      pricePerGb,
      goodRuns,
      ...(copiesBucket ? { bucketUntil: (deadline: Deadline) => bucketNamed(copiesBucket, deadline) } : {}),
    });
    const failures = [
      ...unknown,
      ...(await publishAudit(found, { store, topic, reportLink }, { digest, now: job.now })),
    ];
    await pingHeartbeat({ job: 'audit', policy: 'all' }, failures.length === 0);
    return summaryOf(found, failures);
  },
  ({ sentence, failures }) => ({
    failure: failures.length > 0 ? new Error(`audit: ${failures.join('; ')}`) : undefined,
    text: `${sentence}.`,
  }),
);

/**
 * Reads when each job last succeeded. A new job is recorded with the current time, so that it is
 * overdue only after its interval.
 */
async function recordedRuns(policies: readonly Policy[], now: Date): Promise<GoodRun[] | undefined> {
  if (!store) return undefined;
  const goodRuns = await store.goodRuns();
  const newRuns = unrecorded(policies, goodRuns);
  await Promise.all(newRuns.map((run) => store.putGoodRun(run)));
  return [...goodRuns, ...newRuns.map((run) => ({ ...run, at: now }))];
}
