import { ADHOC, type Adhoc, isAdhoc } from '../config/adhoc-event.ts';
import { isoSeconds } from '../config/dates.ts';
import { settings } from '../config/environment.ts';
import { isNarrowed } from '../config/event.ts';
import { type Hold, isHold } from '../config/hold-event.ts';
import type { Policy } from '../config/policy.ts';
import { isCloudError, restated } from '../openstack/errors.ts';
import type { Traffic } from '../openstack/http.ts';
import type { Session } from '../openstack/session.ts';
import { crashedRunOf, type FailedRun, failedRunOf } from '../reporting/failed-run.ts';
import { codesOf, failureOf, reasonFor } from '../reporting/failure.ts';
import { finishReport, withFailures } from '../reporting/finish-report.ts';
import { type HeartbeatPing, heartbeatPingOf } from '../reporting/heartbeat.ts';
import { planText } from '../reporting/plan-text.ts';
import type { Finding } from '../reporting/reasons.ts';
import type { Report } from '../reporting/report.ts';
import { reportStoreIn } from '../reporting/report-store.ts';
import { ERRORS } from '../reporting/sentences/errors.ts';
import { accountEvents, enqueueEach, runEach } from './fan-out.ts';
import { invocation, type JobContext, logReason, metrics, pingHeartbeat, releaseLease } from './handler.ts';
import { type Lease, leasesAt } from './lease.ts';
import { workQueueAt } from './queue.ts';
import { isLastTry, retryPlanOf, type WorkItem } from './work-item.ts';

const { bucket, queue: queueUrl } = settings();
const store = bucket ? reportStoreIn(bucket) : undefined;
const leases = leasesAt(bucket);
/** Undefined unless the deployment has a queue. */
export const queue = queueUrl ? workQueueAt(queueUrl) : undefined;

/** The validated event of one account. */
type Order = Policy | Adhoc | Hold;

/** A job: how it validates an event of one account, and how it runs. */
export interface JobDefinition<O extends Order = Policy | Adhoc, N extends Report['job'] = WorkItem['job']> {
  name: N;
  /** @throws {ValidationError} for an event that is not valid for this job. */
  read(event: unknown, job: JobContext): O;
  run(order: O, job: JobContext): Promise<Report>;
}

/**
 * Creates the Lambda handler of a job. The report is turned into metrics, logged, stored and
 * returned. If the run deferred work and the deployment has a queue, the work is enqueued and
 * resumed by queue-worker.ts. Otherwise a report with failures makes the invocation fail with an
 * error that summarizes them.
 *
 * An event of several accounts is enqueued as one work item for each account. Without a queue, and
 * in a dry run, the accounts run one after another in this invocation.
 */
export function jobHandler(task: JobDefinition) {
  const { name } = task;
  const runOne = (event: unknown, job: JobContext) =>
    runJob(task, event, job, (report, order) => enqueueDeferred(report, event, order, job));
  return invocation(async (event, job) => {
    const events = await withCrashReport(name, event, job, () =>
      accountEvents(event, job, (one) => task.read(one, job)),
    );
    const [only, ...others] = events;
    if (others.length === 0) return runOne(only, job);
    return queue && !(event as { dryRun?: boolean }).dryRun
      ? withCrashReport(name, event, job, () => enqueueEach(queue, name, events, job))
      : runEach(name, events, job, runOne);
  }, endingOf);
}

/**
 * {@link jobHandler} for a manual action on one snapshot. The action belongs to no policy and never
 * defers work.
 */
export function manualHandler(task: JobDefinition<Hold, 'hold'>) {
  return invocation((event, job) => runJob(task, event, job, async (report) => report), endingOf);
}

/** How the invocation ends for a report; see {@link RunEnding}. */
export function endingOf(report: Report, { isDeployed }: Pick<JobContext, 'isDeployed'>) {
  return {
    failure: failureOf(report),
    resumes: report.resumesAt !== undefined,
    text: report.dryRun && report.job === 'cleanup' ? planText(report, !isDeployed) : undefined,
  };
}

