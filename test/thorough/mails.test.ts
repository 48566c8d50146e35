import { describe, expect, test, vi } from 'vitest';
import { CLOUD_REMEDIES, FAILURE_REMEDIES } from '../../lib/reporting/sentences/incident.ts';
import { failureRecord } from '../../lib/runtime/work-item.ts';
import { answers, type Fault } from '../../local/cloud/faults.ts';
import { deliverAll, startWaiting } from '../fleet/waiting.ts';
import { deploy, harness, policy, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';

// What the audit mails about, through the real handlers.

/**
 * A deployment with two servers that have had their snapshots; the night's audit has nothing to
 * tell.
 */
async function deployment() {
  setTime('2026-11-23T00:00:20Z');
  const h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0 } });
  const s3 = await reportBucket();
  const waiting = await startWaiting();
  deploy([policy({ cleanup: 'rate(2 days)' })]);
  h.cold();
  const dfw = h.cloud.region('DFW');
  const [web, db] = ['web', 'db'].map((name) => dfw.addServer({ name }));
  await h.run('snapshot', { policy: 'daily' });
  await h.run('cleanup', { policy: 'daily' });
  const audit = async (time: string) => {
    setTime(time);
    h.cold();
    const before = waiting.mails.length;
    const result = await h.run('audit', {}).catch((error: Error) => error);
    return { result, mails: waiting.mails.slice(before) };
  };
  expect((await audit('2026-11-23T00:30:00Z')).mails).toEqual([]);
  return { ...h, s3, waiting, dfw, web: web!, db: db!, audit };
}

/** The cloud refuses to make an image of this server. */
function refusing({ id }: { id: string }) {
  const path = new RegExp(`servers/${id}/action$`);
  const answer = answers.forbidden;
  return { service: 'compute', method: 'POST', path, times: 99, answer } as const;
}

test('an e-mail about a run whose last try failed has the cause, what to do and the commands', async () => {
  const h = await deployment();
  setTime('2026-11-24T00:00:20Z');
  h.cloud.faults.push({ service: 'identity', times: Number.POSITIVE_INFINITY, answer: answers.unavailable });
  await h.fail('snapshot', { policy: 'daily' });
  h.cloud.faults.length = 0;
  expect((await h.audit('2026-11-24T00:05:00Z')).mails).toEqual([]);
  const { mails } = await h.audit('2026-11-24T00:30:00Z');
  expect(mails).toEqual([
    { subject: 'Autosnap autosnap-test: snapshot daily failed', text: expect.any(String) },
  ]);
  const { text } = mails[0]!;
  expect(text).toContain('503 The server is currently unavailable');
  expect(text).toContain('npx serverless logs -f snapshot --stage test');
  expect(text).toContain('npx autosnap rerun --stage test');
  expect(text).toContain('All servers: 2 of 2 servers protected.');
  expect((await h.audit('2026-11-24T01:30:00Z')).mails).toEqual([]);
});

test('no e-mail is sent about a run that a later try made good', async () => {
  const h = await deployment();
  setTime('2026-11-24T00:00:20Z');
  h.cloud.faults.push({ service: 'identity', times: 9, answer: answers.unavailable });
  await h.fail('snapshot', { policy: 'daily' });
  h.cloud.faults.length = 0;
  setTime('2026-11-24T00:01:20Z');
  await h.run('snapshot', { policy: 'daily' });
  expect((await h.audit('2026-11-24T00:30:00Z')).mails).toEqual([]);
});

