import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { Hono } from 'hono';
import { onTestFinished, vi } from 'vitest';
import type { failureRecord } from '../../lib/runtime/work-item.ts';
import { type Delivery, queueApp, SqsQueue } from '../../local/cloud/queue.ts';
import { lambdaContext } from '../../local/context.ts';
import { setTime } from '../harness.ts';

/** The deployment's queues and topic, as the functions see them. */
export interface Waiting {
  queue: SqsQueue;
  /** Runs that failed in all tries. */
  failedRuns: SqsQueue;
  /** The mails that were published. */
  mails: { subject: string; text: string }[];
  /** The number of subscriptions of the topic. */
  subscriptions: { confirmed: number; pending: number };
  /** Whether the topic answers every request with 503. */
  isTopicDown: boolean;
  /** The addresses of the queues and the topic, as environment variables. */
  environment: Record<string, string>;
}

/** The same values as in serverless.yml. */
const QUEUE = { visibilityMs: 1_080_000, maxReceives: 100 };

/** The records of the runs that failed in all tries. */
export function failureRecords({ failedRuns }: Waiting): ReturnType<typeof failureRecord>[] {
  return failedRuns.messages.map(({ body }) => JSON.parse(body));
}

/**
 * Starts stand-ins for SQS and SNS on loopback, and sets their addresses in the environment of this
 * process.
 */
export async function startWaiting(now = () => new Date()): Promise<Waiting> {
  const queue = new SqsQueue({ ...QUEUE, now });
  const failedRuns = new SqsQueue({ ...QUEUE, now });
  const waiting: Waiting = {
    queue,
    failedRuns,
    mails: [],
    subscriptions: { confirmed: 1, pending: 0 },
    isTopicDown: false,
    environment: {},
  };
  const sqs = await listen(
    queueApp({ 'autosnap-test-work': queue, 'autosnap-test-failed-runs': failedRuns }),
  );
  const sns = await listen(topicApp(waiting));
  const environment = {
    AUTOSNAP_QUEUE: `${sqs}/000000000000/autosnap-test-work`,
    AUTOSNAP_FAILED_RUNS: `${sqs}/000000000000/autosnap-test-failed-runs`,
    AUTOSNAP_TOPIC: 'arn:aws:sns:us-east-1:000000000000:autosnap-test-alerts',
    AWS_ENDPOINT_URL_SQS: sqs,
    AWS_ENDPOINT_URL_SNS: sns,
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  return Object.assign(waiting, { environment });
}

/** SNS's Publish and GetTopicAttributes, in AWS's query protocol. */
function topicApp(waiting: Waiting): Hono {
  const app = new Hono();
  app.post('*', async (c) => {
    const form = new URLSearchParams(await c.req.text());
    if (waiting.isTopicDown) return c.text('', 503);
    if (form.get('Action') === 'GetTopicAttributes') {
      const { confirmed, pending } = waiting.subscriptions;
      const entries = Object.entries({ SubscriptionsConfirmed: confirmed, SubscriptionsPending: pending });
      return c.text(
        `<GetTopicAttributesResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><GetTopicAttributesResult><Attributes>${entries
          .map(([key, value]) => `<entry><key>${key}</key><value>${value}</value></entry>`)
          .join('')}</Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>`,
        200,
        { 'content-type': 'text/xml' },
      );
    }
    if (form.get('Action') !== 'Publish') return c.text('Only Publish and GetTopicAttributes are here.', 400);
    waiting.mails.push({ subject: form.get('Subject') ?? '', text: form.get('Message') ?? '' });
    return c.text(
      '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>',
      200,
      { 'content-type': 'text/xml' },
    );
  });
  return app;
}

async function listen(app: Hono): Promise<string> {
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }) as Server;
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What Lambda's poller gives to a function: one message. */
export function sqsEvent({ messageId, receiptHandle, body }: Delivery): SQSEvent {
  return {
    Records: [
      {
        messageId,
        receiptHandle,
        body,
        attributes: {
          ApproximateReceiveCount: '1',
          SentTimestamp: '0',
          SenderId: 'AROA',
          ApproximateFirstReceiveTimestamp: '0',
        },
        md5OfBody: '',
        messageAttributes: {},
        eventSource: 'aws:sqs',
        eventSourceARN: 'arn:aws:sqs:us-east-1:000000000000:autosnap-test-work',
        awsRegion: 'us-east-1',
      },
    ],
  };
}

/** Runs the real handler with one delivery. */
export async function goOn(delivery: Delivery, remainingMs?: number): Promise<SQSBatchResponse> {
  const { handler } = await import('../../handlers/continue.ts');
  return handler(sqsEvent(delivery), lambdaContext('autosnap-test-continue', remainingMs));
}

/**
 * Delivers one message after another, each when its time has come, until there is none, or none
 * before `until`.
 *
 * @returns the times of the deliveries.
 */
export async function deliverAll({ queue }: Waiting, until?: string): Promise<string[]> {
  const times: string[] = [];
  for (;;) {
    const [first] = [...queue.messages].sort((a, b) => a.visibleAt.getTime() - b.visibleAt.getTime());
    if (!first || (until && first.visibleAt > new Date(until))) return times;
    if (first.visibleAt > new Date()) setTime(first.visibleAt);
    const delivery = queue.receive(first);
    if (!delivery) continue;
    times.push(new Date().toISOString().slice(11, 19));
    const { batchItemFailures } = await goOn(delivery);
    if (batchItemFailures.length === 0) queue.delete(delivery.receiptHandle);
  }
}
