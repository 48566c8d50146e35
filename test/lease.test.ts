import { beforeEach, describe, expect, test } from 'vitest';
import { type Lease, type Leases, processLeases } from '../lib/lease.ts';

const at = (minutes: number) => new Date(Date.UTC(2026, 10, 23, 6, minutes));

/** Until when another run has the lease; undefined where this one has it now. */
const heldUntil = (lease: Lease) => ('heldUntil' in lease ? lease.heldUntil : undefined);

async function release(lease: Lease): Promise<void> {
  if ('heldUntil' in lease) throw new Error('this run does not have the lease');
  await lease.release();
}

describe('a lease among the runs of one process', () => {
  let leases: Leases;
  beforeEach(() => {
    leases = processLeases();
  });

  test('is had by one run, and others are told until when', async () => {
    expect(heldUntil(await leases.take('cleanup/daily/a', at(15), at(0)))).toBeUndefined();
    expect(heldUntil(await leases.take('cleanup/daily/a', at(16), at(1)))).toEqual(at(15));
  });

  test.each(['snapshot/daily/a', 'cleanup/weekly/a', 'cleanup/daily/b'])(
    'of one key, not of %s',
    async (other) => {
      await leases.take('cleanup/daily/a', at(15), at(0));
      expect(heldUntil(await leases.take(other, at(15), at(0)))).toBeUndefined();
    },
  );

  test('ends when it is released', async () => {
    await release(await leases.take('k', at(15), at(0)));
    expect(heldUntil(await leases.take('k', at(16), at(1)))).toBeUndefined();
  });

  test('ends by itself, to the second', async () => {
    await leases.take('k', at(15), at(0));
    expect(heldUntil(await leases.take('k', at(20), new Date(at(15).getTime() - 1)))).toEqual(at(15));
    expect(heldUntil(await leases.take('k', at(30), at(15)))).toBeUndefined();
  });

  test('that has ended is not released for the run that has it now', async () => {
    const late = await leases.take('k', at(15), at(0));
    await leases.take('k', at(30), at(15));
    await release(late);
    expect(heldUntil(await leases.take('k', at(40), at(20)))).toEqual(at(30));
  });
});
