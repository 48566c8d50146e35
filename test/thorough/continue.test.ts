import { describe, expect, test, vi } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import { deliverAll, failureRecords, goOn, startWaiting, type Waiting } from '../fleet/waiting.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot } from '../history.ts';

const MINUTE_MS = 60_000;
/** How long a snapshot takes at Rackspace. */
const SLOW = { queuedMs: 5 * MINUTE_MS, savingMs: 45 * MINUTE_MS };

/** A cloud with the servers `names` in DFW, 20 seconds past midnight of a Sunday, and the queue. */
async function fleet(names = ['a', 'b', 'c', 'd', 'e', 'f']) {
  setTime('2026-11-22T00:00:20Z');
  const h = await harness({ regions: ['DFW', 'ORD'], timing: SLOW });
  const waiting = await startWaiting();
  for (const name of names) h.cloud.region('DFW').addServer({ name });
  return { ...h, waiting };
}

/** The names of the servers with a snapshot, by policy and slot. */
function taken({ cloud }: Pick<Harness, 'cloud'>): Record<string, string[]> {
  const { images, servers } = cloud.region('DFW');
  const nameOf = new Map(servers.map(({ id, name }) => [id, name]));
  const by = Map.groupBy(images, ({ properties: p }) => `${p.autosnap_policy} ${p.autosnap_slot}`);
  return Object.fromEntries(
    [...by].map(([slot, its]) => [slot, its.map((i) => nameOf.get(i.properties.autosnap_server!)!).sort()]),
  );
}

/** After that many snapshots the cloud no longer answers, until the run's deadline. */
function hangAfter(h: Harness, requests: number) {
  h.hangAfter(requests, { service: 'compute', method: 'POST' });
}

const SHORT = { remainingMs: 6_000 };
const ALL = ['a', 'b', 'c', 'd', 'e', 'f'];

test('a dry run reports a busy server, and defers nothing', async () => {
  const h = await fleet();
  h.cloud.region('DFW').servers[0]!.taskState = 'rebooting';
  const report = await h.run('snapshot', policy({ dryRun: true }));
  expect(report.totals).toEqual({ planned: 5, skipped: 1 });
  expect(report).not.toHaveProperty('resumesAt');
  expect(h.waiting.queue.messages).toEqual([]);
});

