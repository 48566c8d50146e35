import { expect, test, vi } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import { deliverAll, startWaiting } from '../fleet/waiting.ts';
import { deploy, type Harness, harness, policy, setTime } from '../harness.ts';
import { type Outside, startOutside } from '../heartbeat-service.ts';

async function watched(): Promise<Harness & { outside: Outside }> {
  setTime('2026-11-24T00:00:10Z');
  const outside = await startOutside();
  vi.stubEnv('AUTOSNAP_HEARTBEAT', `${outside.url}/{policy}/{job}`);
  const h = await harness();
  h.cloud.region('DFW').addServer({ name: 'web-1' });
  return { ...h, outside };
}

test('each successful run of a policy and each audit pings the heartbeat', async () => {
  const { run, outside } = await watched();
  deploy([policy()]);
  await run('snapshot', { policy: 'daily' });
  await run('cleanup', { policy: 'daily' });
  await run('audit', {});
  expect(outside.asked).toEqual(['GET /daily/snapshot', 'GET /daily/cleanup', 'GET /all/audit']);
});

test('a deferred run pings once nothing is left, and each account has a URL of its own', async () => {
  const { run, cloud, outside } = await watched();
  vi.stubEnv('AUTOSNAP_HEARTBEAT', `${outside.url}/{policy}/{account}`);
  const waiting = await startWaiting();
  const [server] = cloud.region('DFW').servers;
  server!.taskState = 'rebooting';
  await run('snapshot', policy());
  expect(outside.asked).toEqual([]);
  server!.taskState = null;
  await deliverAll(waiting);
  expect(outside.asked).toEqual(['GET /daily/rackspace']);
});

test('a run with failures, or one that could not begin, pings the failure URL', async () => {
  const { cloud, fail, outside } = await watched();
  await fail('snapshot', policy({ servers: { ids: ['nowhere'] } }));
  cloud.faults.push({ service: 'identity', answer: answers.forbidden, times: 9 });
  await fail('cleanup', policy());
  expect(outside.asked).toEqual(['GET /daily/snapshot/fail', 'GET /daily/cleanup/fail']);
});

test('an event that is refused was sent by hand: it pings no heartbeat', async () => {
  const { fail, outside } = await watched();
  await fail('snapshot', policy({ keep: {} }));
  await fail('cleanup', policy({ dryRun: 'true' }));
  expect(outside.asked).toEqual([]);
});

test('dry runs, runs for a part of a policy and ad-hoc runs ping no heartbeat', async () => {
  const { run, outside } = await watched();
  deploy([policy()]);
  await run('cleanup', { policy: 'daily', servers: { names: ['web-1'] } });
  await run('cleanup', { policy: 'daily', regions: ['DFW'] });
  await run('cleanup', policy({ dryRun: true }));
  const { entries } = await run('snapshot', { adhoc: true, servers: { all: true } });
  await run('hold', { release: entries[0]!.image! }).catch(() => {});
  expect(outside.asked).toEqual([]);
});

test.each([
  ['answers an error', (outside: Outside) => Object.assign(outside, { status: 500 })],
  ['is not there', (outside: Outside) => outside.close()],
])('a heartbeat service that %s is logged, and the run succeeds', async (_, breaks) => {
  const { run, logs, outside } = await watched();
  breaks(outside);
  expect((await run('snapshot', policy())).totals).toEqual({ taken: 1 });
  expect(logs()).toContain('the heartbeat was not sent');
});