test('an e-mail names a server that fails, and another one says when a run has taken it again', async () => {
  const h = await deployment();
  setTime('2026-11-24T00:00:20Z');
  h.db.vmState = 'error';
  await h.fail('snapshot', { policy: 'daily' });
  const { mails } = await h.audit('2026-11-24T00:30:00Z');
  expect(mails).toEqual([
    {
      subject: 'Autosnap autosnap-test: db: snapshot daily failed',
      text: expect.stringContaining(
        "db in DFW, daily: the cloud can't make an image while the server is in ERROR",
      ),
    },
  ]);
  h.db.vmState = 'active';
  setTime('2026-11-24T00:50:00Z');
  await h.run('snapshot', { policy: 'daily' });
  expect((await h.audit('2026-11-24T01:30:00Z')).mails).toEqual([]);
  expect((await h.audit('2026-11-24T02:30:00Z')).mails).toEqual([
    { subject: 'Autosnap autosnap-test: ended: db: snapshot daily failed', text: expect.any(String) },
  ]);
});

test.each([
  ['in ERROR', (h: Awaited<ReturnType<typeof deployment>>) => (h.db.vmState = 'error')],
  [
    'of an unknown id',
    () =>
      deploy([
        policy({
          cleanup: 'rate(2 days)',
          servers: { names: ['web'], ids: ['11111111-1111-4111-8111-111111111111'] },
        }),
      ]),
  ],
])('runs that come and fail because of a server %s are not missing', async (_, breakIt) => {
  const h = await deployment();
  breakIt(h);
  for (const day of [24, 25, 26, 27]) {
    setTime(`2026-11-${day}T00:00:20Z`);
    h.cold();
    await h.fail('snapshot', { policy: 'daily' });
    setTime(`2026-11-${day}T01:00:20Z`);
    await h.run('cleanup', { policy: 'daily' }).catch(() => undefined);
  }
  const { result } = await h.audit('2026-11-27T23:30:00Z');
  const { sentence, policies } = result as Exclude<typeof result, Error>;
  expect(sentence).toMatch(/^1 of [12] servers? protected/);
  expect(sentence).not.toMatch(/ run of /);
  expect(policies[0]).toMatchObject({ missing: [] });
  expect(policies[0]!.codes).not.toContain('POLICY_RUN_MISSING');
  expect(policies[0]!.runOverdue).toBeLessThan(1);
  expect(h.waiting.mails.some(({ subject }) => /missing/.test(subject))).toBe(false);
});

describe('while another run is to resume the work, because a server is busy', () => {
  test('nothing of a server that it may still take', async () => {
    const h = await deployment();
    setTime('2026-11-24T00:00:20Z');
    h.db.taskState = 'rebooting';
    h.cloud.faults.push(refusing(h.web));
    await h.run('snapshot', { policy: 'daily' });
    expect((await h.audit('2026-11-24T00:15:00Z')).mails).toEqual([]);
    // Its third try fails half an hour later, and the other one is busy for hours.
    await deliverAll(h.waiting, '2026-11-24T01:00:00Z');
    expect((await h.audit('2026-11-24T01:30:00Z')).mails.map(({ subject }) => subject)).toEqual([
      'Autosnap autosnap-test: web: snapshot daily failed',
    ]);
  });

  test('a server in a state that only a person ends, at the next audit', async () => {
    const h = await deployment();
    setTime('2026-11-24T00:00:20Z');
    h.db.taskState = 'rebooting';
    h.web.vmState = 'error';
    await h.run('snapshot', { policy: 'daily' });
    const { mails } = await h.audit('2026-11-24T00:05:00Z');
    expect(mails.map(({ subject }) => subject)).toEqual([
      'Autosnap autosnap-test: web: snapshot daily failed',
    ]);
    expect(mails[0]!.text).not.toContain('db in DFW');
    await deliverAll(h.waiting, '2026-11-24T03:00:00Z');
    expect((await h.audit('2026-11-24T03:30:00Z')).mails).toEqual([]);
  });
});

test('all servers that failed are counted, although the record names 200', async () => {
  const h = await deployment();
  setTime('2026-11-24T00:00:20Z');
  for (let i = 1; i <= 205; i++) h.dfw.addServer({ name: `app-${1000 + i}`, vmState: 'error' });
  await h.fail('snapshot', { policy: 'daily' });
  const { mails } = await h.audit('2026-11-24T00:30:00Z');
  expect(mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: 205 servers, the worst is app-1001: snapshot daily failed',
  ]);
  expect(mails[0]!.text).toContain('\n- … and 185 more\n');
});

