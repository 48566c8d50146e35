import { beforeAll, describe, expect, test } from 'vitest';
import { stateOf } from './deployed.ts';

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
  Condition?: unknown;
}

let trust: unknown;
let statements: Statement[];
let bucket: string;
let copies: string;

beforeAll(async () => {
  const { roles } = await stateOf('prod');
  // The random end of generated names is left out.
  bucket = 'autosnap-prod-reports';
  copies = 'autosnap-prod-copies';
  const [role, ...others] = Object.values(roles) as {
    trust: string;
    policies: Record<string, { Statement: Statement[] } | string>;
  }[];
  expect(others).toEqual([]);
  trust = parsed(role!.trust);
  statements = Object.values(role!.policies).flatMap(
    (policy) => (parsed(policy) as { Statement: Statement[] }).Statement,
  );
});

/** IAM returns a document URL-encoded. */
function parsed(document: unknown): unknown {
  return typeof document === 'string' ? JSON.parse(decodeURIComponent(document)) : document;
}

/**
 * Whether the role allows an action, by IAM's rules for policies that only allow: `*` and `?` in
 * both.
 */
function allows(action: string, resource: string): boolean {
  const matches = (patterns: string | string[], value: string) =>
    [patterns].flat().some((pattern) => {
      const source = pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.');
      return new RegExp(`^${source}$`).test(value);
    });
  return statements.some(({ Action, Resource }) => matches(Action, action) && matches(Resource, resource));
}

const ARN = {
  secret: (name: string) => `arn:aws:secretsmanager:us-east-1:123456789012:secret:${name}-AbCdEf`,
  log: (name: string) =>
    `arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/${name}:log-stream:2026/11/24`,
  queue: (name: string) => `arn:aws:sqs:us-east-1:123456789012:${name}`,
  topic: (name: string) => `arn:aws:sns:us-east-1:123456789012:${name}`,
  object: (name: string) => `arn:aws:s3:::${name}/runs/2026-11-24/x.json`,
};

test('the role has exactly these permissions: another action, resource or wildcard fails this test', () => {
  expect(statements.every(({ Effect, Condition }) => Effect === 'Allow' && Condition === undefined)).toBe(
    true,
  );
  const rights = statements.flatMap(({ Action, Resource }) =>
    [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} ${resource}`)),
  );
  const functions = [
    'audit',
    'cleanup',
    'continue',
    'doctor',
    'drill',
    'hold',
    'offsite',
    'restore',
    'snapshot',
  ];
  const logs = functions.map(
    (name) => `arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/autosnap-prod-${name}:*`,
  );
  expect(rights.toSorted()).toEqual(
    [
      'secretsmanager:GetSecretValue arn:aws:secretsmanager:us-east-1:123456789012:secret:autosnap/prod/*',
      'secretsmanager:ListSecrets *',
      ...logs.flatMap((log) => [`logs:CreateLogStream ${log}`, `logs:PutLogEvents ${log}`]),
      'sns:Publish arn:aws:sns:us-east-1:123456789012:autosnap-prod-alerts',
      'sns:GetTopicAttributes arn:aws:sns:us-east-1:123456789012:autosnap-prod-alerts',
      ...['SendMessage', 'GetQueueAttributes'].map(
        (action) => `sqs:${action} arn:aws:sqs:us-east-1:123456789012:autosnap-prod-failed-runs`,
      ),
      ...[
        'SendMessage',
        'ReceiveMessage',
        'DeleteMessage',
        'ChangeMessageVisibility',
        'GetQueueAttributes',
      ].map((action) => `sqs:${action} arn:aws:sqs:us-east-1:123456789012:autosnap-prod-work`),
      `s3:GetObject arn:aws:s3:::${bucket}/*`,
      `s3:PutObject arn:aws:s3:::${bucket}/*`,
      `s3:DeleteObject arn:aws:s3:::${bucket}/drills/*`,
      `s3:ListBucket arn:aws:s3:::${bucket}`,
      ...['PutObject', 'GetObject', 'DeleteObject', 'AbortMultipartUpload', 'ListMultipartUploadParts'].map(
        (action) => `s3:${action} arn:aws:s3:::${copies}/*`,
      ),
      `s3:ListBucket arn:aws:s3:::${copies}`,
      `s3:ListBucketMultipartUploads arn:aws:s3:::${copies}`,
    ].toSorted(),
  );
});

test('only Lambda may assume the role', () => {
  expect(trust).toMatchObject({
    Statement: [
      { Effect: 'Allow', Principal: { Service: ['lambda.amazonaws.com'] }, Action: ['sts:AssumeRole'] },
    ],
  });
});

describe('the role of the functions', () => {
  test.each([
    ['secretsmanager:GetSecretValue', ARN.secret('autosnap/prod/rackspace')],
    ['secretsmanager:GetSecretValue', ARN.secret('autosnap/prod/customer-b')],
    ['logs:PutLogEvents', ARN.log('autosnap-prod-snapshot')],
    ['sns:Publish', ARN.topic('autosnap-prod-alerts')],
    ['sqs:SendMessage', ARN.queue('autosnap-prod-work')],
    ['sqs:SendMessage', ARN.queue('autosnap-prod-failed-runs')],
  ])('allows %s on %s', (action, resource) => {
    expect(allows(action, resource)).toBe(true);
  });

  test.each([
    ['secretsmanager:GetSecretValue', ARN.secret('autosnap/dev/rackspace')],
    ['secretsmanager:GetSecretValue', ARN.secret('autosnap/production/rackspace')],
    ['secretsmanager:GetSecretValue', ARN.secret('payroll')],
    ['secretsmanager:PutSecretValue', ARN.secret('autosnap/prod/rackspace')],
    ['secretsmanager:ListSecretVersionIds', '*'],
    ['kms:Decrypt', 'arn:aws:kms:us-east-1:123456789012:key/1'],
    ['logs:CreateLogGroup', ARN.log('autosnap-prod-snapshot')],
    ['logs:PutLogEvents', ARN.log('autosnap-dev-snapshot')],
    ['logs:PutLogEvents', ARN.log('autosnap-prod-eu-snapshot')],
    ['logs:GetLogEvents', ARN.log('autosnap-prod-snapshot')],
    ['sns:Publish', ARN.topic('autosnap-dev-alerts')],
    ['sqs:ReceiveMessage', ARN.queue('autosnap-prod-failed-runs')],
    ['sqs:DeleteMessage', ARN.queue('autosnap-prod-failed-runs')],
    ['sqs:SendMessage', ARN.queue('autosnap-dev-work')],
    ['sqs:PurgeQueue', ARN.queue('autosnap-prod-work')],
    ['s3:DeleteObject', ARN.object('any')],
    ['s3:GetObject', ARN.object('somebody-elses')],
    ['lambda:InvokeFunction', 'arn:aws:lambda:us-east-1:123456789012:function:autosnap-prod-cleanup'],
    ['xray:PutTraceSegments', '*'],
    ['iam:PassRole', '*'],
  ])('does not allow %s on %s', (action, resource) => {
    expect(allows(action, resource)).toBe(false);
  });
});

test('X-Ray is off', async () => {
  const { functions } = await stateOf('prod');
  const modes = Object.values(functions).map((f) => (f.TracingConfig as { Mode: string } | undefined)?.Mode);
  expect(modes).toHaveLength(9);
  expect(modes.filter((mode) => mode !== undefined && mode !== 'PassThrough')).toEqual([]);
});
