import { recentAdhocSnapshots } from '../lib/audit/adhoc-snapshots.ts';
import { audit } from '../lib/audit/audit.ts';
import { withCoverage } from '../lib/audit/coverage/compare-and-record.ts';
import { coverageStoreIn } from '../lib/audit/coverage/store.ts';
import { type Listing, listingOf } from '../lib/audit/listing.ts';
import { publishGoodAudit } from '../lib/audit/metrics.ts';
import { type GoodRun, jobsWithoutRecord } from '../lib/audit/missing-runs.ts';
import type { Audit } from '../lib/audit/model.ts';
import { parseAudit, publishAudit } from '../lib/audit/publish.ts';
import { type AuditSummary, summaryOf } from '../lib/audit/summary.ts';
import { expandAccounts } from '../lib/config/accounts.ts';
import { settings } from '../lib/config/environment.ts';
import type { Policy } from '../lib/config/policy.ts';
import { policiesToCheck } from '../lib/doctor/doctor.ts';
import { NO_INCIDENTS, openDrops } from '../lib/incidents/incident-log.ts';
import { type FailedRuns, notify } from '../lib/incidents/notify.ts';
import { bucketNamed } from '../lib/offsite/bucket.ts';
import type { Deadline } from '../lib/openstack/http.ts';
import { publishAlert } from '../lib/reporting/alerts.ts';
import { type AccountJob, isRunOf } from '../lib/reporting/failed-run.ts';
import { RunFailed } from '../lib/reporting/failure.ts';
import type { Reason } from '../lib/reporting/reasons.ts';
import { reportStoreIn } from '../lib/reporting/report-store.ts';
import { failedAuditText } from '../lib/reporting/sentences/failed-run.ts';
import { invocation, type JobContext, pingHeartbeat, releaseLease } from '../lib/runtime/handler.ts';
import { leasesAt } from '../lib/runtime/lease.ts';
import { failedRunQueueAt } from '../lib/runtime/queue.ts';

const { bucket, copiesBucket, failedRuns, pricePerGb, reportLink, service, stage, topic } = settings();
const store = bucket ? reportStoreIn(bucket) : undefined;
const coverageStore = bucket ? coverageStoreIn(bucket) : undefined;
const failedRunQueue = failedRuns ? failedRunQueueAt(failedRuns) : undefined;
const leases = leasesAt(bucket);

/**
 * Audits what all policies of the deployment protect. The result is published as metrics, as the
 * report page and, with `{"digest": "always"}` or `"on-trouble"`, as a daily digest. The audit
 * creates and deletes nothing in the cloud. With `{"list": "servers"}` or `{"list": "snapshots",
 * "of": "web-1"}` it publishes and records nothing, and returns the list, too; with `{"list":
 * "page"}` the report page.
 */
export const handler = invocation(
  async (event, job): Promise<AuditSummary & Listing> => {
    const { digest, acceptDropped, list, of } = parseAudit(event);
    const isReadOnly = list !== undefined;
    // Without policies the audit reports what they covered.
    const policies = await expandAccounts(
      job.policies?.length === 0 ? [] : deployedIn(job),
      job.findAccounts,
    );
    const unknown: Reason[] = [];
    const read = <T>(code: 'GOOD_RUNS_UNREADABLE' | 'REPORTS_UNREADABLE', work: Promise<T> | undefined) =>
      work?.catch((error: Error) => {
        unknown.push({ code, message: error.message });
        return undefined;
      });
    const runs = await read('GOOD_RUNS_UNREADABLE', recordedRuns(policies, job.now, isReadOnly));
    const adhocSnapshots = await read('REPORTS_UNREADABLE', store && recentAdhocSnapshots(store, job.now));
    const compared = await withCoverage(coverageStore, acceptDropped, {
      isReadOnly,
      auditOf: async (coverage, isFirst) => {
        if (isFirst) deployedIn(job);
        return audit(policies, job, job.login, {
          pricePerGb,
          goodRuns: runs?.good,
          failedRuns: runs?.failed,
          coverage,
          adhocSnapshots,
          ...(copiesBucket
            ? { bucketUntil: (deadline: Deadline) => bucketNamed(copiesBucket, deadline) }
            : {}),
        });
      },
      // If the log of incidents can't be read either, the notification fails for the same reason.
      knownDrops: async () => openDrops((await store?.incidents().catch(() => undefined)) ?? NO_INCIDENTS),
    });
    const found = compared.audit;
    if (isReadOnly) {
      return { ...summaryOf(found, unknown), ...listingOf(found, { list, of }, stage) };
    }
    const failures = [
      ...unknown,
      ...compared.failures,
      ...(await publishAudit(
        found,
        { store, topic, reportLink, stage, notify: () => notifyIncidents(found, runs, job) },
        { digest, now: job.now },
      )),
    ];
    if (failures.length === 0) publishGoodAudit(job.deployment);
    await pingHeartbeat({ job: 'audit', policy: 'all' }, failures.length === 0);
    return summaryOf(found, failures, compared.accepted);
  },
  ({ servers: _, snapshots: __, page: ___, ...summary }) => ({
    logged: summary,
    failure:
      summary.failures.length > 0
        ? new RunFailed(
            failedAuditText(summary.failures.map(({ text }) => text)),
            summary.failures.map(({ code }) => code),
          )
        : undefined,
    text: `${summary.sentence}.`,
  }),
);

/** @throws {ValidationError} if there are no policies. */
function deployedIn({ policies }: JobContext): readonly Policy[] {
  return policiesToCheck({}, policies);
}

/**
 * Notifies people of incidents, unless another audit is about to. Sends no notification while the
 * run records can't be read.
 */
async function notifyIncidents(
  found: Audit,
  runs: FailedRuns | undefined,
  { now, endsAt }: JobContext,
): Promise<Date | undefined> {
  if (!store || !topic || !runs) return undefined;
  const lease = await leases.take('audit/incidents', endsAt, now);
  if ('heldUntil' in lease) return undefined;
  try {
    return await notify(
      found,
      runs,
      { store, send: (mail) => publishAlert(topic, mail) },
      { now, service, stage },
    );
  } finally {
    await releaseLease(lease);
  }
}

/**
 * Reads when each job last succeeded and last failed. A new job is recorded with the current time,
 * so that it is overdue only after its interval. An audit that only reads counts it so, too.
 */
async function recordedRuns(
  policies: readonly Policy[],
  now: Date,
  isReadOnly: boolean,
): Promise<(FailedRuns & { good: GoodRun[] }) | undefined> {
  if (!store) return undefined;
  const waiting = topic && failedRunQueue ? failedRunQueue.count() : Promise.resolve(0);
  // Without the number the audit goes on, and the notification fails.
  await waiting.catch(() => undefined);
  const accounts = new Set(policies.map(({ account }) => account));
  const goodRuns = await store.goodRuns();
  const failed = await store.failedRuns((run) =>
    goodRuns.some((good) => good.job === run.job && good.at > run.at && isRunOf(run, good, accounts)),
  );
  const newRuns = jobsWithoutRecord(policies, goodRuns);
  // A failure before the first audit must be notified, so no good run may be recorded after it.
  const failureOf = (run: AccountJob) =>
    failed.find((one) => one.job === run.job && isRunOf(one, run, accounts));
  const toRecord = isReadOnly ? [] : newRuns.filter((run) => !failureOf(run));
  await Promise.all(toRecord.map((run) => store.putGoodRun(run)));
  const added = newRuns.map((run) => ({ ...run, at: failureOf(run)?.at ?? now }));
  return { good: [...goodRuns, ...added], failed, waiting };
}
