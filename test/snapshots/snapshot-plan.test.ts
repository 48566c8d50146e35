import { expect, test } from 'vitest';
import type { Snapshot } from '../../lib/snapshots/snapshot.ts';
import { planSnapshots } from '../../lib/snapshots/snapshot-plan.ts';
import { server, snapshot } from '../snapshots.ts';

const NOW = new Date('2026-11-23T00:00:20Z');
const due = {
  policy: 'daily',
  slot: new Date('2026-11-23T00:00:00Z'),
  isMet: () => false,
  marker: ({ id }: { id: string }) => ({ owner: 'o', policy: 'daily', server: id, slot: NOW }),
};

/** The servers in the order of a run; each has the snapshots listed under its name. */
function orderOf(snapshots: Record<string, Snapshot[]>): string[] {
  const servers = Object.keys(snapshots).map((id) => server({ id }));
  const all = Object.entries(snapshots).flatMap(([id, its]) => its.map((s) => ({ ...s, server: id })));
  return planSnapshots(servers, all, { due, now: NOW, provider: 'rackspace' }).map((step) => step.server.id);
}

test.each<[string, Record<string, Snapshot[]>, string[]]>([
  [
    'servers without a snapshot, then the others by the age of their newest snapshot',
    {
      yesterday: [snapshot('2026-11-22'), snapshot('2026-10-01')],
      none: [],
      october: [snapshot('2026-10-31')],
    },
    ['none', 'october', 'yesterday'],
  ],
  [
    'only good snapshots count',
    {
      good: [snapshot('2026-11-01')],
      failed: [snapshot('2026-11-22', { state: 'failed' })],
      pending: [snapshot('2026-11-22', { state: 'pending' })],
      unknown: [snapshot('2026-11-22', { state: 'unknown' })],
    },
    ['failed', 'pending', 'unknown', 'good'],
  ],
  [
    'only snapshots of the same policy count',
    { own: [snapshot('2026-11-01')], other: [snapshot('2026-11-22', { policy: 'weekly' })] },
    ['other', 'own'],
  ],
  [
    'a snapshot dated in the future does not count',
    { past: [snapshot('2026-11-01')], future: [snapshot('2027-01-01')] },
    ['future', 'past'],
  ],
  ['in the order of the listing where the need is the same', { b: [], a: [], c: [] }, ['b', 'a', 'c']],
])('the server that has been unprotected for longest comes first: %s', (_, snapshots, order) => {
  expect(orderOf(snapshots)).toEqual(order);
});
