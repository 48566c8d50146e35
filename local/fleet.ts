import { createHash } from 'node:crypto';
import { ADHOC } from '../lib/config/adhoc-event.ts';
import { DAY_MS, HOUR_MS } from '../lib/config/dates.ts';
import { blueprintText } from '../lib/snapshots/blueprint.ts';
import { verdictMarks } from '../lib/snapshots/drill-marks.ts';
import { imageName } from '../lib/snapshots/image-name.ts';
import { markerOf } from '../lib/snapshots/marker.ts';
import { newVolumeSnapshot } from '../lib/volumes/marker.ts';
import type { Cloud, CloudOptions } from './cloud/cloud.ts';
import type { CloudImage, CloudServer, CloudVolume, Region } from './cloud/state.ts';

/** Images so small that copies of them take seconds. */
export const DEMO_IMAGE_BYTES = 1_000_000;

/**
 * The options of a cloud on which people try the commands. The times are short, because people
 * wait for the snapshots, servers and volumes.
 */
export const DEMO: CloudOptions = {
  regions: ['DFW', 'ORD'],
  timing: { queuedMs: 300, savingMs: 700, buildMs: 500, volumeMs: 500, taskMs: 2_000 },
  imageBytes: DEMO_IMAGE_BYTES,
};

/** The blueprints of the fleet's snapshots name only the region and the flavor. */
const NO_DETAILS = { keyName: undefined, securityGroups: [] };

/**
 * Adds a small fleet with a history of daily snapshots: servers whose snapshots are rotated,
 * servers whose snapshots were not rotated for a week, a new server, a newer server that is
 * rebooting, a server whose snapshots fail, a server with two volumes, a server with a local data
 * disk, a server that no policy selects, and the snapshots of a deleted server. Other images are a
 * golden image of the operator, a failed, a held and an ad-hoc snapshot, and snapshots that passed
 * or failed a drill. The same time always gives the same fleet, including its ids.
 *
 * @param newest the age of the newest snapshots, in days before the last midnight (UTC): 0 where
 *   the run of today has been, 1 where it is still to come.
 */
export function addFleet(cloud: Cloud, owner: string, newest: 0 | 1 = 1): void {
  const [dfw, ord] = [cloud.region('DFW'), cloud.region('ORD')];
  const daily = { autosnap: 'daily' };
  const golden = addForeign(cloud, dfw, 'golden-web-2026');

  const web1 = addServer(dfw, { name: 'web-1', metadata: daily, image: golden.id });
  const web2 = addServer(dfw, { name: 'web-2', metadata: daily, image: golden.id });
  const volumes = [
    dfw.addVolume({ id: idOf('db-1-data'), name: 'db-1-data', size: 100, type: 'SSD' }),
    dfw.addVolume({ id: idOf('db-1-logs'), name: 'db-1-logs', size: 75, type: 'SATA' }),
  ];
  const volumeIds = volumes.map(({ id }) => id);
  const db1 = addServer(dfw, { name: 'db-1', metadata: { autosnap: 'daily,weekly' }, volumeIds });
  const db2 = addServer(dfw, { name: 'db-2', metadata: daily, snapshotOutcome: 'killed' });
  addServer(dfw, { name: 'build-scratch' });
  const mail = addServer(ord, { name: 'mail-1', metadata: daily, flavor: 'performance2-15' });
  const createdAt = new Date(cloud.now().getTime() - 10 * HOUR_MS);
  addServer(ord, { name: 'web-3', metadata: daily, taskState: 'rebooting', createdAt });
  const new1 = addServer(ord, { name: 'new-1', metadata: daily });

  const week = days(newest, newest + 6);
  const rotated = [...week, 14, 21, 28, 60, 90, 120];
  const unrotated = [...days(newest, 12), 14, 21, 28, 35, 60, 90];
  const broken = newest + 3;
  const histories: [Region, CloudServer, number[]][] = [
    [dfw, web1, unrotated],
    [dfw, web2, rotated],
    [dfw, db1, unrotated],
    [dfw, db2, [...days(broken + 1, broken + 7), 21, 28, 60]],
    [ord, mail, [...rotated.filter((age) => age !== broken), newest + 7]],
    [ord, new1, days(newest, newest + 1)],
    // A server that was deleted.
    [ord, { ...new1, id: idOf('shop'), name: 'shop' }, days(40, 44)],
  ];
  for (const [region, server, ages] of histories) {
    for (const age of ages) addSnapshot(cloud, region, server, owner, age);
  }
  for (const volume of volumes)
    for (const age of unrotated) addVolumeSnapshot(cloud, dfw, db1, volume, owner, age);
  addSnapshot(cloud, dfw, db1, owner, 200).properties.autosnap_hold = 'forever';
  const failed: CloudImage[] = [
    ...days(newest, broken).map((age) => addSnapshot(cloud, dfw, db2, owner, age)),
    addSnapshot(cloud, ord, mail, owner, broken),
  ];
  for (const image of failed) Object.assign(image, { status: 'killed', size: null });
  const drills: [Region, CloudServer, age: number, passed: boolean][] = [
    [dfw, web1, newest + 2, true],
    [dfw, web2, newest + 3, true],
    [dfw, db1, newest + 5, true],
    [dfw, db1, newest, false],
    [dfw, db2, 21, true],
    [ord, new1, newest + 1, true],
  ];
  for (const [region, server, age, passed] of drills) addVerdict(cloud, region, server, age, passed);
  const expires = daysAgo(cloud, -20);
  const slot = daysAgo(cloud, 9.4);
  const adhoc = addSnapshot(cloud, ord, mail, owner, 9.4);
  adhoc.name = imageName(mail, ADHOC, slot);
  const asked = { owner, server: mail.id, slot, expires, request: idOf('request') };
  adhoc.properties = { ...madeFrom(mail), ...markerOf(asked) };
  addForeign(cloud, ord, 'mail-1 before the upgrade');
}