test('servers that the record does not name are counted once when they are late, and the end is mailed', async () => {
  const h = await deployment();
  setTime('2026-11-23T00:40:00Z');
  const createdAt = new Date();
  for (let i = 1; i <= 300; i++) h.dfw.addServer({ name: `app-${1000 + i}`, createdAt, vmState: 'error' });
  setTime('2026-11-24T00:00:20Z');
  await h.fail('snapshot', { policy: 'daily' });
  const subjects = async (time: string) => (await h.audit(time)).mails.map(({ subject }) => subject);
  const title = '300 servers, the worst is app-1001: snapshot daily failed';
  expect(await subjects('2026-11-24T00:30:00Z')).toEqual([`Autosnap autosnap-test: ${title}`]);
  for (const hour of ['11', '12', '13']) expect(await subjects(`2026-11-24T${hour}:30:00Z`)).toEqual([]);
  // The first hundred are repaired, so that the record names others.
  for (const server of h.dfw.servers.slice(2, 102)) server.vmState = 'active';
  setTime('2026-11-24T14:00:00Z');
  await h.fail('snapshot', { policy: 'daily' });
  for (const hour of ['14', '15', '16']) expect(await subjects(`2026-11-24T${hour}:30:00Z`)).toEqual([]);
  for (const server of h.dfw.servers) server.vmState = 'active';
  setTime('2026-11-24T17:00:00Z');
  await h.run('snapshot', { policy: 'daily' });
  expect(await subjects('2026-11-24T17:30:00Z')).toEqual([]);
  expect(await subjects('2026-11-24T18:30:00Z')).toEqual([
    'Autosnap autosnap-test: ended: app-1001: snapshot daily failed, and 299 more',
  ]);
});

test('servers that a flaky cloud refuses now and again are few mails', async () => {
  const h = await deployment();
  deploy([policy({ schedule: 'rate(1 hour)', cleanup: 'rate(20 days)' })]);
  for (let i = 101; i <= 112; i++) h.dfw.addServer({ name: `app-${i}` });
  const servers = h.dfw.servers;
  for (let hour = 1; hour <= 24; hour++) {
    const at = Date.parse('2026-11-23T00:00:20Z') + hour * 3_600_000;
    setTime(new Date(at));
    h.cloud.faults.length = 0;
    const some = servers.filter((_, i) => (i + hour) % 5 === 0 && hour % 3 > 0);
    for (const server of some) h.cloud.faults.push({ ...refusing(server), answer: answers.unavailable });
    await (some.length > 0
      ? h.fail('snapshot', { policy: 'daily' })
      : h.run('snapshot', { policy: 'daily' }));
    await h.audit(new Date(at + 1_800_000).toISOString());
  }
  // One at the beginning, one when the servers fail again after two audits without a failure.
  expect(h.waiting.mails.map(({ subject }) => subject.replace('Autosnap autosnap-test: ', ''))).toEqual([
    expect.stringMatching(/^\d servers, the worst is .*: snapshot daily failed$/),
    expect.stringMatching(/^again: \d servers, the worst is .*: snapshot daily failed/),
  ]);
});

test('all servers that failed in two policies are counted, although each record names 200', async () => {
  const h = await deployment();
  const names = ['app', 'job'];
  const group = (name: string) =>
    policy({ policy: name, cleanup: 'rate(2 days)', servers: { names: [`${name}-*`] } });
  deploy([policy({ cleanup: 'rate(2 days)' }), ...names.map(group)]);
  for (const name of names) {
    for (let i = 1; i <= 205; i++) h.dfw.addServer({ name: `${name}-${1000 + i}`, vmState: 'error' });
  }
  setTime('2026-11-24T00:00:20Z');
  h.cold();
  for (const name of names) await h.fail('snapshot', { policy: name });
  const { mails } = await h.audit('2026-11-24T00:30:00Z');
  expect(mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: 410 servers, the worst is app-1001: snapshot app failed',
  ]);
  expect(mails[0]!.text).toContain('\n- … and 390 more\n');
});

