import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { addFleet } from '../../local/fleet.ts';
import { firstPolicy } from '../../local/policies.ts';
import { deploy, harness, type Job, setTime } from '../harness.ts';

const EVENTS = new URL('../../events/', import.meta.url);

/** The example event of `restore`; test/recovery/restore.test.ts has more. */
const RESTORE = 'restore.json';

/**
 * The result of each example event for the example fleet, by handler: the totals, or the refusal.
 */
const EXPECTED: Record<string, Record<'snapshot' | 'cleanup', object | RegExp>> = {
  'adhoc.json': { snapshot: { taken: 1 }, cleanup: /adhoc: only snapshot takes ad-hoc events/ },
  'daily.json': { snapshot: { taken: 6, skipped: 1 }, cleanup: { deleted: 26, kept: 96 } },
  'dry-run.json': { snapshot: { planned: 6, skipped: 1 }, cleanup: { planned: 26, kept: 96 } },
  'invalid.json': { snapshot: /keep\.wekly: is not a known key/, cleanup: /servers: must select servers/ },
  'part.json': { snapshot: { taken: 1 }, cleanup: { deleted: 6, kept: 12 } },
  'try-policy.json': { snapshot: { planned: 2 }, cleanup: { kept: 1 } },
};

test('each event in events/ is tested here', () => {
  expect(readdirSync(EVENTS).sort()).toEqual([...Object.keys(EXPECTED), RESTORE].sort());
});

const cases = Object.entries(EXPECTED).flatMap(([file, by]) =>
  Object.entries(by).map(([job, expected]) => [job as Job, file, expected] as const),
);

test.each(cases)('%s of %s has the result %j', async (job, file, expected) => {
  setTime('2026-11-23T09:00:00Z');
  const { cloud, run, fail } = await harness({ regions: ['DFW', 'ORD'] });
  addFleet(cloud, 'autosnap-test');
  deploy([await firstPolicy()]);
  const event = JSON.parse(readFileSync(new URL(file, EVENTS), 'utf8'));
  if (expected instanceof RegExp) {
    const { error } = await fail(job, event);
    expect(error.name).toBe('ValidationError');
    expect(error.message).toMatch(expected);
    expect(cloud.received).toEqual([]);
  } else {
    expect((await run(job, event)).totals).toEqual(expected);
  }
});

test(`restore of ${RESTORE} is planned`, async () => {
  setTime('2026-11-23T09:00:00Z');
  const { cloud, run } = await harness({ regions: ['DFW', 'ORD'] });
  addFleet(cloud, 'autosnap-test');
  const event = JSON.parse(readFileSync(new URL(RESTORE, EVENTS), 'utf8'));
  expect(await run('restore', event)).toMatchObject({ state: 'planned', name: 'web-1', region: 'DFW' });
});
