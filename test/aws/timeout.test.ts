import { beforeAll, expect, test } from 'vitest';
import type { Cloud } from '../../local/cloud.ts';
import { addSnapshot, cloudAccount, imagesOf, putSecret } from './cloud-account.ts';
import { eventsFor, stateOf } from './deployed.ts';
import { deployedFunction } from './lambda.ts';
import { copyProject, replaceOnce } from './project.ts';

const SERVERS = 12;
let daily: Record<string, unknown>;

// Lambda's 900 seconds are too long to wait for. And the policy's day ends in half a day, not during a test.
beforeAll(async () => {
  const project = await copyProject();
  const hour = (new Date().getUTCHours() + 12) % 24;
  project.edit((yml) => replaceOnce(yml, 'timeout: 900', 'timeout: 10'));
  project.edit((yml) => replaceOnce(yml, 'schedule: cron(0 0 * * ? *)', `schedule: cron(0 ${hour} * * ? *)`));
  await project.deploy('hurry');
  daily = eventsFor(await stateOf('hurry'), 'snapshot').daily!;
});

/** A cloud account with {@link SERVERS}, whose secret is that of the stage. */
async function fleet(): Promise<Cloud> {
  const cloud = await cloudAccount();
  for (let i = 0; i < SERVERS; i++) {
    cloud.region('DFW').addServer({ name: `web-${i}`, metadata: { autosnap: 'daily' } });
  }
  await putSecret('autosnap/hurry/rackspace', cloud.secret('rackspace'));
  return cloud;
}

/** From now on the cloud answers so many requests that change something, and leaves all others hanging. */
function hangAfter(cloud: Cloud, requests: number): void {
  for (const [service, method] of [
    ['compute', 'POST'],
    ['image', 'DELETE'],
  ] as const) {
    cloud.faults.push({ service, method, skip: requests, times: Number.POSITIVE_INFINITY, answer: 'hang' });
  }
}

test.for([
  ['its rule', () => daily],
  ['a person', () => ({ adhoc: true, servers: { tagged: { autosnap: 'daily' } } })],
] as const)(
  'a snapshot run for %s that would run past its time stops before, and its retry takes the rest, once each',
  async ([, eventOf]) => {
    const cloud = await fleet();
    const snapshot = await deployedFunction('hurry', 'snapshot');
    expect(snapshot.configuration.Timeout).toBe(10);
    const requestId = crypto.randomUUID();

    hangAfter(cloud, 4);
    const first = await snapshot.invoke(eventOf(), { requestId });
    expect(first.error).toMatchObject({
      errorType: 'RunFailed',
      errorMessage: expect.stringContaining('stopped in time: 8 of 12 servers are left for the next try'),
    });
    expect(first.report).toMatchObject({ totals: { taken: 4, deferred: 8 } });
    expect(imagesOf(cloud)).toHaveLength(4);

    cloud.faults.length = 0;
    const retry = await snapshot.invoke(eventOf(), { requestId });
    expect(retry.payload).toMatchObject({ totals: { taken: 8, skipped: 4 }, failures: [] });
    const taken = imagesOf(cloud).map(({ properties }) => properties.instance_uuid);
    const servers = cloud.region('DFW').servers.map(({ id }) => id);
    expect(taken.sort()).toEqual(servers.sort());
  },
);

test('a cleanup run that would run past its time stops before, and its retry deletes the rest', async () => {
  const cloud = await fleet();
  for (const server of cloud.region('DFW').servers) {
    for (const age of [1, 2, 3]) {
      addSnapshot(cloud, server, { owner: 'autosnap-hurry', policy: 'daily', age });
    }
  }
  const cleanup = await deployedFunction('hurry', 'cleanup');
  const event = { ...daily, keep: { last: 2 } };
  const requestId = crypto.randomUUID();

  hangAfter(cloud, 4);
  const first = await cleanup.invoke(event, { requestId });
  expect(first.error).toMatchObject({
    errorType: 'RunFailed',
    errorMessage: expect.stringContaining('stopped in time: 8 snapshots are left for the next try'),
  });
  // Whether the four are known to be gone depends on the time that is left for a last look.
  expect(first.report).toMatchObject({ totals: { deferred: 8, kept: 24 } });
  expect(imagesOf(cloud)).toHaveLength(32);

  cloud.faults.length = 0;
  const retry = await cleanup.invoke(event, { requestId });
  expect(retry.payload).toMatchObject({ totals: { deleted: 8, kept: 24 }, failures: [] });
  expect(imagesOf(cloud)).toHaveLength(24);
});