/**
 * Runs a job once for one account, publishes its metrics and stores its report.
 *
 * @param settle decides about the work that the run deferred, and completes the report.
 */
export async function runJob<O extends Order>(
  { name, read, run }: JobDefinition<O, Report['job']>,
  event: unknown,
  job: JobContext,
  settle: (report: Report, order: O) => Promise<Report>,
): Promise<Report> {
  const sessions: Session[] = [];
  const login = async (account: string) => {
    const session = await job.login(account).catch((error: unknown) => {
      throw isCloudError(error) ? restated(error, ERRORS.ofAccount(account, error.message)) : error;
    });
    sessions.push(session);
    return session;
  };
  const { accounts } = job;
  const report = await withCrashReport(name, event, job, async () => {
    const order = read(event, job);
    const found = await withLease(name, order, job, () => run(order, { ...job, login }));
    const more = {
      ...(accounts ? { accounts } : {}),
      ...(isNarrowed(event) ? { isPart: true as const } : {}),
    };
    return settle({ ...found, ...more }, order);
  });
  const failed = failureOf(report) !== undefined;
  const ended = report.resumesAt === undefined && !report.left?.otherRunUntil;
  metrics.publish(report, isNarrowed(event) ? undefined : ended && !failed, totalTraffic(sessions));
  const beat = failed || ended ? heartbeatPingOf(name, event) : undefined;
  await Promise.all([
    storeReport(report, job),
    beat && !failed ? storeGoodRun(beat) : undefined,
    beat && failed ? storeFailedRun(failedRunOf(beat, report, isLastTry(job))) : undefined,
    pingHeartbeat(beat, !failed),
  ]);
  return report;
}

/**
 * Runs a job under a lease, so that only one run at a time works for a policy and account. A
 * concurrent run (delivered twice, invoked by hand, retried) does nothing and reports `OTHER_RUN`;
 * with a queue it is enqueued until the lease expires.
 */
async function withLease(
  name: Report['job'],
  order: Order,
  job: JobContext,
  run: () => Promise<Report>,
): Promise<Report> {
  if (order.dryRun || isHold(order)) return run();
  const policy = isAdhoc(order) ? `${ADHOC}/${order.request ?? job.requestId}` : order.policy;
  const { account } = order;
  let lease: Lease;
  try {
    lease = await leases.take(`${name}/${policy}/${account}`, job.endsAt, job.now);
  } catch (error) {
    // Two concurrent runs create at most one snapshot too many for each server. Without a run,
    // servers would have no snapshot.
    logReason('warn', { code: 'LEASE_NOT_TAKEN', message: (error as Error).message });
    return run();
  }
  if ('heldUntil' in lease) {
    const { owner } = job;
    const otherRunUntil = isoSeconds(lease.heldUntil);
    return finishReport({
      job: name,
      policy: isAdhoc(order) ? ADHOC : policy,
      owner,
      account,
      dryRun: false,
      failures: [],
      warnings: [{ code: 'OTHER_RUN', until: otherRunUntil }],
      left: { otherRunUntil },
      nothingSelected: false,
      entries: [],
    });
  }
  try {
    return await run();
  } finally {
    await releaseLease(lease);
  }
}

/**
 * Records the failure of a run that throws before it has a report, and stores a report of the
 * failure for the digest.
 */
async function withCrashReport<T>(
  name: Report['job'],
  event: unknown,
  job: JobContext,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (error) {
    // Rules send valid events, so an invalid event was sent by hand.
    const isRefused = codesOf(error).includes('EVENT_INVALID');
    const beat = isRefused ? undefined : heartbeatPingOf(name, event);
    if (beat) metrics.publishCrash(beat, job.accounts !== undefined);
    await Promise.all([
      pingHeartbeat(beat, false),
      ...(beat
        ? [storeFailedRun(crashedRunOf(beat, error)), storeReport(crashReport(name, beat, job, error), job)]
        : []),
    ]);
    throw error;
  }
}

