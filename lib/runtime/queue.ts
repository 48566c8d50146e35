import { ChangeMessageVisibilityCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Work } from './work-item.ts';

const MOST_IN_A_BATCH = 10;
/** SQS delays a new message no longer, in milliseconds. */
const LONGEST_DELAY_MS = 900_000;

/** The queue of what is still to be done. */
export interface Queue {
  /** @throws when not all of it could be sent: some of it may have been. */
  send(works: readonly Work[], delayMs?: number): Promise<void>;
  /** Lets a message that is being worked on come again after so long; its receipt is of this delivery. */
  holdBack(receipt: string, ms: number): Promise<void>;
}

/** @throws by every function, the SDK's errors. */
export function queueAt(QueueUrl: string): Queue {
  // A run's last seconds have to suffice.
  const client = new SQSClient({
    // Where SQS is, AWS's configuration says, as for every other service.
    useQueueUrlAsEndpoint: false,
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 1_500 },
  });
  return {
    async send(works, delayMs = 0) {
      const DelaySeconds = Math.ceil(Math.min(delayMs, LONGEST_DELAY_MS) / 1000);
      for (let i = 0; i < works.length; i += MOST_IN_A_BATCH) {
        const Entries = works.slice(i, i + MOST_IN_A_BATCH).map((work, n) => ({
          Id: String(n),
          MessageBody: JSON.stringify(work),
          DelaySeconds,
        }));
        const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
        if (Failed[0]) throw new Error(`the queue has refused ${Failed.length}: ${Failed[0].Message}`);
      }
    },
    async holdBack(ReceiptHandle, ms) {
      const VisibilityTimeout = Math.ceil(ms / 1000);
      await client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout }));
    },
  };
}