test('an e-mail about several servers has the remedy of their reason once', async () => {
  const h = await deployment();
  setTime('2026-11-24T00:00:20Z');
  for (const server of [h.db, h.web]) server.vmState = 'error';
  await h.fail('snapshot', { policy: 'daily' });
  const { mails } = await h.audit('2026-11-24T00:30:00Z');
  expect(mails[0]!.text).toContain(
    [
      'What to do:',
      '- db (SERVER_IN_STATE): End the state that the reason names: unshelve it, end the rescue, confirm the resize, or repair it. Or name it in servers.except; the audit then reports it as no longer covered until you accept that.',
      '- see all servers and their snapshots: npx autosnap report --stage test',
      '',
    ].join('\n'),
  );
});

test('runs that did not come are one e-mail, with the servers that are late because of it', async () => {
  const h = await deployment();
  deploy([policy({ cleanup: 'rate(20 days)' })]);
  const subjects: string[] = [];
  for (let hour = 1; hour <= 72; hour++) {
    const at = new Date(Date.parse('2026-11-23T00:30:00Z') + hour * 3_600_000);
    const { mails } = await h.audit(at.toISOString());
    subjects.push(...mails.map(({ subject }) => `${at.toISOString().slice(0, 13)} ${subject}`));
  }
  expect(subjects).toEqual(['2026-11-24T12 Autosnap autosnap-test: daily: snapshot runs are missing']);
  expect(h.waiting.mails[0]!.text).toContain('web in DFW, daily: 12 hours late');
  // The rule is enabled again.
  setTime('2026-11-26T02:00:00Z');
  await h.run('snapshot', { policy: 'daily' });
  expect((await h.audit('2026-11-26T02:30:00Z')).mails).toEqual([]);
  expect((await h.audit('2026-11-26T03:30:00Z')).mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: ended: daily: snapshot runs are missing',
  ]);
});

test('runs that did not come are one mail also if only some servers are late, as those of one region', async () => {
  const h = await deployment();
  deploy([policy({ cleanup: 'rate(20 days)' })]);
  const subjects: string[] = [];
  for (let hour = 1; hour <= 40; hour++) {
    // The other server is taken by hand, which is no run of the policy.
    if (hour === 24) {
      setTime('2026-11-24T00:10:00Z');
      await h.run('snapshot', { policy: 'daily', servers: { names: ['web'] } });
    }
    const at = new Date(Date.parse('2026-11-23T00:30:00Z') + hour * 3_600_000);
    const { mails } = await h.audit(at.toISOString());
    subjects.push(...mails.map(({ subject }) => `${at.toISOString().slice(0, 13)} ${subject}`));
  }
  expect(subjects).toEqual(['2026-11-24T14 Autosnap autosnap-test: daily: snapshot runs are missing']);
  expect(h.waiting.mails[0]!.text).toContain('db in DFW, daily: 14 hours late');
});

test('a late server that fails is one line of the digest, with the reason', async () => {
  const h = await deployment();
  h.db.vmState = 'error';
  setTime('2026-11-24T00:00:20Z');
  await h.fail('snapshot', { policy: 'daily' });
  setTime('2026-11-24T13:00:00Z');
  await h.run('audit', { digest: 'always' });
  const { text } = h.waiting.mails.at(-1)!;
  expect(text).toContain('\nLate\n- db in DFW, daily: 13 hours late; ');
  expect(text).toContain(
    "; its snapshot run failed: the cloud can't make an image while the server is in ERROR",
  );
  expect(text).not.toContain('\nFailed\n');
});