describe('a run that reaches its deadline', () => {
  test('succeeds and is resumed, until each server has its one snapshot of the slot', async () => {
    const h = await fleet();
    hangAfter(h, 2);
    const report = await h.run('snapshot', policy(), { ...SHORT, requestId: 'r1' });
    expect(report).toMatchObject({
      totals: { taken: 2, deferred: 4 },
      failures: [],
      left: { outOfTime: 4 },
      resumesAt: '2026-11-22T00:00:20Z',
    });
    h.cloud.faults.length = 0;
    hangAfter(h, 3);
    setTime('2026-11-22T00:03:00Z');
    const [message] = h.waiting.queue.messages;
    const delivery = h.waiting.queue.receive(message!)!;
    expect(await goOn(delivery, SHORT.remainingMs)).toEqual({
      batchItemFailures: [{ itemIdentifier: message!.id }],
    });
    // The same message is in the queue, and can be received at once.
    expect(h.waiting.queue.visible).toEqual([message]);
    expect(taken(h)['daily 2026-11-22T00:00:00Z']).toHaveLength(5);

    h.cloud.faults.length = 0;
    await deliverAll(h.waiting);
    expect(taken(h)).toEqual({ 'daily 2026-11-22T00:00:00Z': ALL });
    expect(h.waiting.failedRuns.messages).toEqual([]);
    // The job has succeeded when nothing is left.
    expect(h.logs().match(/"Succeeded":\d/g)).toEqual(['"Succeeded":0', '"Succeeded":0', '"Succeeded":1']);
  });

  test('begins with another server each time, so that a server that uses up the time does not delay the others again', async () => {
    const h = await fleet();
    hangAfter(h, 0);
    const firstOf = async (run: () => Promise<unknown>) => {
      const from = h.cloud.received.length;
      await run();
      return h.cloud.received
        .slice(from)
        .find(({ method, service }) => service === 'compute' && method === 'POST')?.path;
    };
    const first = [await firstOf(() => h.run('snapshot', policy(), SHORT))];
    for (const minutes of ['03', '17', '31']) {
      setTime(`2026-11-22T00:${minutes}:00Z`);
      const delivery = h.waiting.queue.receive(h.waiting.queue.messages[0]!)!;
      first.push(await firstOf(() => goOn(delivery, SHORT.remainingMs)));
    }
    expect(new Set(first).size).toBe(4);
  });

  test.each([
    ['a rate, whose slot is the moment of the first run', policy({ schedule: 'rate(1 day)' }), 'daily'],
    ['by hand', { adhoc: true, expires: '14d', servers: { all: true } }, 'adhoc'],
  ])('resumes %s', async (_, event, name) => {
    const h = await fleet();
    hangAfter(h, 2);
    await h.run('snapshot', event, { ...SHORT, requestId: 'r1' });
    h.cloud.faults.length = 0;
    setTime('2026-11-22T00:17:00Z');
    await deliverAll(h.waiting);
    expect(taken(h)).toEqual({ [`${name} 2026-11-22T00:00:20Z`]: ALL });
    const { images } = h.cloud.region('DFW');
    const marks = images.map(({ properties: p }) => p.autosnap_expires?.split(' ') ?? []);
    expect(marks.map(([, request]) => request)).toEqual(Array(6).fill(name === 'adhoc' ? 'r1' : undefined));
    // Snapshots that were taken later expire later.
    const ends = marks.flatMap(([end]) => end ?? []).sort();
    if (name === 'adhoc')
      expect([ends[0], ends[5]! >= '2026-12-06T00:17:00Z']).toEqual(['2026-12-06T00:00:20Z', true]);
  });

  test('an ad-hoc run does not repeat snapshots that have expired meanwhile', async () => {
    const h = await fleet(['web', 'db']);
    const [, db] = h.cloud.region('DFW').servers;
    db!.taskState = 'rebooting';
    await h.run('snapshot', { adhoc: true, expires: '1h', servers: { all: true } }, { requestId: 'r1' });
    expect(taken(h)).toEqual({ 'adhoc 2026-11-22T00:00:20Z': ['web'] });
    db!.taskState = null;
    setTime('2026-11-22T02:00:00Z');
    await deliverAll(h.waiting);
    expect(taken(h)).toEqual({ 'adhoc 2026-11-22T00:00:20Z': ['db', 'web'] });
  });

  test('an ad-hoc run that failed in all tries is the same request when it runs again', async () => {
    const h = await fleet(['web', 'db']);
    const [, db] = h.cloud.region('DFW').servers;
    db!.taskState = 'rebooting';
    await h.run('snapshot', { adhoc: true, servers: { all: true } }, { requestId: 'r1' });
    await deliverAll(h.waiting);
    const [failed] = failureRecords(h.waiting) as { requestPayload: unknown }[];
    expect(failed!.requestPayload).toEqual({ adhoc: true, servers: { all: true }, request: 'r1' });
    db!.taskState = null;
    const { totals } = await h.run('snapshot', failed!.requestPayload, { requestId: 'r2' });
    expect(totals).toEqual({ taken: 1, skipped: 1 });
  });

  test('reports what is left once the next scheduled run begins', async () => {
    const h = await fleet();
    hangAfter(h, 2);
    await h.run('snapshot', policy(), SHORT);
    setTime('2026-11-23T00:00:00Z');
    await deliverAll(h.waiting);
    expect(taken(h)['daily 2026-11-22T00:00:00Z']).toHaveLength(2);
    expect(failureRecords(h.waiting)[0]).toMatchObject({
      requestContext: {
        functionArn: 'arn:aws:lambda:us-east-1:000000000000:function:autosnap-test-snapshot:$LATEST',
        condition: 'RetriesExhausted',
      },
      requestPayload: policy(),
      responsePayload: {
        errorMessage: expect.stringContaining('was not resumed before the next scheduled run'),
      },
    });
    expect(h.waiting.failedRuns.messages).toHaveLength(1);
  });

  test.each([
    ['there is no queue', false],
    ['the queue has no answer', true],
  ])('fails if %s, so that Lambda retries it', async (_, deaf) => {
    setTime('2026-11-22T00:00:20Z');
    const h = await harness({ regions: ['DFW', 'ORD'] });
    h.cloud.region('DFW').addServer({ name: 'a' });
    if (deaf) {
      await startWaiting();
      vi.stubEnv('AUTOSNAP_QUEUE', 'http://127.0.0.1:1/000000000000/work');
      vi.stubEnv('AWS_ENDPOINT_URL_SQS', 'http://127.0.0.1:1');
    }
    hangAfter(h, 0);
    const { error } = await h.fail('snapshot', policy(), SHORT);
    expect(error.message).toContain('run deadline reached: 1 server deferred to the next try');
  });
});

