import { readFileSync } from 'node:fs';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { beforeAll, describe, expect, test } from 'vitest';
import { aws } from './clients.ts';
import { addSnapshot, cloudAccount, imagesOf, ownerIn, putSecret } from './cloud-account.ts';
import { eventsFor, type State, stateOf } from './deployed.ts';
import { differences } from './differences.ts';
import { deployedFunction } from './lambda.ts';
import { copyProject, type Project, replaceOnce, uncomment } from './project.ts';

const STAGE = 'test';
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

// One deployment through its whole life: each test goes on where the one before has ended.
describe('a deployment', () => {
  let project: Project;
  let shipped: string;
  let asShipped: State;

  beforeAll(async () => {
    project = await copyProject();
    shipped = readFileSync(project.path('serverless.yml'), 'utf8');
    await putSecret(SECRET, '{"username": "somebody", "apiKey": "a key"}');
  });

  test('is made by one command', async () => {
    expect(await stateOf(STAGE)).toEqual(EMPTY);
    expect(await project.deploy(STAGE)).toContain('Service deployed to stack autosnap-test');
    asShipped = await stateOf(STAGE);
    expect(Object.keys(asShipped.functions)).toEqual(expect.arrayContaining(['snapshot', 'cleanup', 'hold']));
    const daily = { policy: 'daily', schedule: 'cron(0 0 * * ? *)', cleanup: 'rate(6 hours)' };
    expect(eventsFor(asShipped, 'snapshot')).toEqual({ daily: expect.objectContaining(daily) });
    expect(eventsFor(asShipped, 'cleanup')).toEqual({ daily: expect.objectContaining(daily) });
    expect(asShipped.sources).toEqual({
      continue: {
        queue: 'arn:aws:sqs:us-east-1:123456789012:autosnap-test-work',
        BatchSize: 1,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
      },
    });
    expect(asShipped.rules.SnapshotEventsRuleSchedule1).toMatchObject({ expression: daily.schedule });
    expect(asShipped.rules.CleanupEventsRuleSchedule1).toMatchObject({ expression: daily.cleanup });
  });

  test('that is made again from the same sources changes nothing', async () => {
    expect(await project.deploy(STAGE)).toContain('No changes to deploy. Deployment skipped.');
    expect(await stateOf(STAGE)).toEqual(asShipped);
  });

  test('changes the rule and the events when a schedule and a policy change, and nothing else', async () => {
    const [midnight, later] = ['cron(0 0 * * ? *)', 'cron(30 2 * * ? *)'];
    project.edit((yml) => replaceOnce(yml, `schedule: ${midnight}`, `schedule: ${later}`));
    project.edit((yml) => replaceOnce(yml, 'last: 7', 'last: 9'));
    await project.deploy(STAGE);
    project.edit(() => shipped);
    const changed = await stateOf(STAGE);
    expect(differences(asShipped, changed)).toEqual({
      ...newCode(asShipped),
      'rules.SnapshotEventsRuleSchedule1.expression': [midnight, later],
      'rules.SnapshotEventsRuleSchedule1.targets.snapshotSchedule.input.schedule': [midnight, later],
      'rules.SnapshotEventsRuleSchedule1.targets.snapshotSchedule.input.keep.last': [7, 9],
      'rules.CleanupEventsRuleSchedule1.targets.cleanupSchedule.input.schedule': [midnight, later],
      'rules.CleanupEventsRuleSchedule1.targets.cleanupSchedule.input.keep.last': [7, 9],
    });
  });

  test('gets the rules of a policy that is added, and nothing else changes', async () => {
    project.edit((yml) => uncomment(yml, 'weekly'));
    await project.deploy(STAGE);
    const state = await stateOf(STAGE);
    const weekly = { policy: 'weekly', schedule: 'cron(0 6 ? * SUN *)', cleanup: 'rate(6 hours)' };
    expect(eventsFor(state, 'snapshot').weekly).toMatchObject(weekly);
    expect(eventsFor(state, 'cleanup').weekly).toMatchObject(weekly);
    expect(state.rules.SnapshotEventsRuleSchedule2).toMatchObject({ expression: weekly.schedule });
    expect(state.rules.CleanupEventsRuleSchedule2).toMatchObject({ expression: weekly.cleanup });
    const changes = Object.entries(differences(asShipped, state))
      // The dashboard is drawn anew, with the new policy in it.
      .filter(([path]) => !path.startsWith('dashboards.'));
    const added = changes.filter(([, [before]]) => before === undefined);
    expect(Object.fromEntries(changes.filter((change) => !added.includes(change)))).toEqual(
      newCode(asShipped),
    );
    const paths = added.map(([path]) => path);
    const alarms = paths.filter((path) => /^notKept\.Weekly\w+Alarm$/.test(path));
    expect(alarms).toContain('notKept.WeeklyCleanupMissingAlarm');
    expect(paths.filter((path) => !alarms.includes(path)).sort()).toEqual([
      'notKept.CleanupLambdaPermissionEventsRuleSchedule2',
      'notKept.SnapshotLambdaPermissionEventsRuleSchedule2',
      'rules.CleanupEventsRuleSchedule2',
      'rules.SnapshotEventsRuleSchedule2',
    ]);
  });

  test('loses the rules of a policy that is removed, whose snapshots stay', async () => {
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
      warnings: ['DFW: the policy weekly is no longer configured: its 12 snapshots are all kept'],
      totals: { deleted: expect.any(Number) },
    });
    const left = imagesOf(cloud).map(({ properties }) => properties.autosnap_policy);
    expect(left.filter((policy) => policy === 'weekly')).toHaveLength(12);
    expect(left.filter((policy) => policy === 'daily').length).toBeLessThan(12);
  });

  test('leaves nothing behind when it is removed but its secret, its snapshots and its buckets', async () => {
    const { code, output } = await project.serverless('remove', '--stage', STAGE);
    expect(output).toContain('has been successfully removed');
    expect(code).toBe(0);
    expect(await stateOf(STAGE)).toEqual({ ...EMPTY, buckets: ['copies', 'reports'] });
    expect(await aws.secrets.send(new GetSecretValueCommand({ SecretId: SECRET }))).toMatchObject({
      SecretString: expect.stringContaining('apiKey'),
    });
  });
});

/** The change that each change of a policy makes to all functions: their code has all policies in it. */
function newCode({ functions }: State): Record<string, [unknown, unknown]> {
  const hashes: [unknown, unknown] = [expect.any(String), expect.any(String)];
  return Object.fromEntries(Object.keys(functions).map((name) => [`functions.${name}.CodeSha256`, hashes]));
}
