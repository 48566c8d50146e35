import { expect, test } from 'vitest';
import { parseSchedule } from '../../lib/config/schedule.ts';
import { failureRecord } from '../../lib/runtime/work-item.ts';
import { answers, type CloudService } from '../../local/cloud/faults.ts';
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
 * Some days of a deployment after a good one: snapshots by their schedules, cleanups every six
 * hours, audits every hour, but every six hours on the good day and once two days have passed.
 *
 * @returns the subjects of the mails after the good day.
 */
async function mailsOfDays(
  accounts: string[],
  incidents: Record<string, (deployment: Deployment) => unknown>,
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
    await incidents[at.toISOString().slice(0, 16)]?.(deployment);
    await deliverAll(waiting, at.toISOString());
    for (const { policy: name, schedule } of policies) {
      if (
        parseSchedule(schedule as string)
          .slot(at)
          ?.getTime() === at.getTime()
      )
        await invoke(deployment, 'snapshot', { policy: name });
      if (/^(05|11|17|23):00$/.test(clock)) await invoke(deployment, 'cleanup', { policy: name });
    }
    if (clock === '07:00') await invoke(deployment, 'audit', { digest: 'on-trouble' });
    const isQuiet = at.getTime() < DAY || at.getTime() >= DAY + 2 * DAY_MS;
    if (clock.endsWith(':30') && (!isQuiet || at.getUTCHours() % 6 === 5))
      await invoke(deployment, 'audit', { digest: 'never' });
  }
  return waiting.mails.slice(measured).map(({ subject }) => subject.replace('Autosnap autosnap-test: ', ''));
}

const FOREVER = { times: Number.POSITIVE_INFINITY } as const;
const DAILY = { schedule: 'cron(0 2 * * ? *)' };
const HOURLY = { schedule: 'cron(0 * * * ? *)' };
/** On Mondays; its first snapshots are taken on the good day, a Sunday, too. */
const WEEKLY = { schedule: 'cron(0 2 ? * SUN-MON *)' };
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

function outage(...services: CloudService[]): Record<string, (deployment: Deployment) => void> {
  return {
    '2026-11-23T01:10': ({ cloud }) => {
      for (const service of services) cloud.faults.push({ service, ...FOREVER, answer: answers.unavailable });
    },
    '2026-11-23T07:10': ({ cloud }) => {
      cloud.faults.length = 0;
    },
  };
}

test.each<[string, CloudService[], string]>([
  ['identity service', ['identity'], "account rackspace can't be read"],
  ['compute service', ['compute'], "DFW can't be read (rackspace)"],
  ['image service', ['image'], "DFW can't be read (rackspace)"],
])(
  'an outage of the %s is one mail, and another when the missed snapshots exist',
  async (_, services, title) => {
    expect(await mailsOfDays(['rackspace'], outage(...services), 2)).toEqual([title, `ended: ${title}`]);
  },
);

test('an outage at the time of a weekly snapshot is mailed until the snapshots exist', async () => {
  const weekly = ({ use }: Deployment) => use(policy(WEEKLY));
  const mails = await mailsOfDays(['rackspace'], { '2026-11-22T00:10': weekly, ...outage('identity') }, 2);
  expect(mails).toEqual(["account rackspace can't be read", 'snapshot daily failed (and 1 more)']);
});

test.each<[string, (deployment: Deployment) => void]>([
  ['deleted', ({ cloud }) => void cloud.region('DFW').servers.splice(1, 1)],
  [
    'moved to another policy',
    ({ cloud }) => void Object.assign(cloud.region('DFW').servers[1]!.metadata, { autosnap: 'b' }),
  ],
])('the failure of a server that is %s ends', async (_, change) => {
  const tagged = (name: string) =>
    policy({ ...WEEKLY, policy: name, servers: { tagged: { autosnap: name } } });
  const mails = await mailsOfDays(['rackspace'], {
    '2026-11-22T00:10': ({ use, cloud }) => {
      const region = cloud.region('DFW');
      region.addServer({ name: 'app-3', metadata: { autosnap: 'b' } });
      for (const { metadata } of region.servers.slice(0, 2)) metadata.autosnap = 'a';
      use(tagged('a'), tagged('b'));
    },
    '2026-11-23T00:10': ({ cloud }) => {
      cloud.region('DFW').servers[1]!.vmState = 'error';
    },
    '2026-11-23T09:10': change,
  });
  expect(mails).toEqual(['db-2: snapshot a failed', 'ended: db-2: snapshot a failed']);
});

