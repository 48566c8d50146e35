import type { SQSBatchResponse } from 'aws-lambda';
import type { Delivery, Message, SqsQueue } from '../../local/cloud/queue.ts';
import type { Chance } from '../simulation/chance.ts';
import type { Environments } from './environments.ts';
import { sqsEvent } from './waiting.ts';

/**
 * The faults of deliveries. duplicated: two invocations get the message at once. throttled: Lambda
 * refuses to run the function, and the message is delivered again later. killed: the invocation is
 * killed. good: no fault.
 */
const DELIVERY_FAULTS = ['duplicated', 'throttled', 'killed', 'killed', 'good', 'good'] as const;
type DeliveryFault = (typeof DELIVERY_FAULTS)[number];

interface Options {
  queue: SqsQueue;
  environments: Environments;
  chance: Chance;
  now: () => Date;
  /** Advances the clock. */
  advance: (ms: number) => void;
  /** The number of simultaneous invocations. */
  atOnce: number;
  /** The time that each request of an invocation takes. */
  requestMs: number;
  /** Calls `kill` some time after the invocation for this message has begun. */
  killLater: (message: Message, kill: () => void) => void;
}

/** What happened to the messages of a queue. */
export interface Deliveries {
  delivered: number;
  duplicated: number;
  throttled: number;
  killed: number;
  /** Errors of invocations; there should be none. */
  errors: string[];
}

/**
 * Delivers the messages of a queue to `continue` like Lambda's poller, in any order and with
 * trouble, until the queue is empty. While all messages are hidden, the clock is advanced.
 */
export async function pollUntilEmpty(options: Options): Promise<Deliveries> {
  const { queue, environments, chance, now, advance, atOnce, requestMs, killLater } = options;
  const counts: Deliveries = { delivered: 0, duplicated: 0, throttled: 0, killed: 0, errors: [] };
  const running = new Set<Promise<void>>();
  // The next faults, each as often as in the list, in random order.
  let faults: DeliveryFault[] = [];
  const draw = (): DeliveryFault => {
    if (faults.length === 0) faults = [...DELIVERY_FAULTS];
    const fault = chance.pick(faults);
    faults.splice(faults.indexOf(fault), 1);
    return fault;
  };

  const run = async (message: Message, delivery: Delivery, fault: DeliveryFault): Promise<void> => {
    const invocation = {
      job: 'continue',
      event: sqsEvent(delivery),
      now: now().getTime(),
      requestMs,
      requestId: delivery.receiptHandle,
    };
    const outcome = await environments.invoke(invocation, (kill) => {
      if (fault === 'killed') killLater(message, kill);
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
      const fault = draw();
      for (let times = fault === 'duplicated' ? 2 : 1; times > 0; times--) {
        const delivery = queue.receive(message);
        if (!delivery) break;
        counts.delivered += 1;
        if (fault === 'throttled') break;
        const one = run(message, delivery, fault).finally(() => running.delete(one));
        running.add(one);
      }
      if (fault === 'duplicated' || fault === 'throttled') counts[fault] += 1;
    } else if (queue.messages.length > 0) {
      const next = Math.min(...queue.messages.map(({ visibleAt }) => visibleAt.getTime()));
      advance(Math.max(1, next - now().getTime()));
    } else {
      return counts;
    }
  }
}
