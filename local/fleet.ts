import { markerOf } from '../lib/marker.ts';
import type { Cloud } from './cloud.ts';
import type { CloudImage, CloudServer, Region } from './state.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Adds a small fleet with a history of daily snapshots: some servers rotated until last week, a new one, a busy one,
 * a volume-backed one, a golden image of somebody's own, a failed and a held snapshot.
 */
export function addFleet(cloud: Cloud, owner: string): void {
  const [dfw, ord] = [cloud.region('DFW'), cloud.region('ORD')];
  const daily = { autosnap: 'daily' };
  const golden = addForeign(cloud, dfw, 'golden-web-2026');

  const web1 = dfw.addServer({ name: 'web-1', metadata: daily, image: golden.id });
  const web2 = dfw.addServer({ name: 'web-2', metadata: daily, image: golden.id });
  const db1 = dfw.addServer({ name: 'db-1', metadata: { autosnap: 'daily,weekly' } });
  dfw.addServer({ name: 'build-scratch' });
  const mail = ord.addServer({ name: 'mail-1', metadata: daily });
  ord.addServer({ name: 'web-3', metadata: daily, taskState: 'rebooting' });
  ord.addServer({ name: 'new-1', metadata: daily });

  const rotated = [...days(1, 7), 14, 21, 28, 60, 90, 120];
  const unrotated = [...days(1, 12), 14, 21, 28, 35, 60, 90];
  for (const [region, server, ages] of [
    [dfw, web1, unrotated],
    [dfw, web2, rotated],
    [dfw, db1, unrotated],
    [ord, mail, rotated],
  ] as const) {
    for (const age of ages) addSnapshot(cloud, region, server, owner, age);
  }
  addSnapshot(cloud, dfw, db1, owner, 200).properties.autosnap_hold = 'forever';
  Object.assign(addSnapshot(cloud, ord, mail, owner, 3.5), { status: 'killed', size: null });
  addForeign(cloud, ord, 'mail-1 before the upgrade');
}

function days(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function addForeign(cloud: Cloud, region: Region, name: string): CloudImage {
  return region.addImage({ name, owner: cloud.account.projectId, createdAt: daysAgo(cloud, 100) });
}

function addSnapshot(
  cloud: Cloud,
  region: Region,
  server: CloudServer,
  owner: string,
  age: number,
): CloudImage {
  const slot = daysAgo(cloud, age);
  return region.addImage({
    name: `${server.name}-daily-${slot.toISOString().slice(0, 10)}`,
    owner: cloud.account.projectId,
    createdAt: new Date(slot.getTime() + 20_000),
    properties: {
      ...markerOf({ owner, policy: 'daily', server: server.id, slot }),
      image_type: 'snapshot',
      instance_uuid: server.id,
    },
  });
}

/** That many days before the last midnight (UTC). */
function daysAgo(cloud: Cloud, age: number): Date {
  return new Date(Math.floor(cloud.now().getTime() / DAY_MS) * DAY_MS - age * DAY_MS);
}