test('a server that fails in three policies is one mail', async () => {
  const policies = ['a', 'b', 'c'].map((name, i) =>
    policy({ schedule: `cron(0 ${2 + i} * * ? *)`, policy: name }),
  );
  const mails = await mailsOfDays(['rackspace'], {
    '2026-11-22T00:10': ({ use }) => use(...policies),
    [BEGINNING]: ({ cloud }) => {
      cloud.region('DFW').servers[1]!.vmState = 'error';
    },
  });
  expect(mails).toEqual(['db-2: snapshot a failed']);
});

test('keys of several accounts that become wrong one after the other are one mail', async () => {
  const accounts = Array.from({ length: 6 }, (_, i) => `customer-${i}`);
  const changes = accounts.map((account, i) => [
    `2026-11-23T0${i}:10`,
    ({ cloud, cold }: Deployment) => {
      const secret = JSON.parse(cloud.secrets.get(`autosnap/test/${account}`)!);
      cloud.secrets.set(`autosnap/test/${account}`, JSON.stringify({ ...secret, apiKey: 'changed' }));
      cold();
    },
  ]);
  expect(await mailsOfDays(accounts, Object.fromEntries(changes))).toEqual([
    "account customer-0 can't be read",
  ]);
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
  // The run that failed meanwhile keeps the incident open.
  [2, ["account rackspace can't be read", "again: account rackspace can't be read", DIGEST]],
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

test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
  ['weekly to hourly snapshots', WEEKLY, HOURLY],
  ['weekly to daily snapshots', WEEKLY, DAILY],
  [
    'monthly to more frequent cleanups',
    { ...DAILY, cleanup: 'cron(0 5 1 * ? *)' },
    { ...DAILY, cleanup: 'cron(0 5,11,17,23 * * ? *)' },
  ],
])('a deployment that changes %s has no mail', async (_, before, after) => {
  const days = {
    '2026-11-22T00:00': ({ use }: Deployment) => use(policy(before)),
    '2026-11-25T09:10': ({ use }: Deployment) => use(policy(after)),
  };
  expect(await mailsOfDays(['rackspace'], days, 3)).toEqual([]);
});

test('a policy that is removed, accepted and deployed again days later has no mail at first', async () => {
  const other = policy({ ...DAILY, policy: 'other' });
  const mails = await mailsOfDays(
    ['rackspace'],
    {
      '2026-11-22T00:10': ({ use }) => use(policy(DAILY), other),
      '2026-11-23T09:10': ({ use }) => use(policy(DAILY)),
      '2026-11-23T09:40': async ({ run }) => {
        await run('audit', { acceptDropped: { policies: ['other'] } });
      },
      '2026-11-27T09:10': ({ use }) => use(policy(DAILY), other),
    },
    5,
  );
  expect(mails).toEqual([
    'the policy other is no longer deployed',
    'ended: the policy other is no longer deployed',
  ]);
});

test('a server whose tag is removed, which is accepted, and put back days later has no mail at that', async () => {
  const tag = (value: string | undefined) => async (deployment: Deployment) => {
    const server = deployment.cloud.region('DFW').servers[1]!;
    server.metadata = value === undefined ? {} : { autosnap: value };
  };
  const mails = await mailsOfDays(
    ['rackspace'],
    {
      '2026-11-22T00:10': async (deployment) => {
        for (const server of deployment.cloud.region('DFW').servers) server.metadata = { autosnap: 'daily' };
        deployment.use(policy({ ...DAILY, servers: { tagged: { autosnap: 'daily' } } }));
      },
      '2026-11-23T09:10': tag(undefined),
      '2026-11-23T09:40': async ({ run }) => {
        await run('audit', { acceptDropped: { servers: ['db-2'] } });
      },
      '2026-11-27T09:10': tag('daily'),
    },
    6,
  );
  expect(mails).toEqual(['db-2 is no longer covered', 'ended: db-2 is no longer covered']);
});
