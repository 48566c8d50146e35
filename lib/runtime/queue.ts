import { ChangeMessageVisibilityCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { failureFor } from '../reporting/failure.ts';
import type { WorkItem } from './work-item.ts';

const MAX_BATCH_SIZE = 10;
/** The maximum delay of a new SQS message, in milliseconds. */
const MAX_DELAY_MS = 900_000;

/** The queue of work items. */
export interface WorkQueue {
  /** @throws when the queue did not accept all work items; some may have been sent. */
  send(works: readonly WorkItem[], delayMs?: number): Promise<void>;
  /**
   * Changes the visibility timeout of a message, so that SQS delivers the message again after `ms`.
   * `receipt` is the receipt handle of this delivery.
   */
  holdBack(receipt: string, ms: number): Promise<void>;
}

/** The SQS queue at a URL. Every function throws the SDK's errors. */
export function workQueueAt(QueueUrl: string): WorkQueue {
  // Short timeouts, because a run enqueues its work in its last seconds.
  const client = new SQSClient({
    // The AWS configuration decides the endpoint, as for every other service.
    useQueueUrlAsEndpoint: false,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 1_500 },
  });
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
