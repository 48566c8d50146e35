import fc from 'fast-check';
import { describe, expect, test as pure, vi } from 'vitest';
import { createImage, listServers } from '../../lib/openstack/compute.ts';
import { pacedQueue, paceOf, type Rate, slackMs } from '../../lib/openstack/pacing.ts';
import { answers } from '../../local/cloud/faults.ts';
import { connected, receivedBy, test } from '../openstack/connected.ts';
import { always } from '../properties/always.ts';

const MINUTE_MS = 60_000;

interface Sweep {
  rate: Rate;
  /** When the limits were read. */
  readMs: number;
  /** The number of simultaneous requests, and the longest time of an answer. */
  atOnce: number;
  latencyMs: number;
  requests: number;
  seed: number;
}

const sweep: fc.Arbitrary<Sweep> = fc
  .record({
    value: fc.integer({ min: 1, max: 1000 }),
    unitMs: fc.constantFrom(1000, MINUTE_MS),
    used: fc.double({ min: 0, max: 1, noNaN: true }),
    renewed: fc.double({ min: 0, max: 1, noNaN: true }),
    readMs: fc.integer({ min: 0, max: 1e9 }),
    atOnce: fc.integer({ min: 1, max: 20 }),
    latencyMs: fc.integer({ min: 0, max: 5000 }),
    requests: fc.integer({ min: 1, max: 600 }),
    seed: fc.integer(),
  })
  .map(({ value, unitMs, used, renewed, ...rest }) => {
    const remaining = Math.round(value * (1 - used));
    const renewedInMs = remaining > 0 ? unitMs : unitMs * renewed;
    return { rate: { value, unitMs, remaining, renewedInMs }, ...rest };
  });

/** Pseudo-random numbers from 0 to 1, the same for the same seed. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** When the requests of a run reach the cloud, in order; each is late by up to `lateMs`. */
function arrivals({ rate, readMs, atOnce, latencyMs, requests, seed }: Sweep, lateMs = 0): number[] {
  const random = chance(seed);
  const book = paceOf(rate, readMs, random);
  const freeMs = Array.from({ length: atOnce }, () => readMs);
  const at: number[] = [];
  for (let i = 0; i < requests; i++) {
    const worker = freeMs.indexOf(Math.min(...freeMs));
    const turnMs = book(freeMs[worker]!);
    expect(turnMs).toBeGreaterThanOrEqual(freeMs[worker]!);
    freeMs[worker] = turnMs + random() * latencyMs;
    at.push(turnMs + random() * lateMs);
  }
  return at.sort((a, b) => a - b);
}

