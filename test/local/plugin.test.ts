import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, expect, test } from 'vitest';
import EmbeddedCloud from '../../local/plugin.js';

const before = { ...process.env };
// Not `process.env = before`: vi.stubEnv would go on to delete variables from the former object, so
// that the tests of later files in this process keep the queues of earlier ones.
afterEach(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
});

function pluginOf(
  stage: string,
  functions: Record<string, { environment?: Record<string, unknown> } | null>,
  options: { json?: boolean } = {},
) {
  const service = {
    service: 'acme',
    custom: { policies: { daily: { account: ['a', 'customer-*'] } } },
    functions,
  };
  return new EmbeddedCloud({ service, getProvider: () => ({ getStage: () => stage }) }, options);
}

test('in the stage local, the secrets of all accounts of the policies exist, under the name of the service', async () => {
  await pluginOf('local', {}).hooks['before:invoke:local:invoke']();
  const client = new SecretsManagerClient({});
  for (const account of ['a', 'customer-1']) {
    const { SecretString } = await client.send(
      new GetSecretValueCommand({ SecretId: `acme/local/${account}` }),
    );
    expect(JSON.parse(SecretString!)).toHaveProperty('apiKey');
  }
});

test('in the stage local, functions have no references to AWS resources, and those of the product have the owner of the fleet', () => {
  const functions = {
    snapshot: { environment: { AUTOSNAP_OWNER: '', AUTOSNAP_QUEUE: { Ref: 'Work' } } },
    mine: { environment: { TOPIC: { Ref: 'Alerts' }, COLOR: 'red' } },
    bare: {},
    empty: null,
  };
  pluginOf('local', functions).hooks.initialize();
  expect(functions).toMatchObject({
    snapshot: { environment: { AUTOSNAP_OWNER: 'autosnap-local', AUTOSNAP_LOG: 'text' } },
    mine: { environment: { COLOR: 'red' } },
    bare: { environment: { AUTOSNAP_LOG: 'text' } },
    empty: null,
  });
  const { snapshot, mine } = functions as unknown as Record<string, { environment: object }>;
  expect(snapshot!.environment).not.toHaveProperty('AUTOSNAP_QUEUE');
  expect(mine!.environment).not.toHaveProperty('TOPIC');
});

test('with --json, functions log as in a deployment', () => {
  const functions = { snapshot: { environment: { COLOR: 'red' } } };
  pluginOf('local', functions, { json: true }).hooks.initialize();
  expect(functions).toEqual({ snapshot: { environment: { COLOR: 'red' } } });
});

test('in another stage nothing is changed', async () => {
  const functions = { snapshot: { environment: { AUTOSNAP_OWNER: '', AUTOSNAP_QUEUE: { Ref: 'Work' } } } };
  const { hooks } = pluginOf('prod', functions);
  hooks.initialize();
  await hooks['before:invoke:local:invoke']();
  expect(functions.snapshot.environment).toEqual({ AUTOSNAP_OWNER: '', AUTOSNAP_QUEUE: { Ref: 'Work' } });
  expect(process.env).toEqual(before);
});