function days(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function addServer(region: Region, server: Parameters<Region['addServer']>[0]): CloudServer {
  return region.addServer({ id: idOf(`${region.name} ${server.name}`), ...server });
}

function addForeign(cloud: Cloud, region: Region, name: string): CloudImage {
  const createdAt = daysAgo(cloud, 100);
  return region.addImage({ id: idOf(name), name, owner: cloud.account.projectId, createdAt });
}

function addSnapshot(
  cloud: Cloud,
  region: Region,
  server: CloudServer,
  owner: string,
  age: number,
): CloudImage {
  const slot = daysAgo(cloud, age);
  const name = imageName(server, 'daily', slot);
  const blueprint = blueprintText({ ...NO_DETAILS, region: region.name, flavorId: server.flavor }, name);
  return region.addImage({
    id: snapshotId(server, slot),
    name,
    owner: cloud.account.projectId,
    createdAt: atLatestNow(cloud, slot.getTime() + 20_000),
    properties: {
      ...madeFrom(server),
      ...markerOf({ owner, policy: 'daily', server: server.id, slot, blueprint }),
    },
  });
}

function addVolumeSnapshot(
  cloud: Cloud,
  region: Region,
  server: CloudServer,
  { id, name, type }: CloudVolume,
  owner: string,
  age: number,
): void {
  const slot = daysAgo(cloud, age);
  const device = server.volumeIds.indexOf(id) === 0 ? '/dev/xvdb' : '/dev/xvdc';
  const marker = { owner, policy: 'daily', server: server.id, slot };
  const made = newVolumeSnapshot({ id, name, type, device }, marker);
  const createdAt = atLatestNow(cloud, slot.getTime() + 22_000);
  region.addVolumeSnapshot({ id: idOf(`${id} ${slot.toISOString()}`), ...made, createdAt });
}

/** The properties that Nova sets on an image of a server. */
function madeFrom({ id }: CloudServer): Record<string, string> {
  return { image_type: 'snapshot', instance_uuid: id };
}

/** Records a drill on the snapshot of that age, four hours after it was taken. */
function addVerdict(cloud: Cloud, region: Region, server: CloudServer, age: number, passed: boolean): void {
  const slot = daysAgo(cloud, age);
  const { id, properties } = region.images.find((image) => image.id === snapshotId(server, slot))!;
  const recovery = { activeSeconds: 150, answeredSeconds: 240 };
  const drilledAt = atLatestNow(cloud, slot.getTime() + 4 * HOUR_MS);
  const marks = verdictMarks(id, passed, drilledAt, undefined, recovery);
  Object.assign(properties, Object.fromEntries(marks));
}

function snapshotId(server: CloudServer, slot: Date): string {
  return idOf(`${server.id} ${slot.toISOString()}`);
}

/** The same UUID for the same name. */
function idOf(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-8$4-$5');
}

/** A time of the fleet's history: what happened today may not have happened later than now. */
function atLatestNow(cloud: Cloud, ms: number): Date {
  return new Date(Math.min(ms, cloud.now().getTime()));
}

/** The time `age` days before the last midnight (UTC). */
function daysAgo(cloud: Cloud, age: number): Date {
  return new Date(Math.floor(cloud.now().getTime() / DAY_MS) * DAY_MS - age * DAY_MS);
}