/** The largest number within one unit, whenever it begins. */
function mostInUnit(at: number[], unitMs: number): number {
  let from = 0;
  let most = 0;
  for (const [to, ms] of at.entries()) {
    while (ms - at[from]! >= unitMs) from += 1;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

describe('a pace', () => {
  pure('never sends more than the limit in any unit, although some are late', () =>
    always(
      fc.property(sweep, fc.double({ min: 0, max: 0.99, noNaN: true }), (its, late) => {
        const at = arrivals(its, late * slackMs(its.rate));
        expect(mostInUnit(at, its.rate.unitMs)).toBeLessThanOrEqual(its.rate.value);
      }),
      { pure: true },
    ),
  );

  pure('never overfills a bucket that leaks, although some are late', () =>
    always(
      fc.property(sweep, (its) => {
        const { value, unitMs, remaining } = its.rate;
        let level = value - remaining;
        let last = its.readMs;
        for (const ms of arrivals(its, slackMs(its.rate) * 0.99)) {
          level = Math.max(0, level - ((ms - last) / unitMs) * value) + 1;
          last = ms;
          // A limit that is exhausted at first allows one request at the time that the cloud names.
          if (remaining > 0 || its.rate.renewedInMs >= unitMs / value) {
            expect(level).toBeLessThanOrEqual(value + 1e-6);
          }
        }
      }),
      { pure: true },
    ),
  );

  pure('spends only what remains until the next unit begins', () =>
    always(
      fc.property(sweep, (its) => {
        const { remaining, renewedInMs } = its.rate;
        const before = arrivals(its).filter((ms) => ms < its.readMs + renewedInMs);
        expect(before.length).toBeLessThanOrEqual(remaining);
      }),
      { pure: true },
    ),
  );

  pure('wastes less than 5 % of the rate while there is something to send', () =>
    always(
      fc.property(sweep, (its) => {
        const { value, unitMs } = its.rate;
        fc.pre(its.requests > 40);
        const atOnce = Math.ceil((value / unitMs) * its.latencyMs) + 3;
        const at = arrivals({ ...its, atOnce, rate: { ...its.rate, remaining: value, renewedInMs: unitMs } });
        const allowed = ((at.at(-1)! - at[0]!) / unitMs) * value;
        expect(at.length).toBeGreaterThan(allowed * 0.95);
      }),
      { pure: true },
    ),
  );

  pure('leaves room for what is late: by almost a second, of a limit by the minute', () => {
    expect(slackMs({ unitMs: MINUTE_MS })).toBeGreaterThan(900);
  });

  pure('begins at once, and has no two runs in step', () => {
    const rate = { value: 100, unitMs: MINUTE_MS, remaining: 100, renewedInMs: MINUTE_MS };
    const turns = (seed: number) => {
      const book = paceOf(rate, 0, chance(seed));
      return Array.from({ length: 3 }, () => book(0));
    };
    expect(turns(1)[0]).toBeLessThan(620);
    expect(turns(1)).not.toEqual(turns(2));
    expect(turns(1)).toEqual(turns(1));
  });
});

describe('the requests of a session', () => {
  const IMAGE = { name: 'web-daily', metadata: {} };
  const perSecond = (value: number, remaining = value) => ({
    value,
    remaining,
    unitMs: 1000,
    renewedInMs: 1000,
  });

  test('are spread by verb, over all regions together', async ({ cloud }) => {
    const session = await connected(cloud);
    const regions = ['DFW', 'ORD', 'DFW', 'ORD', 'DFW'];
    const servers = regions.map((name) => cloud.region(name).addServer({ name: 'web' }));
    session.spread({ POST: perSecond(10) });
    const began = performance.now();
    const done = await Promise.all(
      servers.map(async ({ id }, i) => {
        await createImage(session, { id, region: regions[i]! }, IMAGE);
        return performance.now() - began;
      }),
    );
    expect(Math.max(...done), 'four steps of 103 ms').toBeGreaterThan(410);
    const read = performance.now();
    await Promise.all(regions.map((region) => listServers(session, region)));
    expect(performance.now() - read, 'reads go as they come').toBeLessThan(410);
  });

  test('wait together, all of one verb, until the cloud accepts them again', async ({ cloud }) => {
    const session = await connected(cloud);
    const dfw = cloud.region('DFW');
    const ids = Array.from({ length: 4 }, () => dfw.addServer({ name: 'web' }).id);
    const elsewhere = cloud.region('ORD').addServer({ name: 'web' });
    session.spread({ POST: perSecond(4) });
    // The time at which the cloud refuses; this process may learn of it late.
    let refused = 0;
    const when = () => {
      refused ||= performance.now();
      return true;
    };
    const answer = answers.retryAfterHeader(413, 2);
    cloud.faults.push({ service: 'compute', method: 'POST', when, answer });
    const taking = ids.map((id) => createImage(session, { id, region: 'DFW' }, IMAGE));
    await expect.poll(() => session.traffic.rateLimited, { interval: 5 }).toBe(1);
    await createImage(session, { id: elsewhere.id, region: 'ORD' }, IMAGE);
    await listServers(session, 'DFW');
    expect(performance.now() - refused, 'neither another region nor a read').toBeLessThan(1900);
    expect(dfw.images, 'those whose turn has come meanwhile').toEqual([]);
    await Promise.all(taking);
    const took = performance.now() - refused;
    expect(took, 'the wait, and three steps of 258 ms').toBeGreaterThan(2700);
    expect(took, 'still at the pace that is known').toBeLessThan(3800);
    expect(session.traffic.rateLimited, 'one refusal for all').toBe(1);
  });

  pure('have each a time of its own after a delay, however long the process takes', async () => {
    const post = { method: 'POST', url: 'http://dfw.cloud.test/servers' };
    const spacingMs = 20;
    const realNow = performance.now.bind(performance);
    // 0.3 ms pass between any two looks at the clock, as on a busy machine.
    let looks = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => realNow() + 0.3 * ++looks);
    try {
      for (let trial = 0; trial < 100; trial++) {
        const queue = pacedQueue({ remainingMs: () => MINUTE_MS });
        queue.spread({ POST: { value: 1000 / spacingMs, remaining: 50, unitMs: 1000, renewedInMs: 1000 } });
        const began = performance.now();
        const delayMs = 20 + trial / 100;
        queue.delay(post, delayMs);
        await Promise.all(Array.from({ length: 6 }, () => queue.waitToSend(post)));
        // Less by what a late request may make up for.
        const stepsMs = 5 * spacingMs - slackMs({ unitMs: 1000 });
        expect(performance.now() - began, 'the delay and five steps').toBeGreaterThan(delayMs + stepsMs);
      }
    } finally {
      clock.mockRestore();
    }
  });

  test("follow Rackspace's usual limits after a refusal, if the cloud names none", async ({ cloud }) => {
    const session = await connected(cloud);
    const ids = Array.from({ length: 3 }, () => cloud.region('DFW').addServer({ name: 'web' }).id);
    cloud.faults.push({ service: 'compute', method: 'POST', answer: answers.retryAfterHeader(429, 0) });
    const took: number[] = [];
    const began = performance.now();
    await Promise.all(
      ids.map(async (id) => {
        await createImage(session, { id, region: 'DFW' }, IMAGE);
        took.push(performance.now() - began);
      }),
    );
    expect(took.at(-1), 'the two that were not refused go at once').toBeGreaterThan(450);
    const next = performance.now();
    const more = Array.from({ length: 3 }, () => cloud.region('ORD').addServer({ name: 'web' }).id);
    await Promise.all(more.map((id) => createImage(session, { id, region: 'ORD' }, IMAGE)));
    expect(performance.now() - next, '100 a minute').toBeGreaterThan(1200);
  });

  test('fail at once if their turn is after the deadline', async ({ cloud }) => {
    const session = await connected(cloud, { remainingMs: () => 5000 });
    const { id } = cloud.region('DFW').addServer({ name: 'web' });
    session.spread({ POST: { value: 100, unitMs: MINUTE_MS, remaining: 0, renewedInMs: 6000 } });
    const began = performance.now();
    await expect(createImage(session, { id, region: 'DFW' }, IMAGE)).rejects.toMatchObject({
      code: 'OUT_OF_TIME',
    });
    expect(performance.now() - began).toBeLessThan(1000);
    expect(receivedBy(cloud, 'compute')).toEqual([]);
  });

  test('fail at once if the cloud requests a wait of hours', async ({ cloud }) => {
    const session = await connected(cloud);
    const { id } = cloud.region('DFW').addServer({ name: 'web' });
    cloud.faults.push({ service: 'compute', answer: answers.retryAfterHeader(413, 7200) });
    const taking = () => createImage(session, { id, region: 'DFW' }, IMAGE);
    await expect(taking()).rejects.toMatchObject({ code: 'RATE_LIMITED', status: 413 });
    await expect(taking()).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      message: expect.stringMatching(/takes no more such requests for 7\d\d\d seconds/),
    });
    expect(receivedBy(cloud, 'compute')).toHaveLength(1);
  });
});
