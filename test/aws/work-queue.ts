import { DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse } from 'aws-lambda';
import { expect } from 'vitest';
import { aws } from './clients.ts';
import { deployedFunction, type InvocationResult } from './lambda.ts';

/**
 * Delivers a message of the stage's queue like Lambda: passes it to `continue`, and deletes it when
 * it is done. Undefined if no message can be received now.
 */
export async function deliver(stage: string): Promise<InvocationResult | undefined> {
  const { QueueUrl } = await aws.sqs.send(new GetQueueUrlCommand({ QueueName: `autosnap-${stage}-work` }));
  const { Messages = [] } = await aws.sqs.send(
    new ReceiveMessageCommand({
      QueueUrl,
      WaitTimeSeconds: 1,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    }),
  );
  const [message] = Messages;
  if (!message) return undefined;
  const { MessageId: messageId, ReceiptHandle, Body: body, Attributes: attributes } = message;
  const record = { messageId, receiptHandle: ReceiptHandle, body, attributes, eventSource: 'aws:sqs' };
  const outcome = await (await deployedFunction(stage, 'continue')).invoke({ Records: [record] });
  const { batchItemFailures } = outcome.payload as SQSBatchResponse;
  if (batchItemFailures.length === 0)
    await aws.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  else expect(batchItemFailures).toEqual([{ itemIdentifier: messageId }]);
  return outcome;
}
