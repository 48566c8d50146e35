import { expect, test } from 'vitest';
import { failureRecord } from '../../lib/runtime/work-item.ts';
import { answers } from '../../local/cloud/faults.ts';
import { deliverAll, startWaiting, type Waiting } from '../fleet/waiting.ts';
import type { AnyJob } from '../functions.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';

// How many mails people get in a day, by the real handlers, hour by hour.

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
/** The measured day. The one before it is a good one. */
const DAY = Date.parse('2026-11-23T00:00:00Z');

interface Deployment extends Harness {
  waiting: Waiting;
  /** Deploys these policies from now on. */
  use(...policies: Record<string, unknown>[]): void;
}

/** What Lambda does with an event of a rule: three tries, and then the failed runs. */
async function invoke({ run, waiting }: Deployment, job: AnyJob, event: object): Promise<void> {
  for (const waitMinutes of [0, 1, 2]) {
    setTime(new Date(Date.now() + waitMinutes * MINUTE_MS));
    try {
      await run(job, event, { remainingMs: 900_000 });
      return;
    } catch (error) {
      if (waitMinutes < 2) continue;
      const arn = `arn:aws:lambda:us-east-1:000000000000:function:autosnap-test-${job}`;
      const record = failureRecord({ requestId: 'r', event }, arn, error as Error, new Date());
      waiting.failedRuns.send(JSON.stringify(record), 0);
    }
  }
}

/**
 * Some days of a deployment after a good one: snapshots at two or every hour, cleanups every six hours, audits
 * every hour.
 *
 * @returns the subjects of the mails after the good day.
 */
async function mailsOfDays(
  accounts: string[],
  incidents: Record<string, (deployment: Deployment) => void>,
  days = 1,
): Promise<string[]> {
  setTime(new Date(DAY - DAY_MS));
  const h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0 } });
  await reportBucket();
  const waiting = await startWaiting();
  for (const account of accounts)
    h.cloud.secrets.set(`autosnap/test/${account}`, h.cloud.secret('rackspace'));
  for (const name of ['web-1', 'db-2'])
    h.cloud.region('DFW').addServer({ name, createdAt: new Date(DAY - 9 * DAY_MS) });
  let policies: Record<string, unknown>[] = [];
  const deployment = {
    ...h,
    waiting,
    use: (...some: Record<string, unknown>[]) => {
      policies = some;
      deploy(some);
      h.cold();
    },
  };
  deployment.use(policy({ ...DAILY, account: accounts.length > 1 ? 'customer-*' : 'rackspace' }));

  let measured = 0;
  for (let minute = 0; minute < (1 + days) * 24 * 60; minute += 10) {
    const at = new Date(DAY - DAY_MS + minute * MINUTE_MS);
    if (at.getTime() > Date.now()) setTime(at);
    const clock = at.toISOString().slice(11, 16);
    if (at.getTime() === DAY) measured = waiting.mails.length;
    incidents[at.toISOString().slice(0, 16)]?.(deployment);
    await deliverAll(waiting, at.toISOString());
    for (const { policy: name, schedule } of policies) {
      const isHourly = schedule === HOURLY.schedule;
      if (clock === '02:00' || (isHourly && clock.endsWith(':00')))
        await invoke(deployment, 'snapshot', { policy: name });
      if (/^(05|11|17|23):00$/.test(clock)) await invoke(deployment, 'cleanup', { policy: name });
    }
    if (clock === '07:00') await invoke(deployment, 'audit', { digest: 'on-trouble' });
    if (clock.endsWith(':30')) await invoke(deployment, 'audit', { digest: 'never' });
  }
  return waiting.mails.slice(measured).map(({ subject }) => subject.replace('Autosnap autosnap-test: ', ''));
}

const FOREVER = { times: Number.POSITIVE_INFINITY } as const;
const DAILY = { schedule: 'cron(0 2 * * ? *)' };
const HOURLY = { schedule: 'cron(0 * * * ? *)' };
/** Ten minutes into the measured day. */
const BEGINNING = '2026-11-23T00:10';

function wrongKey({ cloud, cold }: Deployment): void {
  cloud.account.apiKey = 'changed';
  cold();
}

