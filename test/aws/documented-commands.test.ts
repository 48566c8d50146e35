import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetRoleCommand } from '@aws-sdk/client-iam';
import { CreateKeyCommand, ListGrantsCommand } from '@aws-sdk/client-kms';
import { CreateBucketCommand, HeadBucketCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import {
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
} from '@aws-sdk/client-secrets-manager';
import { expect, onTestFinished, test } from 'vitest';
import { documentedCommands } from '../docs/commands.ts';
import { aws } from './clients.ts';
import { putSecret } from './cloud-account.ts';
import { succeed } from './processes.ts';
import { copyProject } from './project.ts';

const SECRET = '{"username": "ada", "apiKey": "key-5c1e"}';
const OTHER_SECRET = '{"username": "ada", "apiKey": "key-77aa"}';

const [CHOOSE_REGION = ''] = documentedCommands(/^export AWS_REGION=/);

/** A folder with SECRET as the file `clouds.yaml`. */
const folder = mkdtempSync(join(tmpdir(), 'clouds-'));
writeFileSync(join(folder, 'clouds.yaml'), SECRET);

/** Runs a command in a shell that the README has prepared, with SECRET as its input. */
const shell = (command: string) =>
  succeed('bash', ['-euo', 'pipefail', '-c', `${CHOOSE_REGION}; printf '%s\n' "$SECRET" | ${command}`], {
    cwd: folder,
    env: { ...process.env, SECRET },
  });

const secretValue = async (SecretId: string) =>
  (await aws.secrets.send(new GetSecretValueCommand({ SecretId }))).SecretString?.trim();

/** Deletes a secret, so that a later test can create it. */
async function forget(SecretId: string): Promise<void> {
  await aws.secrets
    .send(new DeleteSecretCommand({ SecretId, ForceDeleteWithoutRecovery: true }))
    .catch((error: Error) => expect(error.name).toBe('ResourceNotFoundException'));
}

const S3_OBJECT = { Bucket: 'old-copies', Key: 'copies/one.json', Body: '{}' };

interface Case {
  /** Brings AWS into the state that the command needs. Returns what the placeholders mean. */
  given?(): Promise<Record<string, string>>;
  /** What the command must have changed. */
  changes(meant: Record<string, string>): Promise<unknown>;
}

const creates = (name: string): Case => ({
  async given() {
    await forget(name);
    return {};
  },
  changes: async () => expect(await secretValue(name)).toBe(SECRET),
});

const deletesSecret: Case = {
  async given() {
    await putSecret('autosnap/prod/rackspace', SECRET);
    onTestFinished(() => forget('autosnap/prod/rackspace'));
    return { region: 'us-east-1' };
  },
  async changes() {
    const described = await aws.secrets.send(
      new DescribeSecretCommand({ SecretId: 'autosnap/prod/rackspace' }),
    );
    expect(described.DeletedDate).toBeInstanceOf(Date);
  },
};

const deletesBucket: Case = {
  async given() {
    await aws.s3.send(new CreateBucketCommand({ Bucket: S3_OBJECT.Bucket }));
    await aws.s3.send(new PutObjectCommand(S3_OBJECT));
    return { bucket: S3_OBJECT.Bucket, 'the old bucket': S3_OBJECT.Bucket };
  },
  changes: () =>
    expect(aws.s3.send(new HeadBucketCommand({ Bucket: S3_OBJECT.Bucket }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 404 },
    }),
};

const CASES: Record<string, Case> = {
  'aws secretsmanager create-secret --name autosnap/prod/rackspace --secret-string file://clouds.yaml':
    creates('autosnap/prod/rackspace'),
  'aws secretsmanager create-secret --name autosnap/prod/rackspace --secret-string file:///dev/stdin':
    creates('autosnap/prod/rackspace'),
  'aws secretsmanager create-secret --name autosnap/prod/customer-b --secret-string file:///dev/stdin':
    creates('autosnap/prod/customer-b'),
  'aws secretsmanager put-secret-value --secret-id autosnap/prod/rackspace --secret-string file:///dev/stdin':
    {
      async given() {
        await putSecret('autosnap/prod/rackspace', OTHER_SECRET);
        return {};
      },
      changes: async () => expect(await secretValue('autosnap/prod/rackspace')).toBe(SECRET),
    },
  'aws secretsmanager delete-secret --secret-id autosnap/prod/rackspace': deletesSecret,
  'aws secretsmanager delete-secret --region <region> --secret-id autosnap/prod/rackspace': deletesSecret,
  'aws kms create-grant --key-id <key> --operations Decrypt --grantee-principal "arn:aws:iam::<AWS account>:role/autosnap-prod-<AWS region>-lambdaRole" --constraints EncryptionContextSubset={SecretARN=<ARN of the secret>}':
    {
      async given() {
        await putSecret('autosnap/prod/rackspace', SECRET);
        const { ARN } = await aws.secrets.send(
          new DescribeSecretCommand({ SecretId: 'autosnap/prod/rackspace' }),
        );
        const { KeyMetadata } = await aws.kms.send(new CreateKeyCommand());
        return {
          key: KeyMetadata!.KeyId!,
          'AWS account': '123456789012',
          'AWS region': 'us-east-1',
          'ARN of the secret': ARN!,
        };
      },
      async changes({ key, 'ARN of the secret': SecretARN }) {
        const { Role } = await aws.iam.send(
          new GetRoleCommand({ RoleName: 'autosnap-prod-us-east-1-lambdaRole' }),
        );
        expect((await aws.kms.send(new ListGrantsCommand({ KeyId: key }))).Grants).toMatchObject([
          {
            Operations: ['Decrypt'],
            GranteePrincipal: Role!.Arn,
            Constraints: { EncryptionContextSubset: { SecretARN } },
          },
        ]);
      },
    },
  'aws s3 rb --force s3://<the old bucket>': deletesBucket,
  'aws s3 rb --force s3://<bucket>': deletesBucket,
};

test('each aws command of the docs and of the texts that people get has a case in this file', () => {
  // A restore from a copy has a test of its own.
  const commands = documentedCommands(/^aws /).filter((command) => !/^aws s3 (ls|cp) /.test(command));
  expect(commands.sort()).toEqual(Object.keys(CASES).sort());
});

test.each(Object.entries(CASES))(
  'the AWS CLI runs this command of the docs: %s',
  async (command, { given, changes }) => {
    const meant = (await given?.()) ?? {};
    await shell(command.replaceAll(/<([A-Za-z ]+)>/g, (_, name: string) => meant[name]!));
    await changes(meant);
  },
);

test('the secret of the docs is read as one that can be sent to the identity service', async () => {
  await putSecret('autosnap/prod/rackspace', SECRET);
  const [access = ''] = documentedCommands(/^access=/);
  const [, read = ''] = /^access=\$\((aws .+ \| jq '.+') \| curl /.exec(access)!;
  expect(JSON.parse(await shell(read))).toEqual({
    auth: { 'RAX-KSKEY:apiKeyCredentials': JSON.parse(SECRET) },
  });
});

test.each(documentedCommands(/^npx serverless logs /))(
  'this command of the docs shows what a run logged hours ago: %s',
  async (command) => {
    const [, job = ''] = / -f (\w+) /.exec(command)!;
    const group = `--log-group-name /aws/lambda/autosnap-prod-${job} --log-stream-name ${crypto.randomUUID()}`;
    const hoursAgo = (hours: number) => Date.now() - hours * 3_600_000;
    await shell(`aws logs create-log-stream ${group}`);
    await shell(
      `aws logs put-log-events ${group} --log-events timestamp=${hoursAgo(40)},message=too-old timestamp=${hoursAgo(20)},message=access-denied`,
    );
    const project = await copyProject();
    const { code, output } = await project.serverless(...command.replace('npx serverless ', '').split(' '));
    expect(output).toContain('access-denied');
    expect(output).not.toContain('too-old');
    expect(code).toBe(0);
  },
);

// The AWS emulator drops the outputs of a stack that was created by a change set, and with them the
// names of the functions. So test/docs compares the outputs that the docs name with the template.
test('the command for the info of a deployment finds the deployed stack', async () => {
  const project = await copyProject();
  const { code, output } = await project.serverless('info', '--stage', 'prod', '--verbose');
  expect(output).toMatch(/^stack: autosnap-prod$/m);
  expect(code).toBe(0);
});
