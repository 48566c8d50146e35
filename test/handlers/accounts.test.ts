import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Report } from '../../lib/reporting/report.ts';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import { deliverAll, failureRecords, startWaiting } from '../fleet/waiting.ts';
import { deploy, harness, policy, setTime } from '../harness.ts';

const clouds: Cloud[] = [];
afterEach(async () => {
  await Promise.all(clouds.splice(0).map((cloud) => cloud.close()));
});

const EVENT = policy({ account: ['rackspace', 'customer-*'] });

/**
 * Three accounts, each a cloud of its own with two servers: rackspace, customer-a and customer-b.
 */
async function accounts() {
  setTime('2026-11-22T00:00:20Z');
  const h = await harness();
  const ofAccount = new Map<string, Cloud>([['rackspace', h.cloud]]);
  for (const name of ['customer-a', 'customer-b']) {
    const cloud = await startCloud({ regions: ['DFW'], projectId: `project-of-${name}` });
    clouds.push(cloud);
    ofAccount.set(name, cloud);
    h.cloud.secrets.set(`autosnap/test/${name}`, cloud.secret('rackspace'));
  }
  h.cloud.secrets.set('autosnap/test/customer-c/old', 'not an account: it lies deeper');
  h.cloud.secrets.set('autosnap/prod/customer-d', 'not of this stage');
  for (const cloud of ofAccount.values()) {
    for (const name of ['web', 'db']) cloud.region('DFW').addServer({ name });
  }
  const made = () => [...ofAccount.values()].map((cloud) => cloud.region('DFW').images.length);
  return { ...h, ofAccount, made };
}

type Accounts = Awaited<ReturnType<typeof accounts>>;

/** The reports in the log, with their accounts. */
function reportsOf(): Map<string, Report> {
  const logged = vi.mocked(console.info).mock.calls.map(([line]) => String(line));
  const reports = logged.flatMap((line) =>
    line.includes('"report":') ? [JSON.parse(line).report as Report] : [],
  );
  return new Map(reports.map((report) => [report.account, report]));
}

/** The emitted metrics with their dimensions, as text. */
function metricsOf(h: Accounts, metric: string): string[] {
  return h
    .logs()
    .split('\n')
    .filter((line) => line.includes('CloudWatchMetrics') && line.includes(`"${metric}":`))
    .map((line) => JSON.parse(line))
    .map((m) => `${m.job ?? 'audit'} ${m.account ?? 'all'} ${m[metric]}`);
}

test('without a queue, the metrics of each account are its own', async () => {
  const h = await accounts();
  h.ofAccount.get('customer-a')!.region('DFW').addServer({ name: 'third' });
  const warnings: string[] = [];
  vi.spyOn(console, 'warn').mockImplementation((text: string) => void warnings.push(text));
  await h.run('snapshot', EVENT);
  expect(metricsOf(h, 'Taken')).toEqual(['snapshot all 2', 'snapshot all 3', 'snapshot all 2']);
  expect(metricsOf(h, 'Succeeded')).toEqual(
    ['rackspace', 'customer-a', 'customer-b'].flatMap((a) => [`snapshot ${a} 1`, 'snapshot all 1']),
  );
  expect(warnings).toEqual([]);
});

