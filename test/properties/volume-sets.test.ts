import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePolicy } from '../../lib/config/policy.ts';
import { cleanUp } from '../../lib/snapshots/cleanup.ts';
import { newVolumeSnapshot } from '../../lib/volumes/marker.ts';
import { addSnapshot, slotOf } from '../history.ts';
import { always } from './always.ts';
import { oneCloud } from './embedded.ts';
import { becomeVolumes, type VolumeWorld } from './volume-worlds.ts';
import { events, mostly, NOW, OWNER } from './worlds.ts';

// Invariant 1 for whole sets: the image of a server and the snapshots of its volumes.

const shared = oneCloud();
const PARTS = ['image', 'volume-0', 'volume-1'] as const;

const status = mostly('good', ['failed', 'absent']);
const slots = fc.array(fc.tuple(status, status, status), { minLength: 1, maxLength: 9 });

/** A server with two volumes. Each row has the statuses of the parts of one day, newest first. */
function become(rows: readonly (readonly string[])[]): void {
  const volumes: VolumeWorld['volumes'] = ['volume-0', 'volume-1'].map((id) => ({ id, place: 'attached' }));
  becomeVolumes(shared.cloud, { volumes, parts: [], pageSize: 100 });
  const region = shared.cloud.region('DFW');
  const [server] = region.servers;
  for (const [age, row] of rows.entries()) {
    for (const [i, is] of row.entries()) {
      if (is === 'absent') continue;
      const part = PARTS[i]!;
      const slot = slotOf(age);
      if (part === 'image') {
        addSnapshot(shared, server!, age, is === 'failed' ? { status: 'error', size: null } : {});
        continue;
      }
      const marker = { owner: OWNER, policy: 'daily', server: server!.id, slot };
      region.addVolumeSnapshot({
        ...newVolumeSnapshot({ id: part, name: part }, marker),
        status: is === 'failed' ? 'error' : 'available',
        createdAt: new Date(slot.getTime() + 20_000),
      });
    }
  }
}

/** The slots of the complete sets, the newest first. */
function completeSets(): string[] {
  const region = shared.cloud.region('DFW');
  const good = [
    ...region.images
      .filter((image) => image.status === 'active')
      .map(({ properties }) => ({ of: 'image', slot: properties.autosnap_slot! })),
    ...region.volumeSnapshots
      .filter((one) => one.status === 'available')
      .map(({ volumeId, metadata }) => ({ of: volumeId, slot: metadata!.autosnap_slot! })),
  ];
  return [...Map.groupBy(good, ({ slot }) => slot)]
    .filter(([, parts]) => PARTS.every((part) => parts.some(({ of }) => of === part)))
    .map(([slot]) => slot)
    .sort()
    .reverse();
}

test('1: the newest atLeast complete sets stay, or all if there were fewer', async () => {
  let lost = 0;
  await always(
    fc.asyncProperty(events, slots, async (event, rows) => {
      become(rows);
      const before = completeSets();
      const policy = parsePolicy({ ...event, maxDeletes: 100 });
      await cleanUp(shared.session, policy, { owner: OWNER, now: NOW, requestId: 'r' });
      const after = completeSets();
      lost += before.length - after.length;
      expect(after).toEqual(expect.arrayContaining(before.slice(0, event.keep.atLeast)));
    }),
  );
  // If all sets stayed, the test would prove nothing.
  expect(lost).toBeGreaterThan(0);
});
