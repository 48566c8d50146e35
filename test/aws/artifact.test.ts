import { CreateKeyCommand } from '@aws-sdk/client-kms';
import { DeleteSecretCommand, DescribeSecretCommand } from '@aws-sdk/client-secrets-manager';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import { addFleet } from '../../local/fleet.ts';
import { firstPolicy } from '../../local/policies.ts';
import { aws } from './clients.ts';
import { cloudAccount, imagesOf, ownerIn, putSecret, snapshotIdsOf } from './cloud-account.ts';
import { eventsFor, stateOf } from './deployed.ts';
import { type DeployedFunction, deployedFunction } from './lambda.ts';

const OWNER = ownerIn('prod');
const SECRET = 'autosnap/prod/rackspace';

const functions: Record<string, DeployedFunction> = {};
const events: Record<string, unknown> = {};

beforeAll(async () => {
  const state = await stateOf('prod');
  for (const job of ['snapshot', 'cleanup']) {
    functions[job] = await deployedFunction('prod', job);
    events[job] = eventsFor(state, job).daily;
  }
});

const invoke = (job: string) => functions[job]!.invoke(events[job]);

test('snapshot takes what the policy selects, and cleanup deletes what it no longer keeps', async () => {
  const cloud = await cloudAccount();
  addFleet(cloud, OWNER);
  // A snapshot that fails at once is not taken.
  for (const server of cloud.region('DFW').servers) server.snapshotOutcome = 'active';
  await putSecret(SECRET, cloud.secret('rackspace'));
  const before = imagesOf(cloud);
  const asked = ['DFW', 'ORD']
    .flatMap((region) => cloud.region(region).servers)
    .filter(({ metadata, taskState }) => /\bdaily\b/.test(metadata.autosnap ?? '') && taskState === null);

  const taken = await invoke('snapshot');
  expect(taken.payload).toMatchObject({ owner: OWNER, totals: { taken: asked.length, skipped: 1 } });
  const fresh = imagesOf(cloud).filter(({ id }) => !before.some((image) => image.id === id));
  expect(fresh.map(({ properties }) => properties.instance_uuid).sort()).toEqual(
    asked.map(({ id }) => id).sort(),
  );

  const rotated = await invoke('cleanup');
  const lines = (rotated.payload as Report).entries.flatMap(({ snapshots = [] }) => snapshots);
  const deleted = lines.filter(({ outcome }) => outcome === 'deleted').map(({ image }) => image);
  expect(deleted.length).toBeGreaterThan(0);
  const left = imagesOf(cloud).map(({ id }) => id);
  const all = [...before, ...fresh].map(({ id }) => id);
  expect(left.sort()).toEqual(all.filter((id) => !deleted.includes(id)).sort());
  expect(left).toEqual(expect.arrayContaining(fresh.map(({ id }) => id)));
  for (const { id, properties } of before) {
    if (properties.autosnap_owner !== OWNER || properties.autosnap_hold === 'forever') {
      expect(left).toContain(id);
    }
  }

  for (const { payload, report } of [taken, rotated]) expect(report).toEqual(payload);
});

test('Y2: an event with its own rules is refused by the deployed function, and nothing is deleted', async () => {
  const cloud = await cloudAccount();
  addFleet(cloud, OWNER);
  await putSecret(SECRET, cloud.secret('rackspace'));
  const before = snapshotIdsOf(cloud, OWNER);
  const whole = { ...(await firstPolicy()), keep: { last: 1 } };
  const { error } = await functions.cleanup!.invoke(whole);
  expect(error?.errorMessage).toContain('send {"policy": "daily"}');
  expect(snapshotIdsOf(cloud, OWNER)).toEqual(before);
  const { payload } = await functions.cleanup!.invoke({ ...whole, dryRun: true });
  expect(payload).toMatchObject({ dryRun: true, totals: { planned: expect.any(Number) } });
  expect(snapshotIdsOf(cloud, OWNER)).toEqual(before);
});

describe('a run that fails', () => {
  const WRONG_KEY = 'fffff-99999-wrong-key-5f2c9e';

  test.for(['snapshot', 'cleanup'])(
    '%s with a wrong key reports a remedy, and the key appears nowhere',
    async (job) => {
      const cloud = await cloudAccount();
      addFleet(cloud, OWNER);
      const { apiKey, ...rest } = JSON.parse(cloud.secret('rackspace')) as Record<string, string>;
      await putSecret(SECRET, JSON.stringify({ ...rest, apiKey: WRONG_KEY }));
      const before = snapshotIdsOf(cloud, OWNER);

      const { payload, error, logs } = await invoke(job);
      expect(payload).toBeUndefined();
      expect(error?.errorMessage).toMatch(/401 Unable to authenticate user with credentials provided/);
      expect(error?.errorMessage).toMatch(/check the name and the key in the secret/);
      expect(cloud.received.map(({ service }) => service)).toContain('identity');
      expect(`${JSON.stringify(error)}${logs}`).not.toMatch(/wrong-key|fffff|99999/);
      expect(logs).toContain('does not accept these credentials');
      expect(snapshotIdsOf(cloud, OWNER)).toEqual(before);
      expect(apiKey).toBe(cloud.account.apiKey);
    },
  );

  test('names the server and the remedy, and its report is in the log', async () => {
    const cloud = await cloudAccount();
    cloud.region('DFW').addServer({ name: 'web-1', metadata: { autosnap: 'daily' } });
    cloud.region('DFW').addServer({ name: 'broken', metadata: { autosnap: 'daily' }, vmState: 'error' });
    await putSecret(SECRET, cloud.secret('rackspace'));

    const { error, report, logs } = await invoke('snapshot');
    expect(error).toMatchObject({
      errorType: 'RunFailed',
      errorMessage: expect.stringMatching(
        /^snapshot daily: 1 of 2 servers failed\.\n- broken in DFW: .*name the server in servers\.except$/,
      ),
    });
    expect(report).toMatchObject({ totals: { failed: 1, taken: 1 } });
    expect(snapshotIdsOf(cloud, OWNER)).toHaveLength(1);
    expect(`${JSON.stringify(error)}${logs}`).not.toContain(cloud.account.apiKey);
  });

  test('names the missing secret, and how to create it', async () => {
    await aws.secrets.send(new DeleteSecretCommand({ SecretId: SECRET, ForceDeleteWithoutRecovery: true }));
    const { error } = await invoke('snapshot');
    expect(error).toMatchObject({
      errorType: 'ValidationError',
      errorMessage: expect.stringContaining(
        'aws secretsmanager create-secret --name autosnap/prod/rackspace --secret-string file:///dev/stdin',
      ),
    });
  });
});

test('a secret under a KMS key of its own is read like any other', async () => {
  const { KeyMetadata } = await aws.kms.send(new CreateKeyCommand({ Description: 'for a secret' }));
  const keyArn = KeyMetadata!.Arn!;
  const cloud = await cloudAccount();
  cloud.region('DFW').addServer({ name: 'db-1' });
  const name = 'autosnap/prod/customer-b';
  await putSecret(name, cloud.secret('rackspace'), keyArn);
  expect(await aws.secrets.send(new DescribeSecretCommand({ SecretId: name }))).toMatchObject({
    KmsKeyId: keyArn,
  });

  const snapshot = await deployedFunction('prod', 'snapshot');
  const { payload } = await snapshot.invoke({ policy: 'weekly', account: 'customer-b' });
  expect(payload).toMatchObject({ account: 'customer-b', totals: { taken: 1 } });
});
