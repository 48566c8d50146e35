import { Hono } from 'hono';
import { expect, test } from 'vitest';
import type { Env } from '../../local/cloud/faults.ts';
import { limiter, type RateLimit } from '../../local/cloud/limiter.ts';

/** A service behind limits, with a clock that tests advance. */
function limited(...limits: RateLimit[]) {
  let nowMs = 5_000_000;
  const { refuse, rates } = limiter(limits, () => nowMs);
  const app = new Hono<Env>();
  app.use(refuse);
  app.all('/', (c) => c.text('done'));
  const ask = async (method = 'POST') => {
    const response = await app.request('/', { method });
    return response.status === 200 ? 'done' : [response.status, response.headers.get('retry-after')];
  };
  const limitOf = () => (rates() as { limit: Record<string, unknown>[] }[])[0]?.limit[0];
  return {
    ask,
    rates,
    remaining: () => limitOf()?.remaining,
    /** The time in seconds from now. */
    nextAvailable: () =>
      Math.round((Date.parse(String(limitOf()?.['next-available'])) - Date.now()) / 1000) + 0,
    advance(seconds: number) {
      nowMs += seconds * 1000;
    },
  };
}

const WINDOW: RateLimit = { verb: 'POST', value: 3, unit: 'MINUTE', kind: 'window' };

test('a window begins with its first request and ends completely', async () => {
  const { ask, advance, remaining, nextAvailable } = limited(WINDOW);
  advance(500);
  expect([await ask(), remaining(), nextAvailable()]).toEqual(['done', 2, 0]);
  advance(40);
  expect([await ask(), await ask(), remaining()]).toEqual(['done', 'done', 0]);
  expect(nextAvailable()).toBe(20);
  expect(await ask()).toEqual([413, '20']);
  advance(19.5);
  expect(await ask(), 'in whole seconds').toEqual([413, '1']);
  advance(0.5);
  expect(remaining()).toBe(3);
  expect([await ask(), await ask(), await ask()]).toEqual(['done', 'done', 'done']);
  expect(await ask()).toEqual([413, '60']);
});

test('a bucket leaks continuously', async () => {
  const { ask, advance, remaining, nextAvailable } = limited({ ...WINDOW, kind: 'bucket' });
  expect([await ask(), await ask(), await ask(), remaining()]).toEqual(['done', 'done', 'done', 0]);
  expect(await ask()).toEqual([413, '20']);
  advance(10);
  expect([remaining(), nextAvailable()]).toEqual([0, 10]);
  expect(await ask()).toEqual([413, '10']);
  advance(10);
  expect([await ask(), await ask()]).toEqual(['done', [413, '20']]);
  advance(600);
  expect(remaining()).toBe(3);
});

test('only the verb of a limit is limited, and all of several limits apply', async () => {
  const day = { ...WINDOW, value: 4, unit: 'DAY' } as const;
  const { ask, advance, rates } = limited(WINDOW, day);
  for (const _ of [1, 2, 3]) expect(await ask()).toBe('done');
  expect(await ask('GET')).toBe('done');
  advance(60);
  expect([await ask(), await ask()]).toEqual(['done', [413, String(86_400 - 60)]]);
  expect(rates()).toMatchObject([
    {
      uri: '*',
      regex: '.*',
      limit: [
        { verb: 'POST', value: 3, remaining: 2, unit: 'MINUTE' },
        { verb: 'POST', value: 4, remaining: 0, unit: 'DAY' },
      ],
    },
  ]);
});

test('without limits nothing is refused', async () => {
  const { ask, rates } = limited();
  expect([await ask(), rates()]).toEqual(['done', []]);
});
