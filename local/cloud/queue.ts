import { createHash, randomUUID } from 'node:crypto';
import { Hono } from 'hono/quick';

/** A message in the queue, with its state. */
export interface Message {
  id: string;
  body: string;
  /** The message can be received from this time on. */
  visibleAt: Date;
  /** The number of times that the message was received. */
  receives: number;
}

/** A received message, as a consumer gets it. */
export interface Delivery {
  messageId: string;
  receiptHandle: string;
  body: string;
}

interface QueueOptions {
  now: () => Date;
  visibilityMs: number;
  /**
   * A message that was received this many times becomes a dead letter instead of being received
   * again.
   */
  maxReceives: number;
}

/**
 * A standard SQS queue that follows the given clock. Its messages have no order, and each stays
 * until a consumer deletes it.
 */
export class SqsQueue {
  readonly deadLetters: string[] = [];
  /** Whether the queue refuses a new message; set by tests. */
  refuses: (body: string) => boolean = () => false;
  #messages: Message[] = [];
  readonly #receipts = new Map<string, Message>();
  readonly #options: QueueOptions;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** The messages that can be received now. */
  get visible(): Message[] {
    const now = this.#options.now();
    return this.#messages.filter(({ visibleAt }) => visibleAt <= now);
  }

  send(body: string, delaySeconds: number): Message {
    const message = { id: randomUUID(), body, visibleAt: this.#in(delaySeconds * 1000), receives: 0 };
    this.#messages.push(message);
    return message;
  }

  /** Delivers a message, even if another consumer already has it: SQS may do so. */
  receive(message: Message): Delivery | undefined {
    if (message.receives >= this.#options.maxReceives) {
      this.deadLetters.push(message.body);
      this.#remove(message);
      return undefined;
    }
    message.receives += 1;
    message.visibleAt = this.#in(this.#options.visibilityMs);
    const receiptHandle = randomUUID();
    this.#receipts.set(receiptHandle, message);
    return { messageId: message.id, receiptHandle, body: message.body };
  }

  delete(receipt: string): void {
    const message = this.#receipts.get(receipt);
    if (message) this.#remove(message);
  }

  /** @returns false if the receipt's message is not in the queue. */
  changeVisibility(receipt: string, seconds: number): boolean {
    const message = this.#receipts.get(receipt);
    if (!message || !this.#messages.includes(message)) return false;
    message.visibleAt = this.#in(seconds * 1000);
    return true;
  }

  #in(ms: number): Date {
    return new Date(this.#options.now().getTime() + ms);
  }

  #remove(message: Message): void {
    this.#messages = this.#messages.filter((other) => other !== message);
  }
}

interface BatchEntry {
  Id: string;
  MessageBody: string;
  DelaySeconds?: number;
}

/**
 * Serves SQS's SendMessage, SendMessageBatch, ChangeMessageVisibility and GetQueueAttributes for
 * some queues, by their names, in AWS's JSON protocol. The owner of a queue receives and deletes
 * its messages.
 */
export function queueApp(queues: Record<string, SqsQueue>): Hono {
  const app = new Hono();
  app.post('*', async (c) => {
    const fault = (type: string, message: string) =>
      c.json({ __type: `com.amazonaws.sqs#${type}`, message }, 400);
    const target = c.req.header('x-amz-target');
    const { QueueUrl } = await c.req.json<{ QueueUrl: string }>();
    const queue = queues[QueueUrl.split('/').at(-1) ?? ''];
    if (!queue) return fault('QueueDoesNotExist', 'The specified queue does not exist.');
    if (target === 'AmazonSQS.SendMessage') {
      const { MessageBody } = await c.req.json<{ MessageBody: string }>();
      if (queue.refuses(MessageBody)) return fault('InternalError', 'An internal error has occurred.');
      const MD5OfMessageBody = createHash('md5').update(MessageBody).digest('hex');
      return c.json({ MessageId: queue.send(MessageBody, 0).id, MD5OfMessageBody });
    }
    if (target === 'AmazonSQS.GetQueueAttributes') {
      return c.json({ Attributes: { ApproximateNumberOfMessages: String(queue.visible.length) } });
    }
    if (target === 'AmazonSQS.SendMessageBatch') {
      const { Entries } = await c.req.json<{ Entries: BatchEntry[] }>();
      if (Entries.length > 10)
        return fault('TooManyEntriesInBatchRequest', 'Maximum number of entries per request are 10.');
      if (Entries.some(({ DelaySeconds = 0 }) => DelaySeconds > 900))
        return fault('InvalidParameterValue', 'Value for parameter DelaySeconds is invalid.');
      const refused = Entries.filter(({ MessageBody }) => queue.refuses(MessageBody));
      const Successful = Entries.filter((entry) => !refused.includes(entry)).map(
        ({ Id, MessageBody, DelaySeconds = 0 }) => ({
          Id,
          MessageId: queue.send(MessageBody, DelaySeconds).id,
          MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
        }),
      );
      const why = { Code: 'InternalError', Message: 'An internal error has occurred.', SenderFault: false };
      const Failed = refused.map(({ Id }) => ({ Id, ...why }));
      return c.json({ Successful, Failed });
    }
    if (target === 'AmazonSQS.ChangeMessageVisibility') {
      const { ReceiptHandle, VisibilityTimeout } = await c.req.json<{
        ReceiptHandle: string;
        VisibilityTimeout: number;
      }>();
      if (VisibilityTimeout > 43_200)
        return fault('InvalidParameterValue', 'Value for parameter VisibilityTimeout is invalid.');
      return queue.changeVisibility(ReceiptHandle, VisibilityTimeout)
        ? c.json({})
        : fault('ReceiptHandleIsInvalid', 'The input receipt handle is invalid.');
    }
    return fault('InvalidAction', `The embedded cloud does not support ${target}.`);
  });
  return app;
}
