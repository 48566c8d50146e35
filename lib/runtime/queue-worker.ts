import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { DAY_MS, isoSeconds, MINUTE_MS } from '../config/dates.ts';
import { settings } from '../config/environment.ts';
import { invalidEvent, ValidationError } from '../config/validation-error.ts';
import { isCloudError } from '../openstack/errors.ts';
import { withBusyGivenUp } from '../reporting/busy-entries.ts';
import { failureFor, failureOf } from '../reporting/failure.ts';
import { withFailures } from '../reporting/finish-report.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Entry, Report } from '../reporting/report.ts';
import { handlerOf, type JobContext, logFailure, logReason, logResult } from './handler.ts';
import { endingOf, type JobDefinition, queue, runJob, storeRejectedMessage } from './job.ts';
import { failedRunQueueAt } from './queue.ts';
import {
  afterRun,
  failureRecord,
  isExpired,
  parseMessage,
  type RestoreItem,
  retryPlanOf,
  type WorkItem,
} from './work-item.ts';

const { failedRuns } = settings();
const failedRunQueue = failedRuns ? failedRunQueueAt(failedRuns) : undefined;

/** The maximum number of causes in a work item: an SQS message is limited to 256 KiB. */
const MAX_CAUSES = 500;

/**
 * After this many deliveries, a message is replaced by a new one, because SQS moves a message to
 * the failed runs after 100 deliveries, even if its work progresses. Lambda's recursive loop
 * detection stops the function only after 16 messages in a row, which no work needs in its time.
 */
const MAX_DELIVERIES = 50;

type JobDefinitions = Record<WorkItem['job'], JobDefinition>;

/**
 * Takes the next step of a restore.
 *
 * @returns the time until the step after it, in milliseconds; undefined when the restore has ended.
 */
export type ResumeRestore = (item: RestoreItem, job: JobContext) => Promise<number | undefined>;

/** After this time, a restore whose steps can't even be recorded is left to the failed runs. */
const MOST_RESTORE_MS = 2 * DAY_MS;
/** The time until the next try of a restore whose record can't be read or written. */
const RESTORE_RETRY_MS = MINUTE_MS;

/** The result of a run for its work item. */
interface RunResult {
  failure: Error | undefined;
  /** Whether a retry would not help. */
  final: boolean;
  /** When the deferred work resumes. */
  at?: Date | undefined;
  /** The causes of the failure. Equal causes have equal texts. */
  causes: readonly string[];
}

/**
 * Creates the Lambda handler of the queue: it resumes work that a run deferred at its deadline, and
 * retries servers that were busy.
 *
 * While work remains, its message stays in the queue with a longer visibility timeout, instead of
 * being replaced by a new message. So no work gets lost between two messages, and Lambda's
 * recursive loop detection, which stops a function after about 16 calls of itself through a queue,
 * does not apply. A killed run has not deleted its message, so SQS delivers the message again.
 */
export function queueWorker(tasks: JobDefinitions, resumeRestore: ResumeRestore) {
  return handlerOf(async (event: Partial<SQSEvent> | null, job): Promise<SQSBatchResponse> => {
    const { Records } = event ?? {};
    if (!Array.isArray(Records)) {
      throw invalidEvent({
        field: 'Records',
        text: 'is missing: this function processes queue messages and is not for manual invocation',
      });
    }
    const undone: string[] = [];
    for (const record of Records) {
      if (!(await processRecord(record, { tasks, resumeRestore }, job))) undone.push(record.messageId);
    }
    return { batchItemFailures: undone.map((itemIdentifier) => ({ itemIdentifier })) };
  });
}

/** @returns whether the message can be deleted. */
async function processRecord(
  record: SQSRecord,
  { tasks, resumeRestore }: { tasks: JobDefinitions; resumeRestore: ResumeRestore },
  job: JobContext,
): Promise<boolean> {
  let work: WorkItem | RestoreItem;
  try {
    work = parseMessage(record.body);
  } catch {
    return rejectMessage(record, job);
  }
  return work.job === 'restore'
    ? processRestore(work, record, resumeRestore, job)
    : processWork(work, record, tasks, job);
}

/** @returns whether the message can be deleted. */
async function processRestore(
  item: RestoreItem,
  record: SQSRecord,
  resumeRestore: ResumeRestore,
  job: JobContext,
): Promise<boolean> {
  try {
    const waitMs = await resumeRestore(item, job);
    return waitMs === undefined || keepWaiting(item, item, record, waitMs);
  } catch (error) {
    logFailure(error);
    const isOver = job.now.getTime() - item.since.getTime() >= MOST_RESTORE_MS;
    return isOver
      ? keepFailure('restore', item, error as Error, job)
      : keepWaiting(item, item, record, RESTORE_RETRY_MS);
  }
}

/**
 * Keeps a work item in the queue for a time: its message, unless the work item has changed.
 *
 * @returns whether the message can be deleted.
 */
