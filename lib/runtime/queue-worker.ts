import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { isoSeconds } from '../config/dates.ts';
import { settings } from '../config/environment.ts';
import { Refusal } from '../config/validation-error.ts';
import { isCloudError } from '../openstack/errors.ts';
import { publish } from '../reporting/alerts.ts';
import type { Reason } from '../reporting/reasons.ts';
import { type Entry, failureOf, type Report, withFailures } from '../reporting/report.ts';
import { handlerOf, type Job, logger, say } from './handler.ts';
import { endingOf, queue, runJob, type Task } from './job.ts';
import { afterRun, failureRecord, isOver, parseWork, prospectOf, type Work } from './work-item.ts';

const { topic } = settings();

/** A message of SQS has 256 KiB. */
const MOST_CAUSES = 500;

type Tasks = Record<Work['job'], Task>;

/** How a run has ended, as far as its work is concerned. */
interface Ended {
  failure: Error | undefined;
  /** Trying again would not help. */
  final: boolean;
  /** When what is left is gone on with. */
  at?: Date | undefined;
  /** Of the failure, each as a text that is the same when the cause is. */
  causes: readonly string[];
}

/**
 * Makes the Lambda handler that works off the queue: it goes on with what the time of a run did not suffice for, and
 * comes back to servers that were busy.
 *
 * While something is left the same message stays in the queue, held back for as long as there is to wait, instead of a
 * new one being sent. So nothing can get lost between the two, and Lambda's detection of recursive loops, which stops
 * a function that has called itself through a queue some sixteen times, has nothing to detect. A run that is killed has
 * not taken its message out: SQS delivers it again.
 */
export function continuation(tasks: Tasks) {
  return handlerOf(async (event: Partial<SQSEvent> | null, job): Promise<SQSBatchResponse> => {
    const { Records } = event ?? {};
    if (!Array.isArray(Records)) {
      throw new Refusal('The event is refused', [
        'Records: is missing: this function works off a queue, and is not to be invoked by hand',
      ]);
    }
    const staying: string[] = [];
    for (const record of Records) {
      if (!(await take(record, tasks, job))) staying.push(record.messageId);
    }
    return { batchItemFailures: staying.map((itemIdentifier) => ({ itemIdentifier })) };
  });
}

/** @returns whether the message is done with. */
async function take(record: SQSRecord, tasks: Tasks, job: Job): Promise<boolean> {
  let work: Work;
  try {
    work = parseWork(record.body);
  } catch {
    return setAside(record, job);
  }
  return workOff(work, record.receiptHandle, tasks, job);
}

/** Puts a message that is no work into the queue of failed runs, at once: it would be no work the next time either. */
async function setAside({ body }: SQSRecord, job: Job): Promise<boolean> {
  const failure = new Error(
    'continue: the message is no work that this version knows: another version has left it, or it was made by hand',
  );
  logger.error('the message is set aside', failure);
  return publishFailure('continue', { requestId: job.requestId, event: parsed(body) }, failure, job);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** @returns whether it was published, or nobody wants to hear of it. */
async function publishFailure(
  name: string,
  run: { requestId: string; event: unknown },
  failure: Error,
  job: Job,
): Promise<boolean> {
  if (!topic) return true;
  try {
    const subject = `Autosnap ${job.deployment}: ${name} has failed`;
    await publish(topic, {
      subject,
      text: JSON.stringify(failureRecord(run, job.arnOf(name), failure, job.now)),
    });
    return true;
  } catch (error) {
    // It comes again when its time in the queue is over: what was done twice then, does no harm.
    logger.error('the message stays as it is', { reason: (error as Error).message });
    return false;
  }
}

/** @returns whether the message is done with. */
async function workOff(work: Work, receipt: string, tasks: Tasks, job: Job): Promise<boolean> {
  const { now } = job;
  const { failure, final, at: leftAt, causes } = await run(work, tasks[work.job], job);
  const failed = failure && (final ? 'final' : true);
  const { tell, tries, told, at } = afterRun(work, { failed: failed ?? false, at: leftAt, causes }, now);
  if (failure && tell && !(await publishFailure(work.job, work, failure, job))) return false;
  if (!at) return true;
  try {
    const waitMs = Math.max(0, at.getTime() - Date.now());
    const isSame = tries === work.tries && !tell;
    if (isSame) await queue?.holdBack(receipt, waitMs);
    else await queue?.send([{ ...work, tries, told: [...told] }], waitMs);
    return !isSame;
  } catch (error) {
    logger.error('the message stays as it is', { reason: (error as Error).message });
    return false;
  }
}

async function run(work: Work, task: Task, job: Job): Promise<Ended> {
  const { now } = job;
  const { since, requestId, accounts } = work;
  const ofWork = { ...job, since, requestId, ...(accounts ? { accounts } : {}) };
  try {
    if (isOver(work, task.read(work.event, job), now)) {
      const failure = new Error(
        `${work.job}: what was left at ${isoSeconds(since)} was not gone on with in time`,
      );
      return { failure, final: true, causes: ['NOT_IN_TIME'] };
    }
    let ended: Pick<Ended, 'final' | 'at'> = { final: false };
    let givenUp: readonly Reason[] = [];
    const report = await runJob(task, work.event, ofWork, async (draft, order) => {
      const { at, over } = prospectOf(draft, work, order, now);
      ended = { final: over.length > 0, at };
      givenUp = over;
      return { ...withFailures(draft, over), ...(at ? { goesOn: isoSeconds(at) } : {}) };
    });
    say(report, endingOf(report));
    return { failure: failureOf(report), ...ended, causes: causesOf(report, givenUp) };
  } catch (error) {
    logger.error('the run has failed', error as Error);
    // What is refused once is refused each time.
    const cause = isCloudError(error) ? error.code : (error as Error).name;
    return { failure: error as Error, final: error instanceof Refusal, causes: [cause] };
  }
}

function failedLines(entries: readonly Entry[], region: string): number {
  const its = entries.filter((entry) => entry.region === region);
  return its.flatMap(({ outcome, snapshots = [{ outcome }] }) => snapshots).filter(isFailed).length;
}

function isFailed({ outcome }: Pick<Entry, 'outcome'>): boolean {
  return outcome === 'failed';
}

/** The causes of a report's failures: each server with its code, each region that can't be read, and what was given up. */
function causesOf({ entries, failures, failedIn = {} }: Report, givenUp: readonly Reason[]): string[] {
  const failed = entries.filter(isFailed);
  const causes = [
    ...failed.map(({ region, server, code }) => `${region} ${server} ${code}`),
    ...Object.keys(failedIn).filter((region) => failedIn[region]! > failedLines(entries, region)),
    ...givenUp.map(({ code }) => code),
  ];
  return causes.length > 0 || failures.length === 0 ? causes.slice(0, MOST_CAUSES) : ['OTHER'];
}
