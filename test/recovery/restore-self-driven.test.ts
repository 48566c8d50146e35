import { describe, expect, test } from 'vitest';
import { restorationText } from '../../lib/reporting/sentences/restoration.ts';
import type { RestoreRecord } from '../../lib/restore/restore-record.ts';
import { answers } from '../../local/cloud/faults.ts';
import { deliverAll, goOn, sqsEvent } from '../fleet/waiting.ts';
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

// Restores that are requested once, and whose further steps the queue takes.

const subjects = ({ waiting }: DrivenWorld) => waiting.mails.map(({ subject }) => subject);

describe.each([
  ['new', NEW],
  ['in-place', IN_PLACE],
] as const)('to %s', (to, event) => {
  test('one request is enough: the queue takes the other steps, and one e-mail says that it is done', async () => {
    const w = await drivenWorld();
    const first = await w.run('restore', event);
    expect(first).toMatchObject({ state: 'waiting', request: 'mine', resumesAt: '2026-11-22T06:00:15Z' });
    expect(w.waiting.queue.messages).toHaveLength(1);
    await deliverAll(w.waiting);
    expectRestored(w, to);
    const [server] = newServers(w);
    const as = to === 'new' ? ` as ${server!.name} (${server!.id})` : '';
    expect(subjects(w)).toEqual(['Autosnap autosnap-test: db in DFW is restored']);
    expect(w.waiting.mails[0]!.text).toContain(`db in DFW is restored${as}.`);
    expect(w.waiting.queue.messages).toEqual([]);
    expect(w.waiting.failedRuns.messages).toEqual([]);
    const record = (await w.run('restore', { watch: 'mine' })) as unknown as RestoreRecord;
    expect(record).toEqual(recordIn(w));
    expect(record).toMatchObject({ last: { state: 'done' }, endedAt: record.at });
    expect(record.steps.length).toBeGreaterThan(2);
  });

  test('the same request again goes on with it, and once it is done does nothing and sends nothing', async () => {
    const w = await drivenWorld();
    await w.run('restore', event);
    await w.run('restore', event);
    expect(w.waiting.queue.messages).toHaveLength(1);
    await deliverAll(w.waiting);
    const record = recordIn(w);
    const { endedAt } = record;
    setTime('2026-11-22T09:00:00Z');
    const done = await w.run('restore', event);
    expect(done).toMatchObject({ state: 'done', doneAt: endedAt });
    expect(restorationText(done)).toContain(`This restore was done before, at 2026-11-22 06:`);
    expect(done).not.toHaveProperty('resumesAt');
    expect(recordIn(w)).toEqual(record);
    await deliverAll(w.waiting);
    expectRestored(w, to);
    expect(w.waiting.mails).toHaveLength(1);
  });

  test('a message that is delivered twice at once, and again after the end, does nothing twice', async () => {
    const w = await drivenWorld();
    await w.run('restore', event);
    const [message] = w.waiting.queue.messages;
    for (let rounds = 0; w.waiting.queue.messages.length > 0; rounds++) {
      expect(rounds).toBeLessThan(30);
      setTime(w.waiting.queue.messages[0]!.visibleAt);
      const twice = [0, 1].map(() => w.waiting.queue.receive(message!)!);
      const answered = await Promise.all(twice.map((delivery) => goOn(delivery)));
      answered.forEach(({ batchItemFailures }, i) => {
        if (batchItemFailures.length === 0) w.waiting.queue.delete(twice[i]!.receiptHandle);
      });
    }
    const { handler } = await import('../../handlers/continue.ts');
    const late = sqsEvent({ messageId: 'late', receiptHandle: 'late', body: message!.body });
    const { lambdaContext } = await import('../../local/context.ts');
    expect(await handler(late, lambdaContext('autosnap-test-continue'))).toEqual({ batchItemFailures: [] });
    expectRestored(w, to);
    expect(w.waiting.mails).toHaveLength(1);
  });
});

test('a dry run enqueues and records nothing', async () => {
  const w = await drivenWorld();
  expect(await w.run('restore', { ...NEW, dryRun: true })).toMatchObject({ state: 'planned' });
  expect(w.waiting.queue.messages).toEqual([]);
  expect(await w.run('restore', { watch: 'mine' })).toBeNull();
});

