import { describe, expect, test } from 'vitest';
import { deliverAll, goOn } from '../fleet/waiting.ts';
import { setTime } from '../harness.ts';
import {
  type DrivenWorld,
  drivenWorld,
  expectRestored,
  IN_PLACE,
  NEW,
  newServers,
  newVolumes,
  recordIn,
} from '../restore/self-driven-world.ts';

// Restores whose functions are killed at any request, before or after the cloud carries it out.
// Each case kills at some of the requests, and each begins at another one; the long form at each.
const EVERY = Number(process.env.RUNS) < 100 ? 40 : 1;

const CASES = [NEW, IN_PLACE].flatMap((event) =>
  [true, false].map((isCarriedOut) => ({ event, to: event.to as 'new' | 'in-place', isCarriedOut })),
);

describe.each(CASES.map((one, i) => ({ ...one, first: (i * EVERY) / 4 })))(
  'a restore to $to, killed although the request is carried out: $isCarriedOut',
  ({ event, to, isCarriedOut, first }) => {
    test('goes on by itself, makes nothing twice, and one e-mail says how it ended', {
      timeout: 3_600_000,
    }, async () => {
      const whole = await drivenWorld();
      const from = whole.cloud.received.length;
      await whole.run('restore', event);
      await deliverAll(whole.waiting);
      const requests = whole.cloud.received.slice(from).filter(({ service }) => service !== 'secrets').length;
      await whole.cloud.close();
      expect(requests).toBeGreaterThan(30);
      for (let at = first; at < requests; at += EVERY) {
        const w = await drivenWorld();
        await runKilledAt(w, event, at, isCarriedOut);
        expectOneEnd(w, to, `killed at request ${at}`);
        await w.cloud.close();
      }
    });
  },
);

/** Runs a restore whose function gets no answer to its request number `at`, nor to a later one. */
async function runKilledAt(w: DrivenWorld, event: object, at: number, isCarriedOut: boolean): Promise<void> {
  let count = 0;
  const dead = Promise.withResolvers<void>();
  const never = () => {
    dead.resolve();
    return new Promise<never>(() => {});
  };
  for (const service of ['identity', 'compute', 'image', 'volume'] as const) {
    w.cloud.faults.push({
      service,
      times: Number.POSITIVE_INFINITY,
      when: () => count++ >= at,
      answer: isCarriedOut ? { edit: never } : never,
    });
  }
  const killed = dead.promise.then(() => 'killed' as const);
  let ended: unknown = await Promise.race([w.run('restore', event), killed]);
  while (ended !== 'killed' && w.waiting.queue.messages.length > 0) {
    const [message] = w.waiting.queue.messages;
    if (message!.visibleAt > new Date()) setTime(message!.visibleAt);
    const delivery = w.waiting.queue.receive(message!)!;
    const answer = await Promise.race([goOn(delivery), killed]);
    if (answer !== 'killed' && answer.batchItemFailures.length === 0) {
      w.waiting.queue.delete(delivery.receiptHandle);
    }
    ended = answer;
  }
  w.cloud.faults.length = 0;
  w.cold();
  await deliverAll(w.waiting);
}

/**
 * Expects that the restore is whole, or has failed because nobody knows whether its server was
 * made; each thing exists once at most, and people were told once.
 */
function expectOneEnd(w: DrivenWorld, to: 'new' | 'in-place', which: string): void {
  const { endedAt, last } = recordIn(w);
  expect(endedAt, which).toBeDefined();
  expect(w.waiting.mails, which).toHaveLength(1);
  expect(w.waiting.failedRuns.messages, which).toEqual([]);
  if (last!.state === 'done') {
    expectRestored(w, to, which);
    return;
  }
  expect(last!.codes, which).toContain('RESTORE_NOT_LISTED');
  expect(newServers(w), which).toEqual([]);
  expect(newVolumes(w), which).toHaveLength(2);
}
