import { describe, expect, test as pure } from 'vitest';
import type { Rates } from '../../lib/openstack/pacing.ts';
import { ratesIn, spreadUnderLimits } from '../../lib/openstack/rate-limits.ts';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { connected, receivedBy, test } from './connected.ts';

const SENT = 'Thu, 15 Dec 2011 22:42:00 GMT';
const at = (seconds: number) => new Date(Date.parse(SENT) + seconds * 1000).toISOString();

/** A `GET /limits` answer with limits for everything. */
function said(...limit: unknown[]) {
  return { limits: { rate: [{ uri: '*', regex: '.*', limit }], absolute: {} } };
}

const post = { value: 100, verb: 'POST', remaining: 100, unit: 'MINUTE', 'next-available': at(0) };
const rate = { value: 100, unitMs: 60_000, remaining: 100, renewedInMs: 60_000 };

describe('the limits of an answer', () => {
  pure.each<[string, unknown, Rates]>([
    ['with all of the unit before them', said(post), { POST: rate }],
    ['with what remains of it', said({ ...post, remaining: 7 }), { POST: { ...rate, remaining: 7 } }],
    [
      'have the time when the next unit begins, if nothing remains',
      said({ ...post, remaining: 0, 'next-available': at(21) }),
      { POST: { ...rate, remaining: 0, renewedInMs: 21_000 } },
    ],
    [
      'begin at the latest time, if that time is on another day',
      said({ ...post, remaining: 0, 'next-available': at(86_400) }),
      { POST: { ...rate, remaining: 0 } },
    ],
    [
      'begin at the latest time, if there is no time',
      said({ ...post, remaining: 0, 'next-available': undefined }),
      { POST: { ...rate, remaining: 0 } },
    ],
    ['never with more left than there is', said({ ...post, remaining: 500 }), { POST: rate }],
    [
      'are halved for reads, because the other half is for the other job',
      said({ ...post, verb: 'GET', value: 1000, remaining: 600 }),
      { GET: { ...rate, value: 500, remaining: 300 } },
    ],
    [
      'are the strictest of each verb, whatever the unit',
      said({ ...post, value: 10, unit: 'SECOND' }, post, { ...post, value: 200 }),
      { POST: rate },
    ],
    ['but not those of a day, which no run can wait for', said({ ...post, unit: 'DAY' }), {}],
    ['but not those of other verbs', said({ ...post, verb: 'PUT' }), {}],
    ['but not those that allow nothing', said({ ...post, value: 0, remaining: 0 }), {}],
    ['those that can be read', said({ ...post, value: 'many' }, null, 7, post), { POST: rate }],
    [
      'leave out those for some paths only',
      { limits: { rate: [{ uri: '*/servers', regex: '^/servers', limit: [post] }] } },
      {},
    ],
    ['as none where Nova has none', { limits: { rate: [], absolute: {} } }, {}],
    ['as none in what is no answer', { limits: 'none' }, {}],
    ['as none in no answer', undefined, {}],
  ])('%s', (_, body, expected) => {
    expect(ratesIn(body, SENT)).toEqual(expected);
  });
});

describe('the requests of a session are spread', () => {
  const work = (n: number, region = 'DFW') => Array.from({ length: n }, () => ({ region }));
  const asked = (cloud: Parameters<typeof receivedBy>[0]) =>
    receivedBy(cloud, 'compute').map(({ region }) => region);

  test('if there are many, after one request in the region with most of them', async ({ cloud }) => {
    const session = await connected(cloud);
    const spread: Rates[] = [];
    const watched = { ...session, spread: (rates: Rates) => void spread.push(rates) };
    cloud.limits.push({ verb: 'POST', value: 100, unit: 'MINUTE', kind: 'window' });
    await spreadUnderLimits(watched, [...work(10), ...work(11, 'ORD')]);
    expect(spread).toEqual([{ POST: rate }]);
    expect(asked(cloud)).toEqual(['ORD']);
  });

  test('not if there are few, without a request', async ({ cloud }) => {
    await spreadUnderLimits(await connected(cloud), work(20));
    expect(asked(cloud)).toEqual([]);
  });

  test.for<[string, FaultAnswer]>([
    ['they may not be read', answers.forbidden],
    ['there are none', { status: 404, body: '' }],
    ['they are no JSON', { status: 200, body: '<html>' }],
    ['the answer is half', 'truncate'],
  ])('not if %s, which is no failure', async ([, answer], { cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', answer, times: 4 });
    await spreadUnderLimits(session, work(21));
  });

  test('and a programming error is not hidden', async ({ cloud }) => {
    const session = await connected(cloud);
    const broken = { ...session, request: () => Promise.reject(new TypeError('ours')) };
    await expect(spreadUnderLimits(broken, work(21))).rejects.toThrow(TypeError);
  });
});