test('a schedule that has ended is the reason in the subject', async () => {
  const h = await deployment();
  deploy([policy({ schedule: 'cron(0 0 1-23 11 ? 2026)', cleanup: 'rate(2 days)' })]);
  const { mails } = await h.audit('2026-11-23T12:30:00Z');
  expect(mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: 2 servers, the worst is db: the schedule has ended',
  ]);
});

test.each([
  ['400', { status: 400, body: {} }, 'BAD_REQUEST'],
  ['403', answers.forbidden, 'FORBIDDEN'],
  ['404', { status: 404, body: {} }, 'NOT_FOUND'],
  ['413', answers.quota, 'OVER_QUOTA'],
  ['503', answers.unavailable, 'UNAVAILABLE'],
] as const)('the remedy for a server that the cloud refuses with %s', async (_, answer, error) => {
  const h = await deployment();
  setTime('2026-11-24T00:00:20Z');
  h.cloud.faults.push({ ...refusing(h.db), answer });
  await h.fail('snapshot', { policy: 'daily' });
  const { mails } = await h.audit('2026-11-24T00:30:00Z');
  expect(mails[0]!.text).toContain(`\n- db (${error}): ${CLOUD_REMEDIES[error]}\n`);
});

test('an e-mail about an image that stays after its deletion has the remedy', async () => {
  const h = await deployment();
  deploy([policy({ cleanup: 'rate(2 days)', keep: { last: 1 } })]);
  h.cloud.faults.push({ service: 'image', method: 'DELETE', times: 99, answer: { status: 204, body: '' } });
  setTime('2026-11-24T00:00:20Z');
  h.cold();
  await h.run('snapshot', { policy: 'daily' });
  await h.fail('cleanup', { policy: 'daily' });
  const { mails } = await h.audit('2026-11-24T00:30:00Z');
  expect(mails[0]!.text).toContain(
    "\n- db (STILL_THERE): Delete the image by hand (openstack image delete <image id>), or ask the cloud's support.\n",
  );
});

const MESSAGES = [
  [403, "Policy doesn't allow this to be performed."],
  [403, "Policy doesn't allow this to be performed"],
  [403, 'Quota exceeded for images'],
  [404, 'The item could not be found.'],
  [500, 'Unexpected API error.'],
  [503, 'The service is unavailable'],
] as const;
/** Two marks after each other, or a sentence that begins without a full stop before it. */
const WRONG_PUNCTUATION = /[.;:,]\s*[;:,](?= )|(?<!\.)\.\.(?!\.)|[a-z\d] (?:If|It|The next) [a-z]/;

test.each(MESSAGES)('e-mails about the answer %d %s have correct punctuation', async (status, message) => {
  const answer = { status, body: { fault: { code: status, message } } };
  const refused: Fault[] = [
    { service: 'compute', method: 'POST', path: /action$/, times: 99, answer },
    { service: 'image', method: 'DELETE', times: 99, answer },
    { service: 'image', times: 99, answer },
    { service: 'identity', times: 99, answer },
  ];
  for (const fault of refused) {
    const h = await deployment();
    deploy([policy({ cleanup: 'rate(2 days)', keep: { last: 1 } })]);
    setTime('2026-11-24T00:00:20Z');
    await h.run('snapshot', { policy: 'daily' });
    h.cold();
    h.cloud.faults.push(fault);
    setTime('2026-11-25T00:00:20Z');
    for (const job of ['cleanup', 'snapshot'] as const) {
      await h.run(job, { policy: 'daily' }).catch(() => undefined);
      await deliverAll(h.waiting);
    }
    for (const time of ['25T12:30', '25T13:30']) await h.audit(`2026-11-${time}:00Z`);
    const { mails } = h.waiting;
    // A deletion that the cloud forbids waits, and of what is gone it has succeeded.
    if (fault.method !== 'DELETE') expect(mails.length).toBeGreaterThan(0);
    for (const { text } of mails) expect(text).not.toMatch(WRONG_PUNCTUATION);
  }
});