test('a day without incidents has no mail', async () => {
  expect(await mailsOfDays(['rackspace'], {})).toEqual([]);
});

test('a wrong key is one mail', async () => {
  expect(await mailsOfDays(['rackspace'], { [BEGINNING]: wrongKey })).toEqual([
    "account rackspace can't be read",
  ]);
});

test('a wrong key of twenty accounts is one mail', async () => {
  const accounts = Array.from({ length: 20 }, (_, i) => `customer-${i}`);
  expect(await mailsOfDays(accounts, { [BEGINNING]: wrongKey })).toEqual(["20 accounts can't be read"]);
});

test('a cloud that is down for six hours is a mail at the beginning and a mail when all servers are protected again', async () => {
  const mails = await mailsOfDays(
    ['rackspace'],
    {
      '2026-11-23T01:10': ({ cloud }) => {
        for (const service of ['identity', 'compute', 'image'] as const) {
          cloud.faults.push({ service, ...FOREVER, answer: answers.unavailable });
        }
      },
      '2026-11-23T07:10': ({ cloud }) => {
        cloud.faults.length = 0;
      },
    },
    2,
  );
  expect(mails).toEqual(["account rackspace can't be read", "ended: account rackspace can't be read"]);
});

test('a server that fails is one mail', async () => {
  const mails = await mailsOfDays(['rackspace'], {
    [BEGINNING]: ({ cloud }) => {
      cloud.region('DFW').servers[1]!.vmState = 'error';
    },
  });
  expect(mails).toEqual(['db-2: snapshot daily failed']);
});
/** Two days in which something changes, now and again, between bad and good. */
function comingAndGoing(
  everyHours: number,
  change: (deployment: Deployment, isBad: boolean) => void,
): Record<string, (deployment: Deployment) => void> {
  const changes = Array.from({ length: 48 / everyHours }, (_, i) => i);
  return Object.fromEntries(
    changes.map((i) => {
      const at = new Date(DAY + (everyHours * 60 * i + 50) * MINUTE_MS);
      return [at.toISOString().slice(0, 16), (deployment) => change(deployment, i % 2 === 0)];
    }),
  );
}

const DIGEST = expect.stringMatching(/^autosnap-test: /);

test.each([
  [1, ['db-2: snapshot daily failed', DIGEST]],
  [
    2,
    [
      'db-2: snapshot daily failed',
      'ended: db-2: snapshot daily failed',
      'again: db-2: snapshot daily failed',
      DIGEST,
    ],
  ],
])('a server that changes between bad and good every %d hours', async (hours, expected) => {
  const incidents = comingAndGoing(hours, ({ cloud }, isBad) => {
    cloud.region('DFW').servers[1]!.vmState = isBad ? 'error' : 'active';
  });
  const hourly = ({ use }: Deployment) => use(policy({ ...HOURLY, keep: { last: 3 } }));
  const mails = await mailsOfDays(['rackspace'], { '2026-11-22T00:10': hourly, ...incidents }, 2);
  expect(mails).toEqual(expected);
});

test.each([
  [1, ["account rackspace can't be read", DIGEST]],
  // The run that failed meanwhile is a consequence, and does not keep the incident from ending.
  [
    2,
    [
      "account rackspace can't be read",
      "ended: account rackspace can't be read",
      "again: account rackspace can't be read",
      DIGEST,
    ],
  ],
])('an account whose key is wrong every %d hours', async (hours, expected) => {
  let right = '';
  const incidents = comingAndGoing(hours, ({ cloud, cold }, isBad) => {
    right ||= cloud.account.apiKey;
    cloud.account.apiKey = isBad ? 'changed' : right;
    cold();
  });
  expect(await mailsOfDays(['rackspace'], incidents, 2)).toEqual(expected);
});

test('a deployment with a new policy has no mail', async () => {
  const mails = await mailsOfDays(['rackspace'], {
    '2026-11-23T09:10': ({ use }) => {
      use(policy(DAILY), policy({ ...DAILY, policy: 'copies', servers: { names: ['web-*'] } }));
    },
  });
  expect(mails).toEqual([]);
});
