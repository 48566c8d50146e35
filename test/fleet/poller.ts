import type { SQSBatchResponse } from 'aws-lambda';
import type { Delivery, Message, SqsQueue } from '../../local/cloud/queue.ts';
import type { Chance } from '../simulation/chance.ts';
import type { Environments } from './environments.ts';
import { sqsEvent } from './waiting.ts';

/**
 * What happens to a delivery. duplicated: two invocations get the message at once. throttled:
 * Lambda refuses to run the function, and the message waits for its next turn. killed: the
 * invocation is killed.
 */
const TURNS = ['duplicated', 'throttled', 'killed', 'killed', 'good', 'good'] as const;
type Turn = (typeof TURNS)[number];

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
  // The kinds of trouble, as often as they occur, in any order.
  let turns: Turn[] = [];
  const draw = (): Turn => {
    if (turns.length === 0) turns = [...TURNS];
    const turn = chance.pick(turns);
    turns.splice(turns.indexOf(turn), 1);
    return turn;
  };

  const run = async (message: Message, delivery: Delivery, turn: Turn): Promise<void> => {
    const invocation = {
      job: 'continue',
      event: sqsEvent(delivery),
      now: now().getTime(),
      requestMs,
      requestId: delivery.receiptHandle,
    };
    const outcome = await environments.invoke(invocation, (kill) => {
      if (turn === 'killed') killLater(message, kill);
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
      const turn = draw();
      for (let times = turn === 'duplicated' ? 2 : 1; times > 0; times--) {
        const delivery = queue.receive(message);
        if (!delivery) break;
        counts.delivered += 1;
        if (turn === 'throttled') break;
        const one = run(message, delivery, turn).finally(() => running.delete(one));
        running.add(one);
      }
      if (turn === 'duplicated' || turn === 'throttled') counts[turn] += 1;
    } else if (queue.messages.length > 0) {
      const next = Math.min(...queue.messages.map(({ visibleAt }) => visibleAt.getTime()));
      advance(Math.max(1, next - now().getTime()));
    } else {
      return counts;
    }
  }
}