test('an e-mail about a region without image service has the remedy for that', async () => {
  const h = await deployment();
  delete h.cloud.catalogue.find(({ name }) => name === 'DFW')!.imageUrl;
  h.cold();
  const { mails } = await h.audit('2026-11-23T01:30:00Z');
  expect(mails[0]!.text).toContain(`DFW (NO_ENDPOINT): ${CLOUD_REMEDIES.NO_ENDPOINT}`);
});

test('an e-mail names the busy servers once they are given up', async () => {
  const h = await deployment();
  for (let i = 101; i <= 115; i++) h.dfw.addServer({ name: `app-${i}`, taskState: 'rebooting' });
  setTime('2026-11-24T00:00:20Z');
  await h.run('snapshot', { policy: 'daily' });
  await deliverAll(h.waiting, '2026-11-24T12:30:00Z');
  const { mails } = await h.audit('2026-11-24T12:30:00Z');
  expect(mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: 15 servers, the worst is app-101: busy for 12 hours (task rebooting)',
  ]);
  expect(mails[0]!.text).toMatch(/- app-101 in DFW, daily: busy for 12 hours \(task rebooting\)/);
});

test('a single busy server is in the subject', async () => {
  const h = await deployment();
  h.db.taskState = 'rebooting';
  setTime('2026-11-24T00:00:20Z');
  await h.run('snapshot', { policy: 'daily' });
  await deliverAll(h.waiting, '2026-11-24T12:30:00Z');
  const { mails } = await h.audit('2026-11-24T12:30:00Z');
  expect(mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: db: busy for 12 hours (task rebooting)',
  ]);
  expect(mails[0]!.text).toContain(`- db (BUSY_TOO_LONG): ${FAILURE_REMEDIES.BUSY_TOO_LONG}`);
  expect(mails[0]!.text).not.toContain('rerun');
});

/** Lambda keeps the event of a run that was killed in all tries. */
function keepKilledRun({ waiting }: Awaited<ReturnType<typeof deployment>>): void {
  const run = { requestId: 'r', event: { policy: 'daily' } };
  const arn = 'arn:aws:lambda:us-east-1:000000000000:function:autosnap-test-snapshot';
  waiting.failedRuns.send(JSON.stringify(failureRecord(run, arn, new Error('killed'), new Date())), 0);
}

test('a run that was killed is one e-mail, by the record that Lambda or the queue keeps of it', async () => {
  const h = await deployment();
  keepKilledRun(h);
  const { mails } = await h.audit('2026-11-23T01:30:00Z');
  expect(mails.map(({ subject }) => subject)).toEqual(['Autosnap autosnap-test: 1 run failed in all tries']);
  expect(mails[0]!.text).toContain('npx autosnap rerun --stage test');
  expect((await h.audit('2026-11-23T02:30:00Z')).mails).toEqual([]);
  keepKilledRun(h);
  // Those that keep coming are one mail a day.
  expect((await h.audit('2026-11-23T03:30:00Z')).mails).toEqual([]);
  expect((await h.audit('2026-11-23T22:30:00Z')).mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: 2 runs failed in all tries',
  ]);
});

/** A deployment whose snapshot run of 2026-11-24 has failed for the server db. */
async function deploymentWithFailedRun() {
  const h = await deployment();
  setTime('2026-11-24T00:00:20Z');
  h.db.vmState = 'error';
  await h.fail('snapshot', { policy: 'daily' });
  return h;
}

test('a run that was killed is an e-mail also while another incident is open', async () => {
  const h = await deploymentWithFailedRun();
  expect((await h.audit('2026-11-24T00:30:00Z')).mails).toHaveLength(1);
  keepKilledRun(h);
  expect((await h.audit('2026-11-24T01:30:00Z')).mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: 1 run failed in all tries',
  ]);
});

