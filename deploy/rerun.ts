import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import * as v from 'valibot';
import { printable, printableJson, printableLines } from '../lib/openstack/printable.ts';
import { JOBS, repeatable } from '../lib/runtime/work-item.ts';

const InvocationRecord = v.object({
  requestContext: v.object({ functionArn: v.string(), requestId: v.exactOptional(v.string()) }),
  requestPayload: v.unknown(),
});
const Job = v.object({
  job: v.picklist(JOBS),
  event: v.record(v.string(), v.unknown()),
  requestId: v.exactOptional(v.string()),
});

/** A run that failed in all its attempts, with the receipt handles of its messages. */
interface QueuedFailure {
  /** The ARN or the name of the function. */
  fn: string;
  event: unknown;
  receipts: string[];
}

interface Clients {
  queues: SQSClient;
  functions: LambdaClient;
}

/**
 * Reruns the failed runs of a queue one after another. The messages of a successful rerun are
 * deleted; the others stay. Several failures of a function with the same event are rerun once,
 * because a run works on the current state. Ad-hoc events without `request` are requests of their
 * own, which keep the ids of their first invocations.
 *
 * The messages are those that Lambda sends to an on-failure destination (AWS Lambda developer
 * guide, "Invocation records"), or work items that SQS moved to this queue after too many
 * deliveries (lib/runtime/work-item.ts).
 *
 * @param print prints a line for each run.
 * @param discard deletes the messages that are no failed runs; otherwise they stay in the queue.
 * @returns the number of runs that failed again, or that Lambda refused.
 */
export async function rerun(
  { queues, functions }: Clients,
  queueName: string,
  print: (line: string) => void,
  { discard = false } = {},
): Promise<number> {
  const { QueueUrl } = await queues.send(new GetQueueUrlCommand({ QueueName: queueName }));
  const { runs, others } = await failedRuns(queues, QueueUrl, queueName.replace(/-failed-runs$/, ''));
  for (const { body, receipt: ReceiptHandle } of others) {
    const message = { QueueUrl, ReceiptHandle };
    await (discard
      ? queues.send(new DeleteMessageCommand(message))
      : queues.send(new ChangeMessageVisibilityCommand({ ...message, VisibilityTimeout: 0 })));
    const action = discard ? 'was deleted' : 'stays in the queue; --discard deletes it';
    print(`! this message is not a failed run and ${action}: ${printable(body.slice(0, 200))}`);
  }
  if (runs.length === 0) print('There are no failed runs.');
  let failed = 0;
  for (const { fn, event, receipts } of runs) {
    const failure = await invokeAgain(functions, fn, event);
    const run = `${printable(fn.split(':')[6] ?? fn)} ${printableJson(event)}`;
    if (failure === undefined) {
      print(`✓ ${run}`);
    } else {
      failed++;
      print(`✗ ${run}\n  ${printableLines(failure).replaceAll('\n', '\n  ')}`);
    }
    for (const ReceiptHandle of receipts) {
      const message = { QueueUrl, ReceiptHandle };
      await (failure === undefined
        ? queues.send(new DeleteMessageCommand(message))
        : queues.send(new ChangeMessageVisibilityCommand({ ...message, VisibilityTimeout: 0 })));
    }
  }
  return failed;
}

/**
 * Invokes a function and waits for its end.
 *
 * @returns why the run failed, or why Lambda refuses it: the function may no longer exist.
 */
async function invokeAgain(functions: LambdaClient, fn: string, event: unknown): Promise<string | undefined> {
  try {
    const { FunctionError, Payload } = await functions.send(
      new InvokeCommand({ FunctionName: fn, Payload: JSON.stringify(event) }),
    );
    if (!FunctionError) return undefined;
    return (JSON.parse(Buffer.from(Payload ?? []).toString()) as { errorMessage: string }).errorMessage;
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
}

/**
 * Receives all messages of the queue. No other consumer receives them until their visibility
 * timeout has passed.
 */
async function failedRuns(
  queues: SQSClient,
  QueueUrl: string | undefined,
  deployment: string,
): Promise<{ runs: QueuedFailure[]; others: { body: string; receipt: string }[] }> {
  const runs = new Map<string, QueuedFailure>();
  const others: { body: string; receipt: string }[] = [];
  for (;;) {
    const { Messages = [] } = await queues.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2 }),
    );
    if (Messages.length === 0) return { runs: [...runs.values()], others };
    for (const { Body = '', ReceiptHandle = '' } of Messages) {
      const read = readMessage(Body, deployment);
      if (!read) {
        others.push({ body: Body, receipt: ReceiptHandle });
        continue;
      }
      const { fn, event } = read;
      const key = JSON.stringify([fn, event]);
      const run = runs.get(key) ?? { fn, event, receipts: [] };
      run.receipts.push(ReceiptHandle);
      runs.set(key, run);
    }
  }
}

/**
 * Parses a message: the invocation record of a failed run, or a work item. The payload of a
 * `continue` record is a work item that another version could not parse.
 */
function readMessage(body: string, deployment: string): Pick<QueuedFailure, 'fn' | 'event'> | undefined {
  const message = v.safeParse(v.pipe(v.string(), v.parseJson()), body).output;
  const record = v.safeParse(InvocationRecord, message);
  const work = v.safeParse(Job, record.success ? record.output.requestPayload : message);
  if (work.success) {
    const { job, event, requestId } = work.output;
    return { fn: `${deployment}-${job}`, event: repeatable(event, requestId) };
  }
  if (!record.success || isOfContinue(record.output.requestContext, deployment)) return undefined;
  const { functionArn, requestId } = record.output.requestContext;
  return { fn: functionArn, event: repeatable(record.output.requestPayload, requestId) };
}

function isOfContinue({ functionArn }: { functionArn: string }, deployment: string): boolean {
  return functionArn.split(':')[6] === `${deployment}-continue`;
}
