import { expect } from 'vitest';
import type { Restoration } from '../../lib/restore/restoration.ts';
import { sqsEvent, startWaiting } from '../fleet/waiting.ts';
import { reportBucket } from '../report-bucket.ts';
import { killedOnItsWay } from './killing.ts';
import { eventually } from './openstack.ts';
import { seeded } from './seeded.ts';

const STRIDE = 9;

/** Calls the restore with the same event, killed again and again, until there is no `next`. */
export async function untilDone(event: object): Promise<Restoration> {
  const chance = seeded();
  return eventually('restored', async () => {
    const report = await killedOnItsWay('restore', event, { chance, stride: STRIDE });
    return report.next ? undefined : report;
  });
}

/**
 * Requests a restore, and delivers the messages of the queue until there are none. Each function is
 * killed again and again, until it gets to its end. Expects that people are told that it is done.
 *
 * @returns the restore's server.
 */
export async function selfDriven(event: object): Promise<string | undefined> {
  const chance = seeded();
  const bucket = await reportBucket();
  // The lease of a killed run would expire after a quarter of an hour.
  bucket.before = (request) => {
    if (/^PUT .*leases/.test(request)) bucket.objects.delete(request.slice('PUT '.length));
  };
  const { queue, failedRuns, mails } = await startWaiting();
  const { restored } = await killedOnItsWay('restore', event, { chance, stride: STRIDE });
  await eventually('the queue is empty', async () => {
    const [message] = queue.messages;
    if (!message) return true;
    // Before its time, too: the restore then finds that the cloud is not ready yet.
    const delivery = queue.receive(message)!;
    const answer = await killedOnItsWay('continue', sqsEvent(delivery), { chance, stride: STRIDE });
    if (answer.batchItemFailures.length === 0) queue.delete(delivery.receiptHandle);
    return undefined;
  });
  expect(failedRuns.messages).toEqual([]);
  // A function that is killed between the e-mail and its record sends the same one again.
  const [mail] = mails;
  expect(mail).toMatchObject({ subject: expect.stringContaining('is restored') });
  expect(mails.filter((other) => other.subject !== mail!.subject)).toEqual([]);
  return restored;
}
