import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Work } from '../lib/work.ts';

/** A run that failed all its tries, with the receipts of the messages that tell of it. */
interface FailedRun {
  /** Its ARN or its name. */
  fn: string;
  event: unknown;
  receipts: string[];
}

interface Clients {
  queues: SQSClient;
  functions: LambdaClient;
}

/**
 * Runs again, one after another, what is in a queue of failed runs. What ends well is taken out of the queue, the
 * rest stays. The same event for the same function is run once, however often it has failed: a run looks at what is
 * there now.
 *
 * The messages are what Lambda sends to an on-failure destination (AWS Lambda developer guide, "Invocation records"),
 * or work that was put into this queue because it was delivered too often (lib/work.ts).
 *
 * @param say is told a line for each run.
 * @returns how many failed again.
 */
export async function rerun(
  { queues, functions }: Clients,
  queueName: string,
  say: (line: string) => void,
): Promise<number> {
  const { QueueUrl } = await queues.send(new GetQueueUrlCommand({ QueueName: queueName }));
  const runs = await failedRuns(queues, QueueUrl, queueName.replace(/-failed-runs$/, ''));
  if (runs.length === 0) say('There are no failed runs.');
  let failed = 0;
  for (const { fn, event, receipts } of runs) {
    const { FunctionError, Payload } = await functions.send(
      new InvokeCommand({ FunctionName: fn, Payload: JSON.stringify(event) }),
    );
    const name = fn.split(':')[6] ?? fn;
    if (FunctionError) {
      failed++;
      const { errorMessage } = JSON.parse(Buffer.from(Payload ?? []).toString()) as { errorMessage: string };
      say(`✗ ${name} ${JSON.stringify(event)}\n  ${errorMessage.replaceAll('\n', '\n  ')}`);
    } else {
      say(`✓ ${name} ${JSON.stringify(event)}`);
    }
    for (const ReceiptHandle of receipts) {
      await queues.send(
        FunctionError
          ? new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 })
          : new DeleteMessageCommand({ QueueUrl, ReceiptHandle }),
      );
    }
  }
  return failed;
}

/** Takes all that is in the queue; nobody else sees it until its visibility timeout has passed. */
async function failedRuns(
  queues: SQSClient,
  QueueUrl: string | undefined,
  deployment: string,
): Promise<FailedRun[]> {
  const runs = new Map<string, FailedRun>();
  for (;;) {
    const { Messages = [] } = await queues.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 2 }),
    );
    if (Messages.length === 0) return [...runs.values()];
    for (const { Body = '', ReceiptHandle = '' } of Messages) {
      const { fn, event } = readMessage(Body, deployment);
      const key = JSON.stringify([fn, event]);
      const run = runs.get(key) ?? { fn, event, receipts: [] };
      run.receipts.push(ReceiptHandle);
      runs.set(key, run);
    }
  }
}

interface InvocationRecord {
  requestContext: { functionArn: string };
  requestPayload: unknown;
}

function readMessage(body: string, deployment: string): Pick<FailedRun, 'fn' | 'event'> {
  const message = JSON.parse(body) as InvocationRecord | Pick<Work, 'job' | 'event'>;
  return 'job' in message
    ? { fn: `${deployment}-${message.job}`, event: message.event }
    : { fn: message.requestContext.functionArn, event: message.requestPayload };
}
