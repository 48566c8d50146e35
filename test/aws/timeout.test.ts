import { GetQueueAttributesCommand, GetQueueUrlCommand } from '@aws-sdk/client-sqs';
import { beforeAll, expect, test } from 'vitest';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { hangAfter } from '../hanging-requests.ts';
import { aws } from './clients.ts';
import { addSnapshot, cloudAccount, imagesOf, ownerIn, putSecret } from './cloud-account.ts';
import { eventsFor, stateOf } from './deployed.ts';
import { deployedFunction } from './lambda.ts';
import { copyProject, replaceOnce } from './project.ts';
import { deliver } from './work-queue.ts';

const SERVERS = 12;
const CREATE = { service: 'compute', method: 'POST' } as const;
let daily: Record<string, unknown>;

// Lambda's 900 seconds would take too long. The slot of the policy ends in half a day, not during a
// test.
beforeAll(async () => {
  const project = await copyProject();
  const hour = (new Date().getUTCHours() + 12) % 24;
  project.edit((yml) => replaceOnce(yml, 'timeout: 900', 'timeout: 10'), 'deploy/functions.yml');
  project.edit((yml) =>
    replaceOnce(
      yml.replace(/last: 7.*\n.*weekly: 4.*\n.*monthly: 12.*/, 'last: 2'),
      'schedule: cron(0 0 * * ? *)',
      `schedule: cron(0 ${hour} * * ? *)`,
    ),
  );
  await project.deploy('hurry');
  daily = eventsFor(await stateOf('hurry'), 'snapshot').daily!;
});

/** A cloud account with {@link SERVERS}, with the secret of the stage. */
async function fleet(): Promise<Cloud> {
  const cloud = await cloudAccount();
  for (let i = 0; i < SERVERS; i++) {
    cloud.region('DFW').addServer({ name: `web-${i}`, metadata: { autosnap: 'daily' } });
  }
  await putSecret('autosnap/hurry/rackspace', cloud.secret('rackspace'));
  return cloud;
}

test.for([
  ['its rule', () => daily],
  ['a person', () => ({ adhoc: true, servers: { tagged: { autosnap: 'daily' } } })],
] as const)(
  'a snapshot run for %s stops before its deadline, is resumed, and takes each server once',
  async ([, eventOf]) => {
    const cloud = await fleet();
    const snapshot = await deployedFunction('hurry', 'snapshot');
    expect(snapshot.configuration.Timeout).toBe(10);

    hangAfter(cloud, 4, CREATE);
    const first = await snapshot.invoke(eventOf());
    expect(first.payload).toMatchObject({
      totals: { taken: 4, deferred: 8 },
      failures: [],
      left: { outOfTime: 8 },
      resumesAt: expect.any(String),
    });
    expect(imagesOf(cloud)).toHaveLength(4);

    cloud.faults.length = 0;
    hangAfter(cloud, 3, CREATE);
    expect((await deliver('hurry'))?.report).toMatchObject({ totals: { taken: 3, deferred: 5, skipped: 4 } });
    // The same message is visible at once.
    cloud.faults.length = 0;
    expect((await deliver('hurry'))?.report).toMatchObject({
      totals: { taken: 5, skipped: 7 },
      failures: [],
    });
    expect(await deliver('hurry')).toBeUndefined();

    const taken = imagesOf(cloud).map(({ properties }) => properties.instance_uuid);
    const servers = cloud.region('DFW').servers.map(({ id }) => id);
    expect(taken.sort()).toEqual(servers.sort());
  },
);

test('a cleanup run stops before its deadline, and is resumed', async () => {
  const cloud = await fleet();
  for (const server of cloud.region('DFW').servers) {
    for (const age of [1, 2, 3]) {
      addSnapshot(cloud, server, { owner: ownerIn('hurry'), policy: 'daily', age });
    }
  }
  const cleanup = await deployedFunction('hurry', 'cleanup');

  hangAfter(cloud, 4, { service: 'image', method: 'DELETE' });
  const first = await cleanup.invoke(daily);
  // Whether the deletion of the four is confirmed depends on the time left for the last listing.
  expect(first.payload).toMatchObject({
    totals: { deferred: 8, kept: 24 },
    left: { outOfTime: 8 },
    resumesAt: expect.any(String),
  });
  expect(imagesOf(cloud)).toHaveLength(32);

  cloud.faults.length = 0;
  expect((await deliver('hurry'))?.report).toMatchObject({ totals: { deleted: 8, kept: 24 }, failures: [] });
  expect(await deliver('hurry')).toBeUndefined();
  expect(imagesOf(cloud)).toHaveLength(24);
});

test('a snapshot run with a busy server takes it later', async () => {
  const cloud = await fleet();
  const [busy] = cloud.region('DFW').servers;
  busy!.taskState = 'rebooting';
  const snapshot = await deployedFunction('hurry', 'snapshot');
  const { payload } = await snapshot.invoke(daily);
  expect(payload).toMatchObject({
    totals: { taken: 11, skipped: 1 },
    left: { busy: { servers: [{ name: 'web-0', region: 'DFW' }], more: 0 } },
  });
  // The message is still hidden for some minutes.
  expect(await deliver('hurry')).toBeUndefined();
  const { QueueUrl } = await aws.sqs.send(new GetQueueUrlCommand({ QueueName: 'autosnap-hurry-work' }));
  const { Attributes } = await aws.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['ApproximateNumberOfMessagesDelayed'] }),
  );
  expect(Attributes).toEqual({ ApproximateNumberOfMessagesDelayed: '1' });
});
