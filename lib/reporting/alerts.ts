import { GetTopicAttributesCommand, PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { Sentence } from './sentences/sentence.ts';

function topicClient(): SNSClient {
  return new SNSClient({ requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000 } });
}

/**
 * Sends a message to all subscribers of this deployment's alert topic.
 *
 * @throws the SDK's errors.
 */
export async function publishAlert(
  topicArn: string,
  { subject, text }: { subject: Sentence; text: Sentence },
): Promise<void> {
  await topicClient().send(new PublishCommand({ TopicArn: topicArn, Subject: subject, Message: text }));
}

/**
 * Counts the confirmed and the unconfirmed subscriptions of the topic.
 *
 * https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html
 *
 * @throws the SDK's errors.
 */
export async function countSubscriptions(topicArn: string): Promise<{ confirmed: number; pending: number }> {
  const { Attributes = {} } = await topicClient().send(new GetTopicAttributesCommand({ TopicArn: topicArn }));
  return {
    confirmed: Number(Attributes.SubscriptionsConfirmed ?? 0),
    pending: Number(Attributes.SubscriptionsPending ?? 0),
  };
}