test('an event that is refused is one error: nothing goes on, and nobody gets an e-mail', async () => {
  const w = await drivenWorld();
  const { error } = await w.fail('restore', { ...NEW, flavor: 'huge' });
  expect(error.message).toContain('there is no flavor "huge"');
  await deliverAll(w.waiting);
  expect([newServers(w), newVolumes(w), w.waiting.mails, w.waiting.queue.messages]).toEqual([[], [], [], []]);
});

test('an event that differs from the open restore is refused, and the restore goes on as it was requested', async () => {
  const w = await drivenWorld();
  await w.run('restore', NEW);
  const { error } = await w.fail('restore', { ...NEW, at: '2026-11-21' });
  expect(error.message).toContain('at: ');
  await deliverAll(w.waiting);
  expectRestored(w, 'new');
});

test('a step that fails is tried three times, then one e-mail says what is left and how to go on', async () => {
  const w = await drivenWorld();
  const first = await w.run('restore', NEW);
  w.cloud.faults.push({
    service: 'compute',
    method: 'POST',
    path: /servers$/,
    times: 3,
    answer: answers.forbidden,
  });
  await deliverAll(w.waiting);
  expect(newServers(w)).toEqual([]);
  expect(subjects(w)).toEqual(['Autosnap autosnap-test: db in DFW is NOT restored']);
  const { text } = w.waiting.mails[0]!;
  for (const { id } of newVolumes(w)) expect(text).toContain(id);
  expect(text).toContain('npx autosnap restore --stage test --request mine');
  expect(w.waiting.failedRuns.messages).toEqual([]);
  // The cause is gone.
  await w.run('restore', first.next);
  await deliverAll(w.waiting);
  expectRestored(w, 'new');
  expect(w.waiting.mails).toHaveLength(2);
});

test('while the cloud does not answer, the restore waits, and after a day it is given up', async () => {
  const w = await drivenWorld();
  await w.run('restore', NEW);
  w.cloud.faults.push({ service: 'identity', times: Number.POSITIVE_INFINITY, answer: answers.serverError });
  await deliverAll(w.waiting, '2026-11-22T09:00:00Z');
  expect(w.waiting.mails).toEqual([]);
  expect(w.waiting.queue.messages).toHaveLength(1);
  w.cloud.faults.length = 0;
  const held = recordIn(w);
  w.cloud.faults.push({ service: 'identity', times: Number.POSITIVE_INFINITY, answer: answers.serverError });
  setTime('2026-11-23T06:00:00Z');
  await deliverAll(w.waiting);
  expect(held.endedAt).toBeUndefined();
  const { subject, text } = w.waiting.mails[0]!;
  expect(subject).toContain('is NOT restored');
  expect(text).toContain('given up: the restore has not ended within 24 hours');
  for (const { id } of newVolumes(w)) expect(text).toContain(id);
});

test('an e-mail that the topic does not take is sent later, once', async () => {
  const w = await drivenWorld();
  await w.run('restore', NEW);
  w.waiting.isTopicDown = true;
  await deliverAll(w.waiting, '2026-11-22T06:30:00Z');
  expectRestored(w, 'new');
  w.waiting.isTopicDown = false;
  await deliverAll(w.waiting);
  expect(w.waiting.mails).toHaveLength(1);
});

test('while the bucket does not answer, the queue takes no step', async () => {
  const w = await drivenWorld();
  await w.run('restore', NEW);
  w.bucket.down = true;
  const before = w.cloud.received.length;
  await deliverAll(w.waiting, '2026-11-22T06:05:00Z');
  expect(w.cloud.received.slice(before)).toEqual([]);
  w.bucket.down = false;
  await deliverAll(w.waiting);
  expectRestored(w, 'new');
  expect(w.waiting.mails).toHaveLength(1);
});

test('a queue that takes no message: the call takes its step, and the answer says how to go on', async () => {
  const w = await drivenWorld();
  w.waiting.queue.refuses = () => true;
  const report = await w.run('restore', NEW);
  expect(report).toMatchObject({ state: 'waiting', next: { request: 'mine' } });
  expect(report).not.toHaveProperty('resumesAt');
});

test('a volume is restored by one request, too', async () => {
  const w = await drivenWorld();
  await w.run('restore', { volume: 'db-data', request: 'mine' });
  await deliverAll(w.waiting);
  expect(newVolumes(w)).toMatchObject([{ name: 'db-data' }]);
  const { id } = newVolumes(w)[0]!;
  expect(subjects(w)).toEqual(['Autosnap autosnap-test: db-data in DFW is restored']);
  expect(w.waiting.mails[0]!.text).toContain(`db-data in DFW is restored as db-data (${id}).`);
});