describe('a busy server', () => {
  test('gets the snapshot of each of two policies that start in the same minute', async () => {
    const h = await fleet(['db', 'web']);
    const weekly = policy({ policy: 'weekly', schedule: 'cron(0 0 ? * SUN *)', servers: { names: ['db'] } });
    await h.run('snapshot', policy());
    const report = await h.run('snapshot', weekly);
    expect(report).toMatchObject({
      totals: { skipped: 1 },
      left: { busy: { servers: [{ name: 'db', region: 'DFW' }], more: 0 } },
      resumesAt: '2026-11-22T00:05:20Z',
    });
    const times = await deliverAll(h.waiting);
    expect(taken(h)).toEqual({
      'daily 2026-11-22T00:00:00Z': ['db', 'web'],
      'weekly 2026-11-22T00:00:00Z': ['db'],
    });
    expect(times.at(-1)! < '01:05:00').toBe(true);
    expect(h.waiting.failedRuns.messages).toEqual([]);
  });

  test('that stays busy is given up at half the interval, and reported', async () => {
    const h = await fleet(['a', 'b']);
    h.cloud.region('DFW').servers[0]!.taskState = 'migrating';
    await h.run('snapshot', policy());
    const times = await deliverAll(h.waiting);
    expect(times[0]).toBe('00:05:20');
    expect(times.at(-1)).toBe('12:00:20');
    expect(times.length).toBeLessThan(25);
    expect(taken(h)).toEqual({ 'daily 2026-11-22T00:00:00Z': ['b'] });
    expect(h.waiting.failedRuns.messages).toHaveLength(1);
    expect(errors(h.waiting)[0]).toContain(
      'a in DFW: busy for 12 hours (task migrating), for as long as the run was repeated',
    );
  });
});

function errors(waiting: Waiting): string[] {
  return failureRecords(waiting).map(({ responsePayload }) => responsePayload.errorMessage);
}