test('a run that was killed in the hour in which another one failed is counted, too', async () => {
  const h = await deploymentWithFailedRun();
  // As Lambda keeps the event of the failed run.
  h.waiting.failedRuns.send('{}', 0);
  keepKilledRun(h);
  const { mails } = await h.audit('2026-11-24T00:30:00Z');
  expect(mails.map(({ text }) => text).join()).toContain('2 runs failed in all tries');
});

test('an audit reads each record of a failed run once, after it has counted the runs that wait', async () => {
  const h = await deploymentWithFailedRun();
  const requests: string[] = [];
  h.s3.before = (request) => void requests.push(request);
  vi.spyOn(h.waiting.failedRuns, 'visible', 'get').mockImplementation(() => {
    requests.push('count');
    return [];
  });
  expect((await h.audit('2026-11-24T00:30:00Z')).mails).toHaveLength(1);
  const steps = requests.filter((request) => /^count$|failed-runs\/./.test(request));
  expect(steps).toEqual(['count', expect.stringMatching(/failed-runs\/snapshot\/daily\/rackspace$/)]);
});

test('a run that failed before the first audit of its policy is in an e-mail', async () => {
  setTime('2026-11-23T00:00:20Z');
  const h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0 } });
  await reportBucket();
  const waiting = await startWaiting();
  deploy([policy()]);
  h.cold();
  h.cloud.region('DFW').addServer({ name: 'db', vmState: 'error' });
  await h.fail('snapshot', { policy: 'daily' });
  setTime('2026-11-23T00:30:00Z');
  await h.run('audit', {});
  expect(waiting.mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: db: snapshot daily failed',
  ]);
});

test('a name that a subject can not have is mailed by the id', async () => {
  const h = await deployment();
  setTime('2026-11-24T00:00:20Z');
  Object.assign(h.db, { name: '数据库一', vmState: 'error' });
  Object.assign(h.web, { name: 'w'.repeat(255) });
  await h.fail('snapshot', { policy: 'daily' });
  const { mails } = await h.audit('2026-11-24T00:30:00Z');
  expect(mails[0]!.subject).toBe(`Autosnap autosnap-test: ${h.db.id}: snapshot daily failed`);
  expect(mails[0]!.text).toContain('数据库一');
});

test('an event that is refused by hand is no failure of its policy', async () => {
  const h = await deployment();
  await h.fail('cleanup', { policy: 'daily', dryRun: 'true' });
  expect((await h.audit('2026-11-23T01:30:00Z')).mails).toEqual([]);
});

test('a mail that could not be sent is sent by the next audit, once', async () => {
  const h = await deployment();
  h.db.vmState = 'error';
  setTime('2026-11-24T00:00:20Z');
  await h.fail('snapshot', { policy: 'daily' });
  h.waiting.isTopicDown = true;
  const { result, mails } = await h.audit('2026-11-24T00:30:00Z');
  expect((result as Error).message).toContain('the mail about incidents was not sent');
  expect(mails).toEqual([]);
  h.waiting.isTopicDown = false;
  expect((await h.audit('2026-11-24T00:31:00Z')).mails).toHaveLength(1);
  expect((await h.audit('2026-11-24T01:30:00Z')).mails).toEqual([]);
});

test('a mail that is always refused holds back no other one, and fails one audit', async () => {
  const h = await deployment();
  h.db.vmState = 'error';
  setTime('2026-11-24T00:00:20Z');
  await h.fail('snapshot', { policy: 'daily' });
  h.waiting.refuses = /db: snapshot/;
  const { result, mails } = await h.audit('2026-11-24T00:30:00Z');
  expect((result as Error).message).toContain('the mail about incidents was not sent');
  expect(mails).toEqual([]);
  keepKilledRun(h);
  const later = await h.audit('2026-11-24T01:30:00Z');
  expect(later.result).toMatchObject({ failures: [] });
  expect(later.mails).toMatchObject([
    {
      subject: 'Autosnap autosnap-test: an e-mail about an incident was refused',
      text: expect.stringContaining('"Autosnap autosnap-test: db: snapshot daily failed"'),
    },
    { subject: 'Autosnap autosnap-test: 1 run failed in all tries' },
  ]);
  const last = await h.audit('2026-11-24T02:30:00Z');
  expect(last.result).toMatchObject({ failures: [] });
  expect(last.mails).toEqual([]);
});

