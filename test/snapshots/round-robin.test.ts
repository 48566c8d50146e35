import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import { seriesRoundRobin } from '../../lib/snapshots/cleanup.ts';
import { roundRobin } from '../../lib/snapshots/round-robin.ts';
import type { SeriesPlan } from '../../lib/snapshots/series-plan.ts';
import { policy } from '../harness.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test('a rotated list keeps its circular order and all items', () => {
  const anyRun = fc.double({ min: 0, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200 }), anyRun, (count, run) => {
      const items = roundRobin(numbers(count), run);
      expect(items.toSorted((a, b) => a - b)).toEqual(numbers(count));
      for (const [i, item] of items.slice(1).entries()) expect(item).toBe((items[i]! + 1) % count);
    }),
  );
});

test('the runs together reach each item, for any first run and any share of the list that a run reaches', () => {
  const anyFleet = fc.record({
    count: fc.integer({ min: 1, max: 500 }),
    share: fc.double({ min: 0.02, max: 1, noNaN: true }),
    first: fc.double({ min: 0, max: 1e6, noNaN: true }),
  });
  fc.assert(
    fc.property(anyFleet, ({ count, share, first }) => {
      const reached = Math.ceil(share * count);
      const done = numbers(Math.ceil((2 * count) / reached)).flatMap((run) =>
        roundRobin(numbers(count), first + run).slice(0, reached),
      );
      expect(new Set(done).size).toBe(count);
    }),
  );
});

test.each([
  'rate(5 minutes)',
  'rate(500 minutes)',
  'rate(6 hours)',
  'rate(1 day)',
  'cron(30 2 * * ? *)',
  'cron(0 2,4 * * ? *)',
  'cron(0 3 ? * SUN *)',
  'cron(0 3 1 * ? *)',
])('a cleanup at %s that reaches a tenth of all series has reached each of them after 40 runs', (cleanup) => {
  const parsed = parsePolicy(policy({ cleanup, timezone: 'America/Chicago' }));
  const series = numbers(100).map((i) => ({ server: `server-${i}`, policy: 'daily' }) as SeriesPlan);
  const done = new Set<string>();
  let now = new Date('2026-02-20T06:00:07Z');
  for (let run = 0; run < 40; run++) {
    for (const { server } of seriesRoundRobin({ series }, parsed, now).slice(0, 10)) done.add(server);
    now = new Date(parsed.cleanup.next(now)!.getTime() + 1000 * (run % 50));
  }
  expect(done.size).toBe(100);
});

test('the order of the listed series has no effect', () => {
  const parsed = parsePolicy(policy());
  const series = ['b', 'c', 'a'].flatMap((server) =>
    ['daily', 'adhoc'].map((name) => ({ server, policy: name }) as SeriesPlan),
  );
  const now = new Date('2026-11-23T06:00:00Z');
  expect(seriesRoundRobin({ series: series.toReversed() }, parsed, now)).toEqual(
    seriesRoundRobin({ series }, parsed, now),
  );
});
