import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  PurgeQueueCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aws } from './clients.ts';
import { cloudAccount, ownerIn, putSecret, snapshotIdsOf } from './cloud-account.ts';
import { eventsFor, stateOf } from './deployed.ts';
import { deployedFunction } from './lambda.ts';
import { type LambdaService, startLambdaService } from './lambda-service.ts';
import { copyProject, type Project } from './project.ts';
import { templateOf } from './template.ts';

const OWNER = ownerIn('prod');
const SECRET = 'autosnap/prod/rackspace';
const QUEUE = 'autosnap-prod-failed-runs';

let project: Project;
let lambda: LambdaService;
let event: Record<string, unknown>;

beforeAll(async () => {
  project = await copyProject();
  event = eventsFor(await stateOf('prod'), 'snapshot').daily!;
  lambda = await startLambdaService();
});

afterAll(() => lambda.close());

/** The record that Lambda sends to the destination of a run that failed in all tries. */
async function failAllTries(job: string, requestPayload: unknown): Promise<void> {
  const { error } = await (await deployedFunction('prod', job)).invoke(requestPayload);
  const record = {
    version: '1.0',
    timestamp: '2026-11-24T00:03:31.112Z',
    requestContext: {
      requestId: '4ebc8c0e-0a94-4d1a-8d0d-3f2a0d7e0c4d',
      functionArn: `arn:aws:lambda:us-east-1:123456789012:function:autosnap-prod-${job}:$LATEST`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: 3,
    },
    requestPayload,
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: error,
  };
  const { QueueUrl } = await aws.sqs.send(new GetQueueUrlCommand({ QueueName: QUEUE }));
  await aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(record) }));
}

async function waiting(): Promise<number> {
  const { QueueUrl } = await aws.sqs.send(new GetQueueUrlCommand({ QueueName: QUEUE }));
  const { Attributes } = await aws.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessages'] }),
  );
  return Number(Attributes?.ApproximateNumberOfMessages);
}

const rerun = (...options: string[]) =>
  project.autosnap(['rerun', '--stage', 'prod', ...options], lambda.env);

test('all that runs by itself sends what fails all its tries to the queue of failed runs', async () => {
  const template = Object.values(await templateOf('prod'));
  const configured = template
    .filter(({ Type }) => Type === 'AWS::Lambda::EventInvokeConfig')
    .map(({ Properties }) => [Properties.FunctionName, Properties.DestinationConfig]);
  const destination = { OnFailure: { Destination: `arn:aws:sqs:us-east-1:123456789012:${QUEUE}` } };
  expect(Object.fromEntries(configured)).toEqual({
    'autosnap-prod-snapshot': destination,
    'autosnap-prod-cleanup': destination,
    'autosnap-prod-audit': destination,
    'autosnap-prod-offsite': destination,
    'autosnap-prod-drill': destination,
  });
  const triggered = template
    .filter(({ Type }) => Type === 'AWS::Events::Rule')
    .flatMap(({ Properties }) => Properties.Targets as { Arn: string }[])
    .map(({ Arn }) => Arn.split(':').at(-1));
  expect(triggered.filter((name) => !configured.some(([configuredName]) => configuredName === name))).toEqual(
    [],
  );
});

test('the queue keeps failed runs until one has gone well', async () => {
  const cloud = await cloudAccount();
  cloud.region('DFW').addServer({ name: 'web-1', metadata: { autosnap: 'daily' } });
  const good = cloud.secret('rackspace');
  await putSecret(SECRET, JSON.stringify({ ...JSON.parse(good), apiKey: 'of-last-year' }));
  const { QueueUrl } = await aws.sqs.send(new GetQueueUrlCommand({ QueueName: QUEUE }));
  await aws.sqs.send(new PurgeQueueCommand({ QueueUrl }));
  expect((await rerun()).output).toContain('There are no failed runs.');

  await failAllTries('snapshot', event);
  await failAllTries('snapshot', event);
  expect(await waiting()).toBe(2);

  const again = await rerun();
  expect(again.code).not.toBe(0);
  expect(again.output).toMatch(/✗ autosnap-prod-snapshot \{"policy":"daily"/);
  expect(again.output).toContain('The cloud does not accept these credentials');
  expect(again.output).toContain('1 failed again, and stay in the queue');
  expect(again.output).not.toContain('of-last-year');
  expect(await waiting()).toBe(2);
  expect(snapshotIdsOf(cloud, OWNER)).toEqual([]);

  await putSecret(SECRET, good);
  const mended = await rerun();
  expect(mended.output).toMatch(/✓ autosnap-prod-snapshot \{"policy":"daily"/);
  expect(mended.code).toBe(0);
  expect(await waiting()).toBe(0);
  expect(snapshotIdsOf(cloud, OWNER)).toHaveLength(1);
});

test('a message that is not a failed run stays, and does not stop the others', async () => {
  const { QueueUrl } = await aws.sqs.send(new GetQueueUrlCommand({ QueueName: QUEUE }));
  await aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello' }));
  const { code, output } = await rerun();
  expect(output).toContain(
    '! this message is not a failed run and stays in the queue; --discard deletes it: hello',
  );
  expect(code).toBe(0);
  expect((await rerun('--discard')).output).toContain('! this message is not a failed run and was deleted');
  expect(await waiting()).toBe(0);
});

test('work that was delivered too often is rerun as well', async () => {
  const cloud = await cloudAccount();
  cloud.region('DFW').addServer({ name: 'web-1', metadata: { autosnap: 'daily' } });
  await putSecret(SECRET, cloud.secret('rackspace'));
  const { QueueUrl } = await aws.sqs.send(new GetQueueUrlCommand({ QueueName: QUEUE }));
  const work = { job: 'snapshot', event, since: new Date(), requestId: 'r1', tries: 0 };
  await aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(work) }));
  const { code, output } = await rerun();
  expect(output).toMatch(/✓ autosnap-prod-snapshot \{"policy":"daily"/);
  expect(code).toBe(0);
  expect(await waiting()).toBe(0);
  expect(snapshotIdsOf(cloud, OWNER)).toHaveLength(1);
});
