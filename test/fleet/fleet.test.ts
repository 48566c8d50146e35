import { afterEach, expect, test } from 'vitest';
import { imageName } from '../../lib/snapshots/image-name.ts';
import { markerOf, nameEnding } from '../../lib/snapshots/marker.ts';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import { policy } from '../harness.ts';
import { Chance } from '../simulation/chance.ts';
import { Environments } from './environments.ts';
import { type Deliveries, pollUntilEmpty } from './poller.ts';
import { startWaiting } from './waiting.ts';

// A whole fleet, end to end: the real handlers in separate processes, which are killed, with the
// embedded cloud and a queue that delivers twice, late and in any order. `npm run test:fleet` runs
// the full size, `.ci/run` a small one.
const WHOLE = process.env.FLEET === 'whole';
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 1_000_000));

const clouds: Cloud[] = [];
afterEach(async () => {
  await Promise.all(clouds.splice(0).map((cloud) => cloud.close()));
});

/**
 * Accounts, each a cloud with that many servers in one region, with a common clock; the first cloud
 * stores the secrets of all.
 */
async function fleet(accounts: number, servers: number) {
  let offsetMs = 0;
  const now = () => new Date(Date.now() + offsetMs);
  const ofAccount = new Map<string, Cloud>();
  for (let i = 0; i < accounts; i++) {
    const cloud = await startCloud({ regions: ['DFW'], projectId: `project-${i}` });
    clouds.push(cloud);
    ofAccount.set(`customer-${i}`, cloud);
    cloud.pageSize = 1000;
    for (let n = 0; n < servers; n++) cloud.region('DFW').addServer({ name: `web-${n}` });
  }
  const { secrets, secretsUrl } = ofAccount.get('customer-0')!;
  for (const [name, cloud] of ofAccount) secrets.set(`autosnap/test/${name}`, cloud.secret('rackspace'));
  const advance = (ms: number) => {
    offsetMs += ms;
    for (const cloud of clouds) cloud.advance(ms);
  };
  // The slot has just begun, and a day is longer than the whole test.
  advance(24 * 3_600_000 - (now().getTime() % (24 * 3_600_000)) + 20_000);
  const waiting = await startWaiting(now);
  const environments = new Environments({
    ...waiting.environment,
    AUTOSNAP_SERVICE: 'autosnap',
    AUTOSNAP_STAGE: 'test',
    AUTOSNAP_OWNER: 'autosnap-test',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: secretsUrl,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
  });
  return { ofAccount, now, advance, environments, ...waiting };
}

type Fleet = Awaited<ReturnType<typeof fleet>>;

/**
 * Runs a rule's event and then the queue until nothing is left; kills invocations after some
 * requests.
 */
async function runThrough(
  f: Fleet,
  job: 'snapshot' | 'cleanup',
  event: object,
  requestMs: number,
): Promise<Deliveries> {
  const chance = new Chance(SEED);
  console.log(`SEED=${SEED}`);
  const invocation = { job, event, now: f.now().getTime(), requestMs, requestId: 'r1' };
  const first = await f.environments.invoke(invocation);
  expect(first).toEqual({ result: expect.objectContaining({ resumesAt: expect.any(String) }) });
  const deliveries = await pollUntilEmpty({
    ...f,
    chance,
    atOnce: 3,
    requestMs,
    killLater({ body }, kill) {
      const { account } = JSON.parse(body).event as { account: string };
      const { faults, region } = f.ofAccount.get(account)!;
      const left = Math.abs(region('DFW').servers.length - region('DFW').images.length);
      const skip = Math.floor(chance.number() * Math.min(left, 500));
      const request =
        job === 'snapshot'
          ? ({ service: 'compute', method: 'POST' } as const)
          : ({ service: 'image', method: 'DELETE' } as const);
      faults.push({ ...request, skip, answer: kill });
    },
  });
  console.log(deliveries);
  expect(deliveries.errors).toEqual([]);
  return deliveries;
}

/**
 * Expects that each server has exactly one snapshot, all of the same slot, and that nothing is left
 * over.
 */
function expectOneEach({ ofAccount, queue, failedRuns }: Fleet, servers: number): void {
  for (const [account, cloud] of ofAccount) {
    const { images, servers: its } = cloud.region('DFW');
    const taken = images.map(({ properties: p }) => p.autosnap_server);
    expect(new Set(taken), account).toEqual(new Set(its.map(({ id }) => id)));
    expect(taken, account).toHaveLength(servers);
    expect(new Set(images.map(({ properties: p }) => p.autosnap_slot)).size, account).toBe(1);
  }
  expect(queue.messages).toEqual([]);
  expect(queue.deadLetters).toEqual([]);
  expect(failedRuns.messages).toEqual([]);
}

/** Expects that every kind of trouble occurred; with few deliveries some may not. */
function expectTrouble(deliveries: Deliveries): void {
  if (WHOLE) expect(Object.values(deliveries)).not.toContain(0);
}

const SERVERS = WHOLE ? 10_000 : 400;
const ACCOUNTS = WHOLE ? 200 : 12;
const MINUTES = 60_000;

test(`${SERVERS} servers in one region: each has one snapshot of the slot`, {
  timeout: 10 * MINUTES,
}, async () => {
  const f = await fleet(1, SERVERS);
  const deliveries = await runThrough(f, 'snapshot', policy({ account: 'customer-0' }), WHOLE ? 600 : 6_000);
  expectOneEach(f, SERVERS);
  expectTrouble(deliveries);
  // With Rackspace's limit of 100 requests a minute an invocation can take 1,475 snapshots.
  expect(deliveries.delivered).toBeGreaterThanOrEqual(WHOLE ? 6 : 2);
});

test(`${ACCOUNTS} accounts in one deployment: each server has one snapshot of the slot`, {
  timeout: 10 * MINUTES,
}, async () => {
  const f = await fleet(ACCOUNTS, 5);
  const deliveries = await runThrough(f, 'snapshot', policy({ account: 'customer-*' }), 600);
  expectOneEach(f, 5);
  expectTrouble(deliveries);
  expect(deliveries.delivered).toBeGreaterThanOrEqual(ACCOUNTS);
});

test('a cleanup that needs several invocations: each server keeps only its newest snapshot', {
  timeout: 10 * MINUTES,
}, async () => {
  const servers = WHOLE ? 1_000 : 100;
  const f = await fleet(1, servers);
  const cloud = f.ofAccount.get('customer-0')!;
  const region = cloud.region('DFW');
  const midnight = new Date(f.now().setUTCHours(0, 0, 0, 0));
  for (const { id, name } of region.servers) {
    for (const age of [0, 1, 2]) {
      const slot = new Date(midnight.getTime() - age * 24 * 3_600_000);
      region.addImage({
        name: imageName({ id, name }, 'daily', slot),
        owner: cloud.account.projectId,
        createdAt: slot,
        properties: {
          ...markerOf({ owner: 'autosnap-test', policy: 'daily', server: id, slot }),
          image_type: 'snapshot',
          instance_uuid: id,
        },
      });
    }
  }
  const event = policy({ account: 'customer-0', keep: { last: 1 } });
  await runThrough(f, 'cleanup', event, WHOLE ? 1_500 : 4_000);
  expect(region.images.map(({ name }) => name)).toEqual(
    Array(servers).fill(expect.stringMatching(nameEnding('daily', midnight))),
  );
  expect(new Set(region.images.map(({ properties: p }) => p.autosnap_server)).size).toBe(servers);
  expect(f.queue.messages).toEqual([]);
});
