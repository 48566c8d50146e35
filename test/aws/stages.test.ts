import { beforeAll, describe, expect, test } from 'vitest';
import { addSnapshot, cloudAccount, imagesOf, ownerIn, putSecret, snapshotIdsOf } from './cloud-account.ts';
import { eventsFor, type State, stateOf } from './deployed.ts';
import { deployedFunction } from './lambda.ts';
import { STAGES } from './stages.ts';

const states: Record<string, State> = {};

beforeAll(async () => {
  for (const stage of STAGES) states[stage] = await stateOf(stage);
});

/** Runs a function of a stage with the event that its rule sends for a policy. */
async function run(stage: string, job: string, policy = 'daily') {
  return (await deployedFunction(stage, job)).invoke(eventsFor(states[stage]!, job)[policy]);
}

describe('two stages of one project', () => {
  const textOf = (stage: string) => JSON.stringify(states[stage]);

  test('have separate resources, which differ only in their names', () => {
    expect(textOf('dev')).toContain('autosnap-dev');
    const [dev, prod] = STAGES.map((stage) => new RegExp(`(?<![a-z])${stage}(?![a-z])`, 'g'));
    expect(textOf('dev')).not.toMatch(prod!);
    expect(textOf('prod')).not.toMatch(dev!);
    expect(JSON.parse(textOf('dev').replace(dev!, 'prod'))).toEqual(JSON.parse(textOf('prod')));
  });

  test.for(STAGES)('%s may only read its own secrets', (stage) => {
    const secrets = Object.values(states[stage]!.roles)
      .flatMap(({ policies }) => Object.values(policies))
      .flatMap(({ Statement }) => Statement)
      .filter(({ Action }) => [Action].flat().includes('secretsmanager:GetSecretValue'))
      .flatMap(({ Resource }) => Resource);
    expect(secrets).toEqual([`arn:aws:secretsmanager:us-east-1:123456789012:secret:autosnap/${stage}/*`]);
  });
});

test('two stages in one cloud account never touch the snapshots of the other', async () => {
  const cloud = await cloudAccount();
  const region = cloud.region('DFW');
  const servers = ['web-1', 'web-2', 'db-1'].map((name) =>
    region.addServer({ name, metadata: { autosnap: 'daily' } }),
  );
  const byHand = region.addImage({ name: 'by hand', owner: cloud.account.projectId });
  for (const stage of STAGES) {
    await putSecret(`autosnap/${stage}/rackspace`, cloud.secret('rackspace'));
    for (const server of servers) {
      for (let age = 1; age <= 12; age++) {
        addSnapshot(cloud, server, { owner: ownerIn(stage), policy: 'daily', age });
      }
    }
  }
  const ours = (stage: string) => snapshotIdsOf(cloud, ownerIn(stage));

  for (const [stage, other] of [
    ['dev', 'prod'],
    ['prod', 'dev'],
  ] as const) {
    const [before, others] = [ours(stage), ours(other)];
    const taken = await run(stage, 'snapshot');
    expect(taken.payload).toMatchObject({ owner: ownerIn(stage), totals: { taken: servers.length } });
    expect(ours(stage)).toHaveLength(before.length + servers.length);
    const rotated = await run(stage, 'cleanup');
    expect(rotated.payload).toMatchObject({ totals: { deleted: expect.any(Number) }, warnings: [] });
    expect(ours(stage)).not.toEqual(expect.arrayContaining(before));
    expect(ours(other)).toEqual(others);
  }
  expect(imagesOf(cloud)).toContainEqual(byHand);
});

test('a policy with another account uses its secret, and no other cloud account', async () => {
  const [own, customers] = [await cloudAccount(), await cloudAccount()];
  for (const cloud of [own, customers]) {
    cloud.region('DFW').addServer({ name: 'db-1', metadata: { autosnap: 'daily' } });
  }
  customers.account.apiKey = 'of-customer-b';
  await putSecret('autosnap/prod/rackspace', own.secret('rackspace'));
  await putSecret('autosnap/prod/customer-b', customers.secret('rackspace'));

  const weekly = await run('prod', 'snapshot', 'weekly');
  expect(weekly.payload).toMatchObject({ policy: 'weekly', account: 'customer-b', totals: { taken: 1 } });
  expect([imagesOf(own), own.received]).toEqual([[], []]);
  expect(imagesOf(customers)).toHaveLength(1);

  const daily = await run('prod', 'snapshot');
  expect(daily.payload).toMatchObject({ policy: 'daily', account: 'rackspace', totals: { taken: 1 } });
  expect(imagesOf(own)).toHaveLength(1);
  expect(imagesOf(customers)).toHaveLength(1);

  const elsewhere = await run('dev', 'snapshot', 'weekly');
  expect(elsewhere.error?.errorMessage).toContain('The secret autosnap/dev/customer-b can');
});