async function keepWaiting<W extends WorkItem | RestoreItem>(
  before: W,
  work: W,
  { receiptHandle, attributes }: Pick<SQSRecord, 'receiptHandle' | 'attributes'>,
  waitMs: number,
): Promise<boolean> {
  try {
    const reachedMaxDeliveries = Number(attributes.ApproximateReceiveCount) >= MAX_DELIVERIES;
    const isSame = work === before && !reachedMaxDeliveries;
    if (isSame) await queue?.holdBack(receiptHandle, waitMs);
    else await queue?.send([work], waitMs);
    return !isSame;
  } catch (error) {
    logReason('error', { code: 'MESSAGE_NOT_SETTLED', message: (error as Error).message });
    return false;
  }
}

/**
 * Moves an invalid message to the failed runs at once, because a retry would not make the message
 * valid.
 */
async function rejectMessage({ body, messageId }: SQSRecord, job: JobContext): Promise<boolean> {
  const failure = failureFor({ code: 'MESSAGE_INVALID' });
  logFailure(failure);
  await storeRejectedMessage(messageId);
  return keepFailure('continue', { requestId: job.requestId, event: parsedOrText(body) }, failure, job);
}

function parsedOrText(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/**
 * Stores the event of a run that failed in all tries in the queue of failed runs. From there, it
 * can be run again; the audit notifies people.
 *
 * @returns whether the message can be deleted: the record is stored, or the deployment has no queue
 *   of failed runs.
 */
async function keepFailure(
  name: string,
  run: { requestId: string; event: unknown },
  failure: Error,
  job: JobContext,
): Promise<boolean> {
  try {
    await failedRunQueue?.keep(failureRecord(run, job.arnOf(name), failure, job.now));
    return true;
  } catch (error) {
    // SQS delivers the message again after its visibility timeout. A repeated run does no harm.
    logReason('error', { code: 'MESSAGE_NOT_SETTLED', message: (error as Error).message });
    return false;
  }
}

/** @returns whether the message can be deleted. */
async function processWork(
  work: WorkItem,
  record: SQSRecord,
  tasks: JobDefinitions,
  job: JobContext,
): Promise<boolean> {
  const { now } = job;
  const { failure, final, at: leftAt, causes } = await runWork(work, tasks[work.job], job);
  const failed = failure && (final ? 'final' : true);
  const { notify, tries, notified, at } = afterRun(
    work,
    { failed: failed ?? false, at: leftAt, causes },
    now,
  );
  if (failure && notify && !(await keepFailure(work.job, work, failure, job))) return false;
  if (!at) return true;
  const isSame = tries === work.tries && !notify;
  const next = isSame ? work : { ...work, tries, notified: [...notified] };
  return keepWaiting(work, next, record, Math.max(0, at.getTime() - Date.now()));
}

async function runWork(work: WorkItem, task: JobDefinition, job: JobContext): Promise<RunResult> {
  const { now } = job;
  const { since, requestId, accounts, tries } = work;
  const jobOfWork = { ...job, since, requestId, tries, ...(accounts ? { accounts } : {}) };
  try {
    if (isExpired(work, task.read(work.event, job), now)) {
      const failure = failureFor({ code: 'WORK_EXPIRED', job: work.job, since: isoSeconds(since) });
      return { failure, final: true, causes: failure.codes };
    }
    let resumption: Pick<RunResult, 'final' | 'at'> = { final: false };
    let abandoned: readonly Reason[] = [];
    const report = await runJob(task, work.event, jobOfWork, async (draft, order) => {
      const plan = retryPlanOf(draft, work, order, now);
      const { at, givesUpBusy } = plan;
      ({ abandoned } = plan);
      resumption = { final: abandoned.length > 0 || givesUpBusy, at };
      const ended = givesUpBusy ? withBusyGivenUp(draft, now.getTime() - since.getTime()) : draft;
      return { ...withFailures(ended, abandoned), ...(at ? { resumesAt: isoSeconds(at) } : {}) };
    });
    logResult(report, endingOf(report, job));
    return { failure: failureOf(report), ...resumption, causes: causesOf(report, abandoned) };
  } catch (error) {
    logFailure(error);
    // An invalid event is invalid in every try.
    const cause = isCloudError(error) ? error.code : (error as Error).name;
    return { failure: error as Error, final: error instanceof ValidationError, causes: [cause] };
  }
}

function countFailedIn(entries: readonly Entry[], region: string): number {
  const its = entries.filter((entry) => entry.region === region);
  return its.flatMap(({ outcome, snapshots = [{ outcome }] }) => snapshots).filter(isFailed).length;
}

function isFailed({ outcome }: Pick<Entry, 'outcome'>): boolean {
  return outcome === 'failed';
}

/**
 * The causes of a report's failures: each failed server with its code, each region with failures of
 * its own, and the codes of the abandoned work.
 */
function causesOf({ entries, failures, failedIn = {} }: Report, abandoned: readonly Reason[]): string[] {
  const failed = entries.filter(isFailed);
  const causes = [
    ...failed.map(({ region, server, code }) => `${region} ${server} ${code}`),
    ...Object.keys(failedIn).filter((region) => failedIn[region]! > countFailedIn(entries, region)),
    ...abandoned.map(({ code }) => code),
  ];
  return causes.length > 0 || failures.length === 0 ? causes.slice(0, MAX_CAUSES) : ['OTHER'];
}
