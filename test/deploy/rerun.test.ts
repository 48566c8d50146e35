import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { SQSClient } from '@aws-sdk/client-sqs';
import { expect, onTestFinished, test } from 'vitest';
import { rerun } from '../../deploy/rerun.ts';

/** A queue with such messages, and Lambda with a function `autosnap-test-snapshot` only. */
async function deployment(...bodies: string[]) {
  return deploymentWith({}, ...bodies);
}

async function deploymentWith(options: { discard?: boolean }, ...bodies: string[]) {
  let received = false;
  const deleted: string[] = [];
  const visible: string[] = [];
  const server = createServer(async (request, response) => {
    const input = (await json(request)) as Record<string, string>;
    const [, action] = String(request.headers['x-amz-target']).split('.');
    if (action === undefined) {
      const exists = request.url!.includes('autosnap-test-snapshot');
      response.statusCode = exists ? 200 : 404;
      if (!exists) response.setHeader('x-amzn-errortype', 'ResourceNotFoundException');
      response.end(JSON.stringify(exists ? null : { Message: `Function not found: \u009b31m` }));
      return;
    }
    const Messages = bodies.map((Body, i) => {
      const MD5OfBody = createHash('md5').update(Body).digest('hex');
      return { Body, MD5OfBody, MessageId: `${i}`, ReceiptHandle: `${i}` };
    });
    if (action === 'DeleteMessage') deleted.push(input.ReceiptHandle!);
    if (action === 'ChangeMessageVisibility') visible.push(input.ReceiptHandle!);
    const isFirst = action === 'ReceiveMessage' && !received;
    received ||= isFirst;
    response.setHeader('content-type', 'application/x-amz-json-1.0');
    response.end(
      JSON.stringify({ QueueUrl: `http://${request.headers.host}/q`, ...(isFirst && { Messages }) }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const config = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
  };
  const clients = { queues: new SQSClient(config), functions: new LambdaClient(config) };
  onTestFinished(() => {
    clients.queues.destroy();
    clients.functions.destroy();
  });
  const lines: string[] = [];
  const failed = await rerun(clients, 'autosnap-test-failed-runs', (line) => lines.push(line), options);
  return { failed, lines, deleted, visible };
}

function record(job: string, requestPayload: unknown, requestId?: string): string {
  const functionArn = `arn:aws:lambda:us-east-1:123456789012:function:autosnap-test-${job}:$LATEST`;
  return JSON.stringify({ requestContext: { functionArn, requestId }, requestPayload });
}

test('ad-hoc runs without a request run again as the requests that they were', async () => {
  const event = { adhoc: true, servers: { all: true } };
  const since = '2026-11-22T00:00:00Z';
  const { lines } = await deployment(
    record('snapshot', event, 'r1'),
    record('snapshot', event, 'r2'),
    record('snapshot', event, 'r2'),
    record('snapshot', { ...event, request: 'named' }, 'r3'),
    record('snapshot', { policy: 'daily' }, 'r4'),
    JSON.stringify({ job: 'snapshot', event, since, requestId: 'r5', tries: 3 }),
    record('continue', { job: 'snapshot', event, since, requestId: 'r6', tries: 3 }, 'r7'),
  );
  const run = (sent: object) => `✓ autosnap-test-snapshot ${JSON.stringify(sent)}`;
  expect(lines).toEqual([
    run({ ...event, request: 'r1' }),
    run({ ...event, request: 'r2' }),
    run({ ...event, request: 'named' }),
    run({ policy: 'daily' }),
    run({ ...event, request: 'r5' }),
    run({ ...event, request: 'r6' }),
  ]);
});

test('a run that Lambda refuses stays in the queue and does not stop the others', async () => {
  const ran = await deployment(
    record('offsite', { policy: 'weekly' }),
    record('snapshot', { policy: 'daily' }),
  );
  expect(ran).toEqual({
    failed: 1,
    lines: [
      '✗ autosnap-test-offsite {"policy":"weekly"}\n  ResourceNotFoundException: Function not found: �31m',
      '✓ autosnap-test-snapshot {"policy":"daily"}',
    ],
    deleted: ['1'],
    visible: ['0'],
  });
});

test('no control character of a message reaches the terminal', async () => {
  const { failed, lines } = await deployment(
    'hello \u001b[2J\u009b',
    record('snapshot', { policy: '\u001b[2J\u009b' }),
  );
  expect(failed).toBe(0);
  expect(lines).toEqual([
    '! this message is not a failed run and stays in the queue; --discard deletes it: hello �[2J�',
    '✓ autosnap-test-snapshot {"policy":"\\u001b[2J\\u009b"}',
  ]);
});

test.each([
  [false, [], 'stays in the queue; --discard deletes it'],
  [true, ['0'], 'was deleted'],
])('a message that is no failed run, with --discard: %s', async (discard, deleted, action) => {
  const ran = await deploymentWith({ discard }, 'garbage');
  expect(ran.lines[0]).toBe(`! this message is not a failed run and ${action}: garbage`);
  expect(ran.deleted).toEqual(deleted);
});
