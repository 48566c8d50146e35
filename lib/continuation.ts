import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { publish } from './alerts.ts';
import { isoSeconds } from './dates.ts';
import { handlerOf, type Job, logger, say } from './invocation.ts';
import { endingOf, queue, type Runner, runJob } from './lambda.ts';
import { failureOf, withFailures } from './report.ts';
import { settings } from './settings.ts';
import { afterRun, failureRecord, isOver, parseWork, prospectOf, type Work } from './work.ts';

const { topic } = settings();

type Runners = Record<Work['job'], Runner>;

/** How a run has ended, as far as its work is concerned. */
interface Ended {
  failure: Error | undefined;
  /** Trying again would not help. */
  final: boolean;
  /** When what is left is gone on with. */
  at?: Date | undefined;
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
export function continuation(runners: Runners) {
  return handlerOf(async ({ Records }: SQSEvent, job): Promise<SQSBatchResponse> => {
    const staying: string[] = [];
    for (const record of Records) {
      if (!(await workOff(record, runners, job))) staying.push(record.messageId);
    }
    return { batchItemFailures: staying.map((itemIdentifier) => ({ itemIdentifier })) };
  });
}

/** @returns whether the message is done with. */
async function workOff({ body, receiptHandle }: SQSRecord, runners: Runners, job: Job): Promise<boolean> {
  const work = parseWork(body);
  const { now } = job;
  const { failure, final, at: leftAt } = await run(work, runners[work.job], job);
  const failed = failure && (final ? 'final' : true);
  const { tell, tries, at } = afterRun(work, { failed: failed ?? false, at: leftAt }, now);
  try {
    if (failure && tell && topic) {
      const subject = `Autosnap ${job.deployment}: ${work.job} has failed`;
      const record = failureRecord(work, job.arnOf(work.job), failure, now);
      await publish(topic, { subject, text: JSON.stringify(record) });
    }
    if (!at) return true;
    const waitMs = Math.max(0, at.getTime() - Date.now());
    if (tries === work.tries) await queue?.holdBack(receiptHandle, waitMs);
    else await queue?.send([{ ...work, tries }], waitMs);
    return tries !== work.tries;
  } catch (error) {
    // It comes again when its time in the queue is over: what was done twice then, does no harm.
    logger.error('the message stays as it is', { reason: (error as Error).message });
    return false;
  }
}

async function run(work: Work, runner: Runner, job: Job): Promise<Ended> {
  const { now } = job;
  const { since, requestId, accounts } = work;
  const ofWork = { ...job, since, requestId, ...(accounts ? { accounts } : {}) };
  try {
    if (isOver(work, now)) {
      const failure = new Error(
        `${work.job}: what was left at ${isoSeconds(since)} was not gone on with in time`,
      );
      return { failure, final: true };
    }
    let ended: Pick<Ended, 'final' | 'at'> = { final: false };
    const report = await runJob(work.job, runner, work.event, ofWork, async (draft, order) => {
      const event = order as Work['event'];
      const { at, over } = prospectOf(draft, { ...work, event }, now);
      ended = { final: over.length > 0, at };
      return { ...withFailures(draft, over), ...(at ? { goesOn: isoSeconds(at) } : {}) };
    });
    say(report, endingOf(report));
    return { failure: failureOf(report), ...ended };
  } catch (error) {
    logger.error('the run has failed', error as Error);
    return { failure: error as Error, final: false };
  }
}
