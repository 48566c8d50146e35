import { beforeEach, describe, expect, test } from 'vitest';
import { KINDS } from '../cloud-kinds.ts';
import { deliverAll } from '../fleet/waiting.ts';
import {
  type DrivenWorld,
  drivenWorld,
  expectRestored,
  IN_PLACE,
  NEW,
  newServers,
  newVolumes,
} from '../restore/self-driven-world.ts';

// Restores that are requested at the same moment.

let w: DrivenWorld;

/** Runs the second call while the first one waits for its listing of the volumes. */
async function runWithin<T>(first: () => Promise<T>, second: () => Promise<T>): Promise<[T, T]> {
  const [isListing, isOver] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const edit = async (answer: Response) => {
    isListing.resolve();
    await isOver.promise;
    return answer;
  };
  w.cloud.faults.push({
    ...{ service: 'volume', method: 'GET', path: /\/volumes\/detail$/, times: 1 },
    answer: { edit },
  });
  const slow = first();
  await isListing.promise;
  const fast = await second();
  isOver.resolve();
  return [await slow, fast];
}

describe.each(KINDS)('in a cloud by %s', (kind) => {
  beforeEach(async () => {
    w = await drivenWorld();
    w.cloud.secrets.set('autosnap/test/rackspace', w.cloud.secret(kind));
  });

  describe.each([
    ['with a queue', true],
    ['without a queue', false],
  ])('%s', (_, hasQueue) => {
    test.each([
      ['new', NEW],
      ['in-place', IN_PLACE],
    ] as const)('two calls of one restore to %s make each volume once', async (to, event) => {
      if (!hasQueue) {
        delete process.env.AUTOSNAP_QUEUE;
        w.cold();
      }
      const call = () => w.run('restore', event);
      const [first, second] = await runWithin(call, call);
      expect(newVolumes(w)).toHaveLength(2);
      expect(second).toMatchObject({
        state: 'waiting',
        codes: ['RESTORE_STEP_BY_OTHER_CALL'],
        request: 'mine',
      });
      expect(second.next).toMatchObject({ server: 'db', request: 'mine' });
      expect(first.codes).not.toContain('RESTORE_VOLUME_TWIN');
      if (!hasQueue) return;
      await deliverAll(w.waiting);
      expectRestored(w, to);
      expect(w.waiting.mails).toHaveLength(1);
    });
  });

  test('while a restore in place is under way, another one of the server makes nothing and names it', async () => {
    await w.run('restore', IN_PLACE);
    const before = newVolumes(w).length;
    for (const order of [{}, { dryRun: true }]) {
      const { error } = await w.fail('restore', { ...IN_PLACE, request: 'other', ...order });
      expect(error.message).toContain(
        'the restore "mine" of db in place is under way, so this one makes and changes nothing',
      );
    }
    expect(newVolumes(w)).toHaveLength(before);
    await deliverAll(w.waiting);
    expectRestored(w, 'in-place');
    expect(w.waiting.mails).toHaveLength(1);
    // The first one is over.
    expect(await w.run('restore', { ...IN_PLACE, request: 'other' })).toMatchObject({ state: 'waiting' });
  });

  test('of two restores in place that begin at the same moment, one makes its volumes, and the other none', async () => {
    const call = (request: string) => () => w.fail('restore', { ...IN_PLACE, request });
    const [slow, fast] = await runWithin(call('slow'), call('fast'));
    expect(fast.error.message).toBe('the run did not fail');
    expect(slow.error.message).toContain('the restore "fast" of db in place is under way');
    expect(newVolumes(w)).toHaveLength(2);
    await deliverAll(w.waiting);
    expectRestored(w, 'in-place');
  });

  test('a restore to a new server is not kept from beginning by one in place', async () => {
    await w.run('restore', IN_PLACE);
    await w.run('restore', { ...NEW, request: 'other' });
    await deliverAll(w.waiting);
    expect(newServers(w)).toHaveLength(1);
  });
});