test('a mail is not given up while the topic sends none', async () => {
  const h = await deployment();
  h.db.vmState = 'error';
  setTime('2026-11-24T00:00:20Z');
  await h.fail('snapshot', { policy: 'daily' });
  h.waiting.isTopicDown = true;
  for (const hour of ['00', '01', '02']) {
    const { result } = await h.audit(`2026-11-24T${hour}:30:00Z`);
    expect((result as Error).message).toContain('the mail about incidents was not sent');
  }
  h.waiting.isTopicDown = false;
  expect((await h.audit('2026-11-24T03:30:00Z')).mails.map(({ subject }) => subject)).toEqual([
    'Autosnap autosnap-test: db: snapshot daily failed',
  ]);
});

test('two audits at once send one mail', async () => {
  const h = await deployment();
  h.db.vmState = 'error';
  setTime('2026-11-24T00:00:20Z');
  await h.fail('snapshot', { policy: 'daily' });
  setTime('2026-11-24T00:30:00Z');
  await Promise.all([h.run('audit', {}), h.run('audit', {})]);
  expect(h.waiting.mails).toHaveLength(1);
});

test('a bucket that can not be read tells nothing, and fails the audit', async () => {
  const h = await deployment();
  h.db.vmState = 'error';
  setTime('2026-11-24T00:00:20Z');
  await h.fail('snapshot', { policy: 'daily' });
  h.s3.refuses = /incidents\.json/;
  const { result, mails } = await h.audit('2026-11-24T00:30:00Z');
  expect((result as Error).message).toContain('the mail about incidents was not sent');
  expect(mails).toEqual([]);
  h.s3.refuses = / ^/;
  expect((await h.audit('2026-11-24T01:30:00Z')).mails).toHaveLength(1);
});

test('a log of another version begins anew, and tells what is open once more', async () => {
  const h = await deployment();
  h.db.vmState = 'error';
  setTime('2026-11-24T00:00:20Z');
  await h.fail('snapshot', { policy: 'daily' });
  expect((await h.audit('2026-11-24T00:30:00Z')).mails).toHaveLength(1);
  h.s3.objects.set('/state.of.reports/incidents.json', '{"incidents":{"db":1}}');
  expect((await h.audit('2026-11-24T01:30:00Z')).mails).toHaveLength(1);
});

test('an e-mail names the account where there are several', async () => {
  setTime('2026-11-23T00:00:20Z');
  const h = await harness({ regions: ['DFW'], timing: { queuedMs: 0, savingMs: 0 } });
  await reportBucket();
  const waiting = await startWaiting();
  for (const account of ['customer-a', 'customer-b']) {
    h.cloud.secrets.set(`autosnap/test/${account}`, h.cloud.secret('rackspace'));
  }
  deploy([policy({ account: 'customer-*' })]);
  h.cold();
  h.cloud.region('DFW').addServer({ name: 'db', vmState: 'error' });
  await h.fail('snapshot', { policy: 'daily', account: 'customer-b' });
  setTime('2026-11-23T00:30:00Z');
  await h.run('audit', {});
  expect(waiting.mails).toEqual([
    {
      subject: 'Autosnap autosnap-test: db: snapshot daily failed (customer-b)',
      text: expect.stringContaining(
        "- customer-b: db in DFW, daily: the cloud can't make an image while the server is in ERROR",
      ),
    },
  ]);
});
