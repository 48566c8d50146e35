import { expect, test } from 'vitest';
import { lambdaContext } from '../../local/context.ts';
import { deliverAll, failureRecords, startWaiting } from '../fleet/waiting.ts';
import { deploy, policy } from '../harness.ts';
import { history, idsIn, idsOf } from '../history.ts';

// Messages in the queue from another version of this code.

async function withQueue(body: string) {
  const h = await history(5);
  const waiting = await startWaiting();
  deploy([policy()]);
  waiting.queue.send(body, 0);
  const deliveries = await deliverAll(waiting);
  const records = failureRecords(waiting);
  return { ...h, waiting, deliveries, records };
}

const work = (changes: object = {}) => ({
  job: 'cleanup',
  event: { policy: 'daily', account: 'rackspace' },
  since: '2026-11-23T05:59:00.000Z',
  requestId: 'r1',
  tries: 0,
  ...changes,
});

test('unknown keys of a message are ignored, and its run is done', async () => {
  const h = await withQueue(JSON.stringify(work({ version: 7, servers: ['web'] })));
  expect(h.deliveries).toHaveLength(1);
  expect(h.records).toEqual([]);
  expect(idsIn(h)).toEqual(idsOf(h.images.slice(0, 3)));
});

test.each<[string, string, unknown]>([
  ['no JSON', 'cleanup daily', 'cleanup daily'],
  ['a job that is not known', JSON.stringify(work({ job: 'verify' })), work({ job: 'verify' })],
  ['no event', '{"job":"cleanup"}', { job: 'cleanup' }],
])('%s is sent to the failed runs once, with the reason', async (_, body, payload) => {
  const h = await withQueue(body);
  expect(h.deliveries).toHaveLength(1);
  expect(h.records).toEqual([
    expect.objectContaining({
      requestPayload: payload,
      requestContext: expect.objectContaining({
        functionArn: expect.stringMatching(/:autosnap-test-continue:/),
      }),
      responsePayload: {
        errorType: 'RunFailed',
        codes: ['MESSAGE_INVALID'],
        errorMessage: expect.stringContaining('not a work item of this version'),
      },
    }),
  ]);
  expect(idsIn(h)).toEqual(idsOf(h.images));
});

test.each<[string, object, string, RegExp]>([
  ['a whole policy', policy({ keep: { last: 1 } }), 'EVENT_INVALID', /send \{"policy": "daily"\}/],
  [
    'a policy that is gone',
    { policy: 'weekly' },
    'POLICY_UNKNOWN',
    /there is no policy "weekly" in this deployment/,
  ],
  ['a key that is not known', { policy: 'daily', tier: 'gold' }, 'EVENT_INVALID', /tier: is not a known key/],
])('%s is refused once with the reason, and nothing is deleted', async (_, event, code, message) => {
  const h = await withQueue(JSON.stringify(work({ event })));
  expect(h.deliveries).toHaveLength(1);
  expect(h.records).toEqual([
    expect.objectContaining({
      requestPayload: event,
      responsePayload: {
        errorType: 'ValidationError',
        errorMessage: expect.stringMatching(message),
        codes: [code],
      },
    }),
  ]);
  expect(idsIn(h)).toEqual(idsOf(h.images));
});

test('the function continue refuses events sent by hand', async () => {
  await history(1);
  const { handler } = await import('../../handlers/continue.ts');
  await expect(handler(work() as never, lambdaContext('autosnap-test-continue'))).rejects.toThrow(
    'this function processes queue messages',
  );
});
