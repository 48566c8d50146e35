import type { Restoration } from '../../lib/restore/restoration.ts';
import { killedOnItsWay } from './killing.ts';
import { eventually } from './openstack.ts';
import { seeded } from './seeded.ts';

/** Calls the restore with the same event, killed again and again, until there is no `next`. */
export async function untilDone(event: object): Promise<Restoration> {
  const chance = seeded();
  return eventually('restored', async () => {
    const report = await killedOnItsWay('restore', event, { chance, stride: 6 });
    return report.next ? undefined : report;
  });
}
