import { readFileSync } from 'node:fs';
import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import { SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { beforeAll, expect, test } from 'vitest';
import type { AuditSummary } from '../../lib/audit/summary.ts';
import { addFleet } from '../../local/fleet.ts';
import { aws } from './clients.ts';
import { cloudAccount, imagesOf, ownerIn, putSecret } from './cloud-account.ts';
import { eventsFor, stateOf } from './deployed.ts';
import { deployedFunction } from './lambda.ts';
import { copyProject } from './project.ts';
import { templateOf } from './template.ts';

let bucket: string;
let QueueUrl: string;

beforeAll(async () => {
  const { ReportsPolicy } = await templateOf('prod');
  bucket = ReportsPolicy!.Properties.Bucket as string;
  QueueUrl = (await aws.sqs.send(new CreateQueueCommand({ QueueName: 'mailbox' }))).QueueUrl!;
  await aws.sns.send(
    new SubscribeCommand({
      TopicArn: 'arn:aws:sns:us-east-1:123456789012:autosnap-prod-alerts',
      Protocol: 'sqs',
      Endpoint: 'arn:aws:sqs:us-east-1:123456789012:mailbox',
    }),
  );
});

/** The reports of runs, by key. */
async function runs(): Promise<string[]> {
  const { Contents = [] } = await aws.s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: 'runs/' }));
  return Contents.map(({ Key }) => Key!);
}

/** What a subscriber received since the last look: subject and text. */
async function mails(): Promise<{ Subject: string; Message: string }[]> {
  const { Messages = [] } = await aws.sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }),
  );
  return Messages.map(({ Body }) => JSON.parse(Body!));
}

async function audit(event: object): Promise<AuditSummary> {
  const { payload, error } = await (await deployedFunction('prod', 'audit')).invoke(event);
  expect(error).toBeUndefined();
  return payload as AuditSummary;
}

test('rules start the audit every hour, and once a day with the digest setting of serverless.yml', async () => {
  const { rules } = await stateOf('prod');
  const inputs = Object.values(rules)
    .filter(({ targets }) => Object.values(targets).some(({ arn }) => arn?.endsWith('-audit')))
    .map(({ expression, targets }) => [expression, Object.values(targets).map(({ input }) => input)]);
  expect(Object.fromEntries(inputs)).toEqual({
    'rate(1 hour)': [{ digest: 'never' }],
    'cron(0 7 * * ? *)': [{ digest: 'always' }],
  });
});

test('reports are stored, the page is written, and the digest has both', async () => {
  const cloud = await cloudAccount();
  addFleet(cloud, ownerIn('prod'));
  await putSecret('autosnap/prod/rackspace', cloud.secret('rackspace'));
  await putSecret('autosnap/prod/customer-b', cloud.secret('rackspace'));
  const state = await stateOf('prod');
  for (const job of ['snapshot', 'cleanup']) {
    await (await deployedFunction('prod', job)).invoke(eventsFor(state, job).daily);
  }
  expect(await runs()).toContainEqual(
    expect.stringMatching(/^runs\/\d{4}-\d\d-\d\d\/\S+Z cleanup daily rackspace [-\w]+\.json$/),
  );
  await mails();
  const before = imagesOf(cloud);

  const { sentence, failures } = await audit({ digest: 'always' });
  expect(failures).toEqual([]);
  expect(imagesOf(cloud)).toEqual(before);
  // The mail about the fleet's incidents comes before the digest.
  const mail = (await mails()).find(({ Message }) => Message.includes('In the last 24 hours'));
  expect(`autosnap-prod: ${sentence}`.startsWith(mail!.Subject.replace(/\.\.\.$/, ''))).toBe(true);
  expect(mail!.Message).toMatch(/In the last 24 hours \d+ snapshots were taken, and \d+ deleted\./);
  expect(mail!.Message).toMatch(/^Deleted\n- \S+ in DFW, daily: /m);
  expect(mail!.Message).not.toContain(cloud.account.apiKey);

  const signed = /^http:\S+$/m.exec(mail!.Message)![0];
  const answer = await fetch(signed);
  expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const page = await answer.text();
  expect(page).toContain('<!DOCTYPE html>');
  expect(page).toContain('mail-1');
  expect(mail!.Message).toContain(
    `.console.aws.amazon.com/s3/object/${bucket}?region=us-east-1&prefix=autosnap.html`,
  );

  const project = await copyProject();
  const { code, output } = await project.autosnap(['report', '--stage', 'prod']);
  expect(output).toContain('reports/autosnap-prod.html');
  expect(code).toBe(0);
  expect(readFileSync(project.path('reports/autosnap-prod.html'), 'utf8')).toBe(page);
});

test('on good days there is no digest if the setting says so', async () => {
  const cloud = await cloudAccount();
  const createdAt = new Date();
  cloud.region('DFW').addServer({ name: 'db-1', metadata: { autosnap: 'daily' }, createdAt });
  await putSecret('autosnap/prod/rackspace', cloud.secret('rackspace'));
  await putSecret('autosnap/prod/customer-b', cloud.secret('rackspace'));
  // The runs of other tests had failures.
  for (const Key of await runs()) await aws.s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
  await mails();
  await audit({ digest: 'on-trouble' });
  await audit({ digest: 'never' });
  expect(await mails()).toEqual([]);
  // No policy selects the server any more. The mail about that takes the place of the digest.
  cloud.region('DFW').servers[0]!.metadata = {};
  await audit({ digest: 'on-trouble' });
  expect(await mails()).toHaveLength(1);
});

test('the bucket is private, encrypted, and its objects expire', async () => {
  const { Reports, ReportsPolicy } = await templateOf('prod');
  expect(Reports!.Properties).toMatchObject({
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
    },
    PublicAccessBlockConfiguration: {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    },
    LifecycleConfiguration: {
      Rules: ['runs/', 'leases/', 'restores/', 'requests/', 'rejected-messages/'].map((Prefix) => ({
        Status: 'Enabled',
        Prefix,
        ExpirationInDays: 30,
      })),
    },
  });
  expect(ReportsPolicy!.Properties.PolicyDocument).toMatchObject({
    Statement: [{ Effect: 'Deny', Principal: '*', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }],
  });
});
