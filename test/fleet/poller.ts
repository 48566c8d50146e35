import type { SQSBatchResponse } from 'aws-lambda';
import type { Delivery, Message, SqsQueue } from '../../local/queue.ts';
import type { Chance } from '../../local/simulation/chance.ts';
import type { Environments } from './environments.ts';
import { sqsEvent } from './waiting.ts';

/** How often deliveries go wrong, each from 0 to 1. */
export interface Trouble {
  /** A message is delivered twice, to two invocations at once. */
  duplicated: number;
  /** Lambda refuses to run the function: the message waits for its next turn. */
  throttled: number;
  /** The invocation is killed in the middle. */
  killed: number;
}

interface Options {
  queue: SqsQueue;
  environments: Environments;
  chance: Chance;
  trouble: Trouble;
  now: () => Date;
  /** Moves the clock on. */
  advance: (ms: number) => void;
  /** How many invocations there are at once. */
  atOnce: number;
  /** How long each request of an invocation takes. */
  requestMs: number;
  /** Calls `kill` some time after the invocation for this message has begun. */
  killLater: (message: Message, kill: () => void) => void;
}

/** What has happened to the messages of a queue. */
export interface Deliveries {
  delivered: number;
  duplicated: number;
  throttled: number;
  killed: number;
  /** Errors that invocations have ended in; there should be none. */
  errors: string[];
}

/**
 * Delivers the messages of a queue to `continue` as Lambda's poller does, in any order and with trouble, until there is
 * none; while all of them wait, the clock is moved on.
 */
export async function pollUntilEmpty(options: Options): Promise<Deliveries> {
  const { queue, environments, chance, trouble, now, advance, atOnce, requestMs, killLater } = options;
  const counts: Deliveries = { delivered: 0, duplicated: 0, throttled: 0, killed: 0, errors: [] };
  const running = new Set<Promise<void>>();
  const happens = (probability: number) => chance.number() < probability;

  const run = async (message: Message, delivery: Delivery): Promise<void> => {
    const invocation = {
      job: 'continue',
      event: sqsEvent(delivery),
      now: now().getTime(),
      requestMs,
      requestId: delivery.receiptHandle,
    };
    const doomed = happens(trouble.killed);
    const outcome = await environments.invoke(invocation, (kill) => {
      if (doomed) killLater(message, kill);
    });
    if (!outcome) counts.killed += 1;
    else if ('error' in outcome) counts.errors.push(outcome.error);
    else if ((outcome.result as SQSBatchResponse).batchItemFailures.length === 0) {
      queue.delete(delivery.receiptHandle);
    }
  };

  for (;;) {
    const { visible } = queue;
    if (running.size > 0 && (visible.length === 0 || running.size >= atOnce)) {
      await Promise.race(running);
    } else if (visible.length > 0) {
      const message = chance.pick(visible);
      const twice = happens(trouble.duplicated);
      if (twice) counts.duplicated += 1;
      for (let i = 0; i < (twice ? 2 : 1); i++) {
        const delivery = queue.receive(message);
        if (!delivery) break;
        counts.delivered += 1;
        if (happens(trouble.throttled)) {
          counts.throttled += 1;
          continue;
        }
        const one = run(message, delivery).finally(() => running.delete(one));
        running.add(one);
      }
    } else if (queue.messages.length > 0) {
      const next = Math.min(...queue.messages.map(({ visibleAt }) => visibleAt.getTime()));
      advance(Math.max(1, next - now().getTime()));
    } else {
      return counts;
    }
  }
}