/** The report of a scheduled run that threw an error. */
function crashReport(
  name: Report['job'],
  { policy, account = '' }: HeartbeatPing,
  { owner, accounts, policies, now, since = now }: JobContext,
  error: unknown,
): Report {
  const schedule = name === 'snapshot' ? policies?.find((one) => one.policy === policy)?.schedule : undefined;
  const [slot, nextRun] = [schedule?.slot(since), schedule?.next(since)];
  return finishReport({
    job: name,
    policy,
    owner,
    account,
    ...(accounts ? { accounts } : {}),
    dryRun: false,
    ...(slot ? { slot: isoSeconds(slot) } : {}),
    ...(nextRun ? { nextRun: isoSeconds(nextRun) } : {}),
    failures: [{ code: 'RUN_CRASHED', problem: reasonFor(error) }],
    warnings: [],
    nothingSelected: false,
    entries: [],
  });
}

/**
 * Enqueues the work that a run deferred. Without a queue the deferred work becomes a failure, so
 * that Lambda retries the run.
 */
async function enqueueDeferred(
  report: Report,
  event: unknown,
  order: Policy | Adhoc,
  { now, requestId }: JobContext,
): Promise<Report> {
  const { job, left, dryRun } = report;
  if (!left || dryRun || job === 'hold') return report;
  const work = { job, event: event as Record<string, unknown>, since: now, requestId };
  const failures: Finding[] = left.outOfTime
    ? [{ code: 'LEFT_TO_NEXT_TRY', job, count: left.outOfTime }]
    : [];
  if (!queue) return withFailures(report, failures);
  // The run has only just started, so it abandons no work.
  const { at = now } = retryPlanOf(report, work, order, now);
  try {
    const tries = failureOf(report) ? 1 : 0;
    await queue.send([{ ...work, tries }], at.getTime() - now.getTime());
    return { ...report, resumesAt: isoSeconds(at) };
  } catch (error) {
    logReason('warn', { code: 'WORK_NOT_ENQUEUED', message: (error as Error).message });
    return withFailures(report, failures);
  }
}

function totalTraffic(sessions: Session[]): Traffic {
  const sum = (key: keyof Traffic) => sessions.reduce((total, { traffic }) => total + traffic[key], 0);
  return { calls: sum('calls'), rateLimited: sum('rateLimited') };
}

/** Stores the report for the daily digest. An error is only logged. */
async function storeReport(report: Report, { requestId, now }: JobContext): Promise<void> {
  if (!store || report.dryRun) return;
  try {
    await store.putRun(report, requestId, now);
  } catch (error) {
    logReason('warn', { code: 'REPORT_NOT_STORED', message: (error as Error).message });
  }
}

/**
 * Stores the time of a successful run, for the audit's warning about jobs that no longer succeed.
 * An error is only logged.
 */
async function storeGoodRun({ job, policy, account = '' }: HeartbeatPing): Promise<void> {
  try {
    await store?.putGoodRun({ job, policy, account });
  } catch (error) {
    logReason('warn', { code: 'GOOD_RUN_NOT_STORED', message: (error as Error).message });
  }
}

/** Records a failed run, so that the audit can notify people. An error is only logged. */
async function storeFailedRun(run: FailedRun): Promise<void> {
  try {
    await store?.putFailedRun(run);
  } catch (error) {
    logReason('warn', { code: 'FAILED_RUN_NOT_STORED', message: (error as Error).message });
  }
}

/** Records a message that can't be read, so that the audit notifies people. An error is logged. */
export async function storeRejectedMessage(id: string): Promise<void> {
  try {
    await store?.putRejectedMessage(id);
  } catch (error) {
    logReason('warn', { code: 'FAILED_RUN_NOT_STORED', message: (error as Error).message });
  }
}