describe('a policy with several accounts and a queue', () => {
  test('has one invocation and one report for each account', async () => {
    const h = await accounts();
    const waiting = await startWaiting();
    const report = await h.run('snapshot', EVENT, { requestId: 'r1' });
    expect(report).toMatchObject({
      account: 'rackspace, customer-a, customer-b',
      resumesAt: '2026-11-22T00:00:20Z',
      entries: [],
      failures: [],
    });
    expect(h.made()).toEqual([0, 0, 0]);
    const works = waiting.queue.messages.map(({ body }) => JSON.parse(body));
    expect(works).toEqual(
      ['rackspace', 'customer-a', 'customer-b'].map((account) => ({
        job: 'snapshot',
        event: { ...EVENT, account },
        since: '2026-11-22T00:00:20.000Z',
        requestId: 'r1',
        tries: 0,
        accounts: 3,
      })),
    );
    await deliverAll(waiting);
    expect(h.made()).toEqual([2, 2, 2]);
    expect(reportsOf().get('customer-b')).toMatchObject({ accounts: 3, totals: { taken: 2 } });
    expect(metricsOf(h, 'Succeeded').sort()).toEqual(
      ['all', 'all', 'all', 'customer-a', 'customer-b', 'rackspace'].map((a) => `snapshot ${a} 1`),
    );
  });

  test("a failed account does not stop the others, and the failure is reported with the account's own event", async () => {
    const h = await accounts();
    const waiting = await startWaiting();
    h.ofAccount.get('customer-a')!.account.apiKey = 'changed';
    await h.run('snapshot', EVENT);
    await deliverAll(waiting);
    expect(h.made()).toEqual([2, 0, 2]);
    expect(failureRecords(waiting)).toHaveLength(1);
    expect(failureRecords(waiting)[0]).toMatchObject({
      requestPayload: { ...EVENT, account: 'customer-a' },
      responsePayload: {
        errorMessage: expect.stringContaining('The account customer-a: '),
        codes: ['CLOUD'],
      },
    });
    expect(metricsOf(h, 'Succeeded').filter((line) => line.includes('customer-a'))).toEqual(
      Array(3).fill('snapshot customer-a 0'),
    );
  });

  test('an invalid event is refused once, for all accounts', async () => {
    const h = await accounts();
    const { queue } = await startWaiting();
    const { error } = await h.fail('snapshot', { ...EVENT, keep: { last: 0 } });
    expect(error.message).toContain('keep.last: must be a whole number of 1 or more');
    expect(queue.messages).toEqual([]);
  });

  test('the run fails if not all accounts could be enqueued, so that Lambda retries it', async () => {
    const h = await accounts();
    const waiting = await startWaiting();
    waiting.queue.refuses = (body) => body.includes('customer-b');
    const { error } = await h.fail('snapshot', EVENT);
    expect(error.message).toContain('the queue refused 1: An internal error has occurred');
    waiting.queue.refuses = () => false;
    await h.run('snapshot', EVENT);
    // The accounts enqueued by the first try are enqueued again, which does no harm.
    expect(waiting.queue.messages).toHaveLength(5);
    await deliverAll(waiting);
    expect(h.made()).toEqual([2, 2, 2]);
  });

  test('the run fails if the queue does not answer', async () => {
    const h = await accounts();
    await startWaiting();
    vi.stubEnv('AWS_ENDPOINT_URL_SQS', 'http://127.0.0.1:1');
    vi.stubEnv('AUTOSNAP_QUEUE', 'http://127.0.0.1:1/000000000000/work');
    const { error } = await h.fail('snapshot', EVENT);
    expect(error.message).toContain('ECONNREFUSED');
    expect(metricsOf(h, 'Succeeded')).toEqual(['snapshot all 0']);
  });
});

describe('a policy with several accounts, without a queue', () => {
  test('runs one account after another, and the report names the account of each entry', async () => {
    const h = await accounts();
    h.ofAccount.get('customer-a')!.account.apiKey = 'changed';
    const { error, report } = await h.fail('snapshot', EVENT);
    expect(h.made()).toEqual([2, 0, 2]);
    expect(error.message).toMatch(/^snapshot daily failed: customer-a: The account customer-a: /);
    expect(error).toMatchObject({ name: 'RunFailed', codes: ['CLOUD'] });
    expect(report).toMatchObject({
      totals: { taken: 4 },
      codes: { TAKEN: 4, CLOUD: 1 },
      failureCodes: { CLOUD: 1 },
    });
    expect(report?.entries.map(({ account, name }) => `${account} ${name}`)).toEqual([
      'rackspace db',
      'customer-b db',
      'rackspace web',
      'customer-b web',
    ]);
  });

  test('a dry run shows the plans of all accounts, even if there is a queue', async () => {
    const h = await accounts();
    const { queue } = await startWaiting();
    const report = await h.run('snapshot', { ...EVENT, dryRun: true });
    expect(report.totals).toEqual({ planned: 6 });
    expect(queue.messages).toEqual([]);
    expect(h.made()).toEqual([0, 0, 0]);
  });
});

test('an account pattern that matches no secret is an error with a remedy', async () => {
  const h = await accounts();
  const { error } = await h.fail('snapshot', policy({ account: 'nobody-*' }));
  expect(error.message).toMatch(
    /^The secret autosnap\/test\/nobody-\* can't be read: no secret .* has a name that starts with this prefix: create one/,
  );
});

test('secrets on further pages of the listing are found', async () => {
  const h = await accounts();
  await startWaiting();
  for (let i = 0; i < 230; i++) h.cloud.secrets.set(`autosnap/test/many-${i}`, '{}');
  const report = await h.run('snapshot', policy({ account: 'many-*' }));
  expect(report.account.split(', ')).toHaveLength(230);
});

