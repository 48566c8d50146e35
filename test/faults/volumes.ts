import { newVolumeSnapshot } from '../../lib/volumes/marker.ts';
import type { CloudServer, CloudVolume, CloudVolumeSnapshot } from '../../local/cloud/state.ts';
import { policy } from '../harness.ts';
import { MIDNIGHT, slotOf } from '../history.ts';
import type { World } from './world.ts';

const OWNER = 'autosnap-test';
/** The first words of the marker in a description. */
const OURS = `autosnap ${OWNER} `;

/** The marker of a snapshot or backup of a volume of a server, for a slot some days ago. */
function marked({ dfw }: World, server: CloudServer, { id, name }: CloudVolume, age: number) {
  const device = dfw.deviceOf(server, id);
  const fields = { owner: OWNER, policy: 'daily', server: server.id, slot: slotOf(age) };
  return newVolumeSnapshot({ id, name, device }, fields);
}

/** Adds the snapshot of a volume for a slot some days ago; `changes` are applied to it. */
function addSnapshot(
  world: World,
  { server, volume }: { server: CloudServer; volume: CloudVolume },
  age: number,
  changes: Partial<CloudVolumeSnapshot> = {},
): CloudVolumeSnapshot {
  const createdAt = new Date(slotOf(age).getTime() + 20_000);
  return world.dfw.addVolumeSnapshot({ ...marked(world, server, volume, age), createdAt, ...changes });
}

function attach(
  { dfw }: World,
  server: CloudServer,
  name: string,
): { server: CloudServer; volume: CloudVolume } {
  const volume = dfw.addVolume({ name });
  server.volumeIds.push(volume.id);
  return { server, volume };
}

/**
 * Gives "web" two volumes and "api" one, with snapshots in every state; the newest good ones are
 * `newest` days old. Those that `last: 3` does not keep may go.
 */
export function addVolumeHistory(world: World, newest = 0): void {
  const { dfw, web, mayGo } = world;
  const [data, logs] = [attach(world, web, 'data'), attach(world, web, 'logs')];
  const mails = attach(world, dfw.servers[1]!, 'mails');
  const snapshots = [0, 1, 2, 3, 4].map((age) => addSnapshot(world, data, age + newest));
  for (const { id } of snapshots.slice(3)) mayGo.add(id);
  const hold = { autosnap_hold: 'forever' };
  const held = addSnapshot(world, data, 20);
  Object.assign(held.metadata!, hold);
  dfw.addVolumeSnapshot({ volumeId: data.volume.id, name: 'golden' });
  for (const age of [0, 1]) addSnapshot(world, logs, age + newest);
  mayGo.add(addSnapshot(world, logs, 4 + newest, { status: 'error' }).id);
  addSnapshot(world, logs, 5 + newest, { status: 'error_deleting' });
  addSnapshot(world, mails, 1 + newest);
}

/** Whether each attached volume has a snapshot, finished or not, for the slot of today. */
export function volumesTaken(world: World): boolean {
  const { dfw } = world;
  const taken = new Set(ownSnapshots(world, MIDNIGHT).map(({ volumeId }) => volumeId));
  return dfw.servers.every(({ volumeIds }) => volumeIds.every((id) => taken.has(id)));
}

function ownSnapshots({ dfw }: World, slot: Date): CloudVolumeSnapshot[] {
  const day = ` ${slot.toISOString().slice(0, 10)}`;
  return dfw.volumeSnapshots.filter(
    ({ status, description }) =>
      status !== 'error' && description?.startsWith(OURS) && description.includes(day),
  );
}

/** The snapshots of the volumes of "web" for a slot. */
export function setOf(world: World, slot: Date): CloudVolumeSnapshot[] {
  return ownSnapshots(world, slot).filter(({ volumeId }) => world.web.volumeIds.includes(volumeId));
}

/** The number of the newest snapshots of "web" that are held, where the image is held as well. */
export function heldParts(world: World): number {
  const { dfw, event } = world;
  const image = dfw.images.find(({ id }) => id === event.hold);
  if (image?.properties.autosnap_hold !== 'forever') return 0;
  return setOf(world, MIDNIGHT).filter(
    ({ metadata, description }) =>
      metadata?.autosnap_hold === 'forever' || description?.includes(' forever '),
  ).length;
}

/**
 * Volumes of two servers whose newest snapshots are to be backed up, and older backups, some of
 * which may go.
 */
export function addBackups(world: World): void {
  const { dfw, web, account, mayGo } = world;
  const offsite = { schedule: 'rate(6 hours)', keep: { last: 2 }, volumes: 'backup' };
  world.event = policy({ account, offsite });
  for (const [server, name] of [
    [web, 'data'],
    [dfw.servers[1]!, 'mails'],
  ] as const) {
    const place = attach(world, server, name);
    for (const age of [0, 1]) addSnapshot(world, place, age);
    for (const age of [1, 2, 3]) {
      const dataAt = new Date(slotOf(age).getTime() + 20_000);
      const createdAt = new Date(dataAt.getTime() + 3_600_000);
      const { id } = dfw.addVolumeBackup({
        ...marked(world, server, place.volume, age),
        ...{ snapshotId: `snapshot-${age}`, createdAt, dataAt },
      });
      if (age === 3) mayGo.add(id);
    }
    dfw.addVolumeBackup({
      volumeId: place.volume.id,
      name: 'golden',
      createdAt: slotOf(9),
      dataAt: slotOf(9),
    });
  }
}

/** Whether the newest snapshot of each volume has a backup, and no backup is there that may go. */
export function allBackedUp(world: World): boolean {
  const { dfw, mayGo } = world;
  return (
    ownSnapshots(world, MIDNIGHT).every(({ id }) =>
      dfw.volumeBackups.some(({ snapshotId, status }) => snapshotId === id && status !== 'error'),
    ) && !dfw.volumeBackups.some(({ id }) => mayGo.has(id))
  );
}

/** What identifies each volume snapshot, backup and volume of a drill; there may be one of each. */
export function volumeMarks({ dfw }: World): string[][] {
  const snapshots = dfw.volumeSnapshots.filter(
    ({ status, description }) => status !== 'error' && description?.startsWith(OURS),
  );
  const backups = dfw.volumeBackups.filter(({ status }) => status !== 'error');
  const copies = dfw.volumes.filter(({ metadata }) => metadata.autosnap_drill);
  return [
    snapshots.map(({ volumeId, name }) => `${volumeId} ${name}`),
    backups.map(({ volumeId, snapshotId, id }) => `${volumeId} ${snapshotId ?? id}`),
    copies.map(({ snapshotId }) => snapshotId ?? ''),
  ];
}
