import { describe, expect, test } from 'vitest';
import { answers } from '../../local/cloud/faults.ts';
import type { RateLimit } from '../../local/cloud/limiter.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';
import { addSnapshot, MIDNIGHT } from '../history.ts';

const SERVERS = 120;

/** A fleet in two regions, most of it in DFW. */
async function fleet(...limits: RateLimit[]): Promise<Harness> {
  const h = await harness({ regions: ['DFW', 'ORD'] });
  setTime(new Date(MIDNIGHT.getTime() + 20_000));
  for (let i = 0; i < SERVERS; i++) h.cloud.region(i % 3 ? 'DFW' : 'ORD').addServer({ name: `web-${i}` });
  h.cloud.limits.push(...limits);
  return h;
}

/** The number of requests of each kind that the services of both regions received. */
function received({ cloud }: Harness): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { service, method, path } of cloud.received) {
    if (service !== 'compute' && service !== 'image') continue;
    const what = path.endsWith('/limits') ? 'limits' : method;
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

function rateLimited({ logs }: Harness): number {
  return Number(/"RateLimited":(\d+)/.exec(logs())?.[1]);
}

const limit = (verb: string, kind: RateLimit['kind'] = 'window'): RateLimit => ({
  verb,
  value: 100,
  unit: 'SECOND',
  kind,
});

// Some tests take seconds because of the limits; a slow machine may need more.
describe('a run with more requests than the limit', { timeout: 60_000 }, () => {
  test.each(['window', 'bucket'] as const)('is never refused: %s', async (kind) => {
    const h = await fleet(limit('POST', kind));
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: SERVERS });
    expect(received(h)).toEqual({ GET: 12, limits: 1, POST: SERVERS });
    expect(rateLimited(h)).toBe(0);
  });

  test.each([
    ['does not say', answers.forbidden],
    ['says in nonsense', { status: 200, body: '<html></html>' }],
    ['says none', { status: 200, body: { limits: { rate: [] } } }],
  ])('also takes all snapshots if the cloud %s its limit', async (_, answer) => {
    const h = await fleet();
    h.cloud.faults.push({ service: 'compute', path: /limits$/, times: 9, answer });
    // The window allows three more requests, however long those before took. A second later a new
    // window begins.
    let [sent, fullUntilMs] = [0, 0];
    h.cloud.faults.push({
      service: 'compute',
      method: 'POST',
      times: Number.POSITIVE_INFINITY,
      when: () => {
        sent += 1;
        if (sent === SERVERS - 2) fullUntilMs = performance.now() + 1000;
        return performance.now() < fullUntilMs;
      },
      answer: answers.retryAfterHeader(413, 1),
    });
    expect((await h.run('snapshot', policy())).totals).toEqual({ taken: SERVERS });
    expect(rateLimited(h)).toBeGreaterThan(0);
    // The requests that were already sent when the first one was refused.
    expect(rateLimited(h)).toBeLessThan(16);
  });

  test('stops before its deadline if the limit leaves no time', async () => {
    const h = await fleet({ verb: 'POST', value: 25, unit: 'MINUTE', kind: 'window' });
    const { report, error } = await h.fail('snapshot', policy(), { remainingMs: 8000 });
    expect(error.message).toMatch(/run deadline reached/);
    const { taken = 0, deferred = 0, ...others } = report!.totals;
    expect(others).toEqual({});
    expect(taken + deferred).toBe(SERVERS);
    expect(taken).toBeGreaterThan(0);
    expect(rateLimited(h)).toBe(0);
  });
});

test('a cleanup with more requests than the limit is never refused', { timeout: 60_000 }, async () => {
  const h = await fleet(limit('DELETE'), { ...limit('GET'), value: 1000 });
  for (const region of ['DFW', 'ORD']) {
    for (const server of h.cloud.region(region).servers) {
      for (const age of [0, 1]) addSnapshot(h, server, age, {}, region);
    }
  }
  const { totals } = await h.run('cleanup', policy({ keep: { last: 1 } }));
  expect(totals).toEqual({ deleted: SERVERS, kept: SERVERS });
  expect(received(h)).toMatchObject({ limits: 1, DELETE: SERVERS });
  expect(rateLimited(h)).toBe(0);
});