describe('the whole deployment', () => {
  test('an audit reads each account, and one that cannot be read does not stop the others', async () => {
    const h = await accounts();
    deploy([EVENT]);
    h.cold();
    for (const [, cloud] of h.ofAccount) cloud.advance(3_600_000);
    h.ofAccount.get('customer-b')!.account.apiKey = 'changed';
    const { policies, sentence } = await h.run('audit', {});
    expect(policies.map(({ account, readable }) => [account, readable])).toEqual([
      ['rackspace', true],
      ['customer-a', true],
      ['customer-b', false],
    ]);
    expect(sentence).toContain("account customer-b can't be read");
    // A missing metric counts as bad, so the alarm of the policy is on.
    expect(metricsOf(h, 'Good')).toEqual([]);
  });

  test('the metrics of an audit cover all accounts together, with the largest age of each metric', async () => {
    const h = await accounts();
    deploy([EVENT]);
    h.cold();
    await h.run('snapshot', { policy: EVENT.policy });
    setTime('2026-11-22T06:00:00Z');
    await h.run('audit', {});
    expect(metricsOf(h, 'Good')).toEqual(['audit all 6']);
    expect(metricsOf(h, 'Overdue').map((line) => line.split(' ')[1])).toEqual([
      'rackspace',
      'customer-a',
      'customer-b',
      'all',
    ]);
  });

  test('doctor checks each account, and reports two accounts of the same project', async () => {
    const h = await accounts();
    h.cloud.secrets.set('autosnap/test/customer-again', h.ofAccount.get('customer-a')!.secret('rackspace'));
    const { checks } = await h.run('doctor', { policies: [EVENT] });
    expect(new Set(checks.map(({ account }) => account))).toEqual(
      new Set(['rackspace', 'customer-a', 'customer-again', 'customer-b']),
    );
    expect(checks.filter(({ verdict }) => verdict !== 'pass')).toEqual([
      expect.objectContaining({
        account: 'customer-again',
        code: 'PROJECT_TWICE',
      }),
    ]);
  });

  test('doctor reports two accounts of the same project that are in different policies, once', async () => {
    const h = await accounts();
    h.cloud.secrets.set('autosnap/test/again', h.ofAccount.get('customer-a')!.secret('rackspace'));
    const policies = [
      policy({ account: 'customer-a' }),
      policy({ policy: 'weekly', account: 'again' }),
      policy({ policy: 'monthly', account: 'again' }),
    ];
    const { checks } = await h.run('doctor', { policies });
    expect(checks.filter(({ code }) => code === 'PROJECT_TWICE')).toMatchObject([
      { account: 'again', detail: expect.stringContaining('the account customer-a has the same project') },
    ]);
  });

  test('the audit reports two accounts of the same project, and not their snapshots as left behind', async () => {
    const h = await accounts();
    h.cloud.secrets.set('autosnap/test/again', h.ofAccount.get('customer-a')!.secret('rackspace'));
    deploy([policy({ account: 'customer-a' }), policy({ policy: 'weekly', account: 'again' })]);
    h.cold();
    await h.run('snapshot', { policy: 'daily' });
    setTime('2026-11-22T01:00:00Z');
    await h.run('snapshot', { policy: 'weekly' });
    const { warnings, uncovered } = await h.run('audit', {});
    expect(uncovered).toEqual([]);
    expect(warnings).toMatchObject([
      {
        code: 'ACCOUNTS_SHARE_PROJECT',
        text: expect.stringMatching(
          /the accounts customer-a and again are of the same project \S+: name one/,
        ),
      },
    ]);
  });

  test('a server that one of two accounts of a project selects is covered', async () => {
    const h = await accounts();
    h.cloud.secrets.set('autosnap/test/again', h.ofAccount.get('customer-a')!.secret('rackspace'));
    const nobody = { names: ['nobody'] };
    deploy([
      policy({ account: 'customer-a' }),
      policy({ policy: 'weekly', account: 'again', servers: nobody }),
    ]);
    h.cold();
    expect((await h.run('audit', {})).uncovered).toEqual([]);
  });

  test('the audit tells the snapshots of a policy whose account was changed', async () => {
    const h = await accounts();
    const weekly = policy({ policy: 'weekly', account: 'customer-a' });
    deploy([policy({ account: 'customer-a' }), weekly]);
    h.cold();
    await h.run('snapshot', { policy: 'daily' });
    setTime('2026-11-22T01:00:00Z');
    deploy([policy({ account: 'customer-b' }), weekly]);
    h.cold();
    const { warnings } = await h.run('audit', {});
    expect(warnings).toMatchObject([
      {
        code: 'ACCOUNT_NOT_IN_POLICY',
        account: 'customer-a',
        text: expect.stringContaining('the policy daily is no longer for this account'),
      },
    ]);
  });
});

test('a manual run for some servers names their account, because the other accounts do not have these servers', async () => {
  const h = await accounts();
  deploy([EVENT]);
  const part = { policy: 'daily', servers: { names: ['web'] } };
  for (const dryRun of [true, false]) {
    const { error } = await h.fail('snapshot', { ...part, dryRun });
    expect(error.message).toContain('account: the policy has 3 accounts: name that of these servers');
  }
  expect(h.made()).toEqual([0, 0, 0]);
  await h.run('snapshot', { ...part, account: 'customer-a' });
  expect(h.made()).toEqual([0, 1, 0]);
});
