import {
  ChangeMessageVisibilityCommand,
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { failureFor } from '../reporting/failure.ts';
import type { RestoreItem, WorkItem } from './work-item.ts';

const MAX_BATCH_SIZE = 10;
/** The maximum delay of a new SQS message, in milliseconds. */
const MAX_DELAY_MS = 900_000;

/** The queue of work items. */
export interface WorkQueue {
  /** @throws when the queue did not accept all work items; some may have been sent. */
  send(works: readonly (WorkItem | RestoreItem)[], delayMs?: number): Promise<void>;
  /**
   * Changes the visibility timeout of a message, so that SQS delivers the message again after `ms`.
   * `receipt` is the receipt handle of this delivery.
   */
  holdBack(receipt: string, ms: number): Promise<void>;
}

function queueClient(): SQSClient {
  // Short timeouts, because a run enqueues its work in its last seconds.
  return new SQSClient({
    // The AWS configuration decides the endpoint, as for every other service.
    useQueueUrlAsEndpoint: false,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 1_500 },
  });
}

/** The queue that keeps the events of runs that failed in all tries, for a rerun. */
export interface FailedRunQueue {
  /** Stores a record in the format of Lambda's on-failure destination. */
  keep(record: object): Promise<void>;
  /** The number of records in the queue, as estimated by SQS. */
  count(): Promise<number>;
}

/** The SQS queue of failed runs at a URL. Every function throws the SDK's errors. */
export function failedRunQueueAt(QueueUrl: string): FailedRunQueue {
  const client = queueClient();
  return {
    async keep(record) {
      await client.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(record) }));
    },
    async count() {
      const { Attributes = {} } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
      );
      return Number(Attributes.ApproximateNumberOfMessages ?? 0);
    },
  };
}

/** The SQS queue of work items at a URL. Every function throws the SDK's errors. */
export function workQueueAt(QueueUrl: string): WorkQueue {
  const client = queueClient();
  return {
    async send(works, delayMs = 0) {
      const DelaySeconds = Math.ceil(Math.min(delayMs, MAX_DELAY_MS) / 1000);
      for (let i = 0; i < works.length; i += MAX_BATCH_SIZE) {
        const Entries = works.slice(i, i + MAX_BATCH_SIZE).map((work, n) => ({
          Id: String(n),
          MessageBody: JSON.stringify(work),
          DelaySeconds,
        }));
        const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
        if (Failed[0]) {
          const message = Failed[0].Message ?? Failed[0].Code ?? '';
          throw failureFor({ code: 'QUEUE_REFUSED', count: Failed.length, message });
        }
      }
    },
    async holdBack(ReceiptHandle, ms) {
      const VisibilityTimeout = Math.ceil(ms / 1000);
      await client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout }));
    },
  };
}
