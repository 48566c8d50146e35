import { readFileSync } from 'node:fs';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import type { CloudServer } from '../../local/cloud/state.ts';
import { aws } from './clients.ts';
import { addSnapshot, cloudAccount, imagesOf, ownerIn, putSecret } from './cloud-account.ts';
import { eventsFor, type State, stateOf } from './deployed.ts';
import { differences } from './differences.ts';
import { deployedFunction } from './lambda.ts';
import { addPolicy, copyProject, type Project, replaceOnce, WEEKLY } from './project.ts';

const STAGE = 'test';
/** The rule of all jobs that run every six hours. */
const SHARED = 'shared-b5c98cfb';
const SECRET = `autosnap/${STAGE}/rackspace`;
const EMPTY: State = {
  functions: {},
  rules: {},
  sources: {},
  roles: {},
  queues: {},
  topics: {},
  logGroups: {},
  buckets: [],
  dashboards: {},
  notKept: {},
};

/** A policy that also has copies. */
const COPIED = `${WEEKLY}      offsite: { schedule: rate(6 hours), keep: { last: 2 } }
`;

// The life of one deployment: each test continues where the one before ended.
describe('a deployment', () => {
  let project: Project;
  let shipped: string;
  let asShipped: State;
  /** An account whose snapshots are copied by one deployment, and later by another. */
  let copied: Cloud;
  let server: CloudServer;
  let bucket: string | undefined;

  beforeAll(async () => {
    copied = await startCloud();
    server = copied.region('DFW').addServer({ name: 'db-1' });
    project = await copyProject();
    shipped = readFileSync(project.path('serverless.yml'), 'utf8');
    await putSecret(SECRET, '{"username": "somebody", "apiKey": "a key"}');
  });

  afterAll(() => copied.close());

  test('is created by one command', async () => {
    expect(await stateOf(STAGE)).toEqual(EMPTY);
    expect(await project.deploy(STAGE)).toContain('Service deployed to stack autosnap-test');
    asShipped = await stateOf(STAGE);
    expect(Object.keys(asShipped.functions)).toEqual(expect.arrayContaining(['snapshot', 'cleanup', 'hold']));
    for (const job of ['snapshot', 'cleanup']) {
      expect(eventsFor(asShipped, job)).toEqual({ daily: { policy: 'daily' } });
    }
    expect(asShipped.sources).toEqual({
      continue: {
        queue: 'arn:aws:sqs:us-east-1:123456789012:autosnap-test-work',
        BatchSize: 1,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
      },
    });
    expect(asShipped.rules['daily-snapshot']).toMatchObject({ expression: 'cron(0 0 * * ? *)' });
    expect(asShipped.rules[SHARED]).toMatchObject({ expression: 'rate(6 hours)' });
  });

  test('changes nothing if it is deployed again from the same sources', async () => {
    const output = await project.deploy(STAGE);
    expect(output).toContain('No changes to deploy. Deployment skipped.');
    expect(output).toContain('Nobody is notified of incidents: add an address to custom.alerts');
    expect(await stateOf(STAGE)).toEqual(asShipped);
  });

  test('changes only the rule if a schedule changes, and only the code if a policy does', async () => {
    const [midnight, later] = ['cron(0 0 * * ? *)', 'cron(30 2 * * ? *)'];
    project.edit((yml) => replaceOnce(yml, `schedule: ${midnight}`, `schedule: ${later}`));
    project.edit((yml) => replaceOnce(yml, 'last: 7', 'last: 9'));
    await project.deploy(STAGE);
    project.edit(() => shipped);
    const changed = await stateOf(STAGE);
    expect(differences(asShipped, changed)).toEqual({
      ...newCode(asShipped),
      'rules.daily-snapshot.expression': [midnight, later],
    });
  });

  test('gets the rules of an added policy, and nothing else changes', async () => {
    project.edit((yml) => addPolicy(yml, COPIED));
    await project.deploy(STAGE);
    const state = await stateOf(STAGE);
    const weekly = { arn: expect.any(String), input: { policy: 'weekly' } };
    expect(differences(asShipped, state)).toEqual({
      ...newCode(asShipped),
      'notKept.OffsiteRulesPermission': [undefined, expect.anything()],
      'notKept.WeeklyTroubleAlarm': [undefined, expect.anything()],
      'rules.weekly-snapshot': [
        undefined,
        expect.objectContaining({
          expression: 'cron(0 6 ? * SUN *)',
          targets: { 'weekly-snapshot': weekly },
        }),
      ],
      [`rules.${SHARED}.targets.weekly-cleanup`]: [undefined, weekly],
      [`rules.${SHARED}.targets.weekly-offsite`]: [undefined, weekly],
    });
    await putSecret(SECRET, copied.secret('password'));
    addSmall(9);
    expect(await copies()).toMatchObject({ totals: { copied: 1 } });
  });

  test('loses the rules of a removed policy, whose snapshots stay', async () => {
    const cloud = await cloudAccount();
    await putSecret(SECRET, cloud.secret('rackspace'));
    const server = cloud.region('DFW').addServer({ name: 'db-1', metadata: { autosnap: 'daily' } });
    for (const policy of ['weekly', 'daily']) {
      for (let age = 1; age <= 12; age++) addSnapshot(cloud, server, { owner: ownerIn(STAGE), policy, age });
    }

    project.edit(() => shipped);
    await project.deploy(STAGE);
    expect(await stateOf(STAGE)).toEqual(asShipped);

    const cleanup = await deployedFunction(STAGE, 'cleanup');
    const { payload } = await cleanup.invoke(eventsFor(asShipped, 'cleanup').daily);
    expect(payload).toMatchObject({
      warnings: [{ code: 'POLICY_NOT_DEPLOYED', region: 'DFW' }],
      totals: { deleted: expect.any(Number) },
    });
    const left = imagesOf(cloud).map(({ properties }) => properties.autosnap_policy);
    expect(left.filter((policy) => policy === 'weekly')).toHaveLength(12);
    expect(left.filter((policy) => policy === 'daily').length).toBeLessThan(12);
  });

  test('leaves only its secret, its snapshots and its copies when it is removed', async () => {
    const { code, output } = await project.serverless('remove', '--stage', STAGE);
    expect(output).toContain('has been successfully removed');
    // The emulator describes no outputs of an updated stack, so the bucket has no name here.
    expect(output).toMatch(/the copies in the bucket .+: aws s3 rb --force s3:/);
    expect(code).toBe(0);
    expect(await stateOf(STAGE)).toEqual({ ...EMPTY, buckets: ['copies', 'reports'] });
    expect(await aws.secrets.send(new GetSecretValueCommand({ SecretId: SECRET }))).toMatchObject({
      SecretString: expect.stringContaining('apiKey'),
    });
  });

  test('can continue with the copies of a removed deployment', async () => {
    project.edit((yml) =>
      replaceOnce(addPolicy(yml, COPIED), '# copiesBucket: my-copies', `copiesBucket: ${bucket}`),
    );
    await project.deploy(STAGE);
    await putSecret(SECRET, copied.secret('password'));
    addSmall(1);
    expect(await copies()).toMatchObject({ totals: { kept: 1, copied: 1 } });
  });

  /** A small snapshot of the policy with copies, that many days old. */
  function addSmall(age: number): void {
    const file = { size: 100_000, diskFormat: 'qcow2', containerFormat: 'bare' };
    addSnapshot(copied, server, { owner: ownerIn(STAGE), policy: 'weekly', age, ...file });
  }

  /** The report of a run that makes copies. */
  async function copies(): Promise<unknown> {
    const offsite = await deployedFunction(STAGE, 'offsite');
    bucket ??= offsite.configuration.Environment!.Variables!.AUTOSNAP_COPIES_BUCKET!;
    return (await offsite.invoke({ policy: 'weekly' })).payload;
  }
});

/** Each change of a policy changes all functions, because their code contains all policies. */
function newCode({ functions }: State): Record<string, [unknown, unknown]> {
  const hashes: [unknown, unknown] = [expect.any(String), expect.any(String)];
  return Object.fromEntries(Object.keys(functions).map((name) => [`functions.${name}.CodeSha256`, hashes]));
}
