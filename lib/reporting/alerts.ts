import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';

/**
 * Sends a message to everybody who hears of this deployment's alerts.
 *
 * @throws the SDK's errors.
 */
export async function publishAlert(
  topicArn: string,
  { subject, text }: { subject: string; text: string },
): Promise<void> {
  const client = new SNSClient({ requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000 } });
  await client.send(new PublishCommand({ TopicArn: topicArn, Subject: subject, Message: text }));
}