describe('a resumed run that fails', () => {
  /** One server's snapshots fail with 500, the other server is busy for a while. */
  async function failing() {
    const h = await fleet(['broken', 'busy']);
    const [broken, busy] = h.cloud.region('DFW').servers;
    busy!.taskState = 'rebooting';
    h.cloud.faults.push({
      service: 'compute',
      method: 'POST',
      path: new RegExp(broken!.id),
      times: Number.POSITIVE_INFINITY,
      answer: answers.serverError,
    });
    return { ...h, busy: busy! };
  }

  test('is tried three times and its failure is recorded once, and the deferred rest is resumed', async () => {
    const h = await failing();
    const report = await h.run('snapshot', policy());
    expect(report).toMatchObject({ totals: { failed: 1, skipped: 1 }, resumesAt: '2026-11-22T00:05:20Z' });
    await deliverAll(h.waiting, '2026-11-22T00:06:00Z');
    expect(h.waiting.failedRuns.messages).toEqual([]);
    await deliverAll(h.waiting, '2026-11-22T00:11:00Z');
    expect(h.waiting.failedRuns.messages).toHaveLength(1);
    expect(errors(h.waiting)[0]).toContain('broken in DFW');
    await deliverAll(h.waiting, '2026-11-22T03:00:00Z');
    h.busy.taskState = null;
    await deliverAll(h.waiting);
    expect(taken(h)).toEqual({ 'daily 2026-11-22T00:00:00Z': ['busy'] });
    expect(h.waiting.failedRuns.messages).toHaveLength(1);
  });

  test('is kept again for another final failure: the server that stays busy', async () => {
    const h = await failing();
    await h.run('snapshot', policy());
    await deliverAll(h.waiting);
    expect(h.waiting.failedRuns.messages).toHaveLength(2);
    expect(errors(h.waiting)[0]).not.toContain('for as long as the run was repeated');
    expect(errors(h.waiting)[1]).toContain(
      'busy in DFW: busy for 12 hours (task rebooting), for as long as the run was repeated',
    );
    expect(h.waiting.queue.messages).toEqual([]);
  });

  test('is kept again for another failed server and for a region that cannot be read, once each', async () => {
    const h = await failing();
    await h.run('snapshot', policy());
    await deliverAll(h.waiting, '2026-11-22T00:30:00Z');
    expect(h.waiting.failedRuns.messages).toHaveLength(1);
    h.busy.vmState = 'error';
    h.busy.taskState = null;
    h.cloud.region('DFW').addServer({ name: 'late', taskState: 'rebooting' });
    await deliverAll(h.waiting, '2026-11-22T02:00:00Z');
    expect(h.waiting.failedRuns.messages).toHaveLength(2);
    expect(errors(h.waiting)[1]).toContain('the server is in ERROR');
    h.cloud.faults.push({
      service: 'image',
      region: 'ORD',
      times: Number.POSITIVE_INFINITY,
      answer: answers.forbidden,
    });
    await deliverAll(h.waiting, '2026-11-22T11:00:00Z');
    expect(h.waiting.failedRuns.messages).toHaveLength(3);
    expect(errors(h.waiting)[2]).toContain("ORD can't be read");
  });

  test('keeps its message while its failure cannot be kept', async () => {
    const h = await failing();
    await h.run('snapshot', policy());
    await deliverAll(h.waiting, '2026-11-22T00:06:00Z');
    h.waiting.failedRuns.refuses = () => true;
    h.busy.taskState = null;
    await deliverAll(h.waiting, '2026-11-22T00:30:00Z');
    expect(h.waiting.queue.messages).toHaveLength(1);
    expect(h.waiting.failedRuns.messages).toEqual([]);
  });

  test('is retried if the login fails, and kept with a remedy', async () => {
    const h = await fleet();
    hangAfter(h, 2);
    await h.run('snapshot', policy(), SHORT);
    h.cloud.faults.length = 0;
    h.cloud.account.apiKey = 'changed';
    h.cold();
    expect(await deliverAll(h.waiting)).toEqual(['00:00:20', '00:01:20', '00:03:20']);
    expect(h.waiting.failedRuns.messages).toHaveLength(1);
    expect(errors(h.waiting)[0]).toContain('The cloud does not accept these credentials');
    expect(errors(h.waiting)[0]).not.toContain('aaaaa-bbbbb');
  });
});

test('a cleanup is resumed as well', async () => {
  const h = await fleet(['a', 'b']);
  for (const server of h.cloud.region('DFW').servers) {
    for (const age of [1, 2, 3, 4]) addSnapshot(h, server, age);
  }
  h.hangAfter(1, { service: 'image', method: 'DELETE' });
  const report = await h.run('cleanup', policy({ keep: { last: 1 } }), SHORT);
  expect(report).toMatchObject({
    left: { outOfTime: expect.toSatisfy((left: number) => left >= 4 && left <= 6) },
    resumesAt: '2026-11-22T00:00:20Z',
  });
  h.cloud.faults.length = 0;
  await deliverAll(h.waiting);
  expect(h.cloud.region('DFW').images).toHaveLength(2);
});
