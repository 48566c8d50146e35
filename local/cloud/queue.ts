import { createHash, randomUUID } from 'node:crypto';
import { Hono } from 'hono';

/** A message, and where it stands. */
export interface Message {
  id: string;
  body: string;
  /** From when on it can be received. */
  visibleAt: Date;
  /** How often it was received. */
  receives: number;
}

/** What a consumer is given. */
export interface Delivery {
  messageId: string;
  receiptHandle: string;
  body: string;
}

interface QueueOptions {
  now: () => Date;
  visibilityMs: number;
  /** A message that was received so often is put among the dead letters instead. */
  maxReceives: number;
}

/**
 * A standard SQS queue by a clock: its messages are in no order, and each is there until somebody
 * deletes it.
 */
export class SqsQueue {
  readonly deadLetters: string[] = [];
  /** Which new messages it does not take. */
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

  /** Those that can be received at this moment. */
  get visible(): Message[] {
    const now = this.#options.now();
    return this.#messages.filter(({ visibleAt }) => visibleAt <= now);
  }

  send(body: string, delaySeconds: number): Message {
    const message = { id: randomUUID(), body, visibleAt: this.#in(delaySeconds * 1000), receives: 0 };
    this.#messages.push(message);
    return message;
  }

  /** Hands out a message, whether or not somebody else has it already: SQS may do that. */
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

  /** @returns whether there is such a message. */
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

interface Entry {
  Id: string;
  MessageBody: string;
  DelaySeconds?: number;
}

/**
 * SQS's SendMessage, SendMessageBatch, ChangeMessageVisibility and GetQueueAttributes over some
 * queues, by their names, in AWS's JSON protocol. Receiving and deleting are left to whoever holds a
 * queue.
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
      const { Entries } = await c.req.json<{ Entries: Entry[] }>();
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
    return fault('InvalidAction', `${target} is not here.`);
  });
  return app;
}
