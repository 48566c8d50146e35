import type { Policy } from '../config/policy.ts';
import { isFirstDisk } from '../openstack/attachments.ts';
import type { Server } from '../openstack/compute.ts';
import type { Session } from '../openstack/session.ts';
import type { Volume } from '../openstack/volumes.ts';
import { matchesCriteria } from '../snapshots/selector.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';

/** Which volumes of a policy's servers get snapshots of their own. */
export type VolumeRule = Policy['volumes'];

/**
 * The volumes of which a policy takes snapshots, by the id of their server. A volume that is
 * attached to several servers belongs to the first of them, by id.
 *
 * @param servers the selected servers of one region.
 * @param volumes all volumes of the region, because some clouds show attachments only there.
 */
export function volumesOf(
  servers: readonly Server[],
  volumes: readonly Volume[],
  rule: VolumeRule,
  provider: Session['provider'],
): Map<string, Volume[]> {
  const found = new Map<string, Volume[]>();
  const assigned = new Set<string>();
  for (const [server, all] of attachedVolumes(servers, volumes, provider)) {
    const its = all.filter(({ id }) => !assigned.has(id));
    for (const { id } of its) assigned.add(id);
    const wanted = its.filter((volume) => !isExcepted(volume, rule));
    if (wanted.length > 0) found.set(server, wanted);
  }
  return found;
}

/**
 * The servers of each volume that several of `servers` have, by the id of the volume. The first one
 * is that of {@link volumesOf}.
 */
export function sharingServers(
  servers: readonly Server[],
  volumes: readonly Volume[],
  provider: Session['provider'],
): Map<string, Server[]> {
  const serverOf = new Map(servers.map((server) => [server.id, server]));
  const found = new Map<string, Server[]>();
  for (const [server, its] of attachedVolumes(servers, volumes, provider)) {
    for (const { id } of its) found.set(id, [...(found.get(id) ?? []), serverOf.get(server)!]);
  }
  return new Map([...found].filter(([, all]) => all.length > 1));
}

/** Whether a policy takes no snapshot of a volume of its servers. */
export function isExcepted(volume: Volume, rule: VolumeRule): boolean {
  if (typeof rule === 'string') return rule === 'none';
  return matchesCriteria(volume, rule.except);
}

/**
 * All volumes that are attached to servers and are in no image, by the id of their server, in the
 * order of the ids. The image of a server whose system disk is a volume contains a snapshot of each
 * of its volumes, so such a server has none. Rackspace makes no image of such a server: there, the
 * result has each of its volumes, the system disk included.
 *
 * @param volumes all volumes of the region. A volume that only the server names has no name.
 */
export function attachedVolumes(
  servers: readonly Server[],
  volumes: readonly Volume[],
  provider: Session['provider'],
): Map<string, Volume[]> {
  const found = new Map<string, Volume[]>();
  const volumeOf = new Map(volumes.map((volume) => [volume.id, volume]));
  const attachedTo = Map.groupBy(
    volumes.flatMap(({ id, attachments }) => attachments.map(({ serverId }) => ({ id, serverId }))),
    ({ serverId }) => serverId,
  );
  for (const server of servers.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const ids = new Set([...server.volumeIds, ...(attachedTo.get(server.id) ?? []).map(({ id }) => id)]);
    const all = [...ids].map((id) => volumeOf.get(id) ?? unlistedVolume(id, server.region));
    if (provider !== 'rackspace' && isOnVolume(server, all)) continue;
    if (all.length > 0) found.set(server.id, all.toSorted(byDevice(server.id)));
  }
  return found;
}

/**
 * The volumes of which OpenStack makes snapshots with the image of a server: all of its volumes if
 * its system disk is one. A volume that could not be listed has the size 0.
 */
export function volumesInImage(server: Server, volumes: readonly Volume[]): Volume[] {
  const volumeOf = new Map(volumes.map((volume) => [volume.id, volume]));
  const all = server.volumeIds.map((id) => volumeOf.get(id) ?? unlistedVolume(id, server.region));
  return isOnVolume(server, all) ? all : [];
}

/**
 * The volumes that the image of a server on volumes lacks. None are known to be lacking if one of
 * its volume snapshots is unknown.
 *
 * @param volumeIn the id of the volume of each volume snapshot, by the id of that.
 */
export function volumesLackedBy<V extends { id: string }>(
  { volumeSnapshots }: Pick<Snapshot, 'volumeSnapshots'>,
  volumes: readonly V[],
  volumeIn: ReadonlyMap<string, string>,
): V[] {
  const contained = volumeSnapshots.map((id) => volumeIn.get(id));
  if (contained.length === 0 || contained.includes(undefined)) return [];
  return volumes.filter(({ id }) => !contained.includes(id));
}

function isOnVolume({ id, volumeBacked }: Server, its: readonly Volume[]): boolean {
  return volumeBacked || its.some(isSystemDiskOf(id));
}

/**
 * Whether a volume is the system disk of a server. An attachment without a device counts as another
 * disk, because a second snapshot does no harm.
 */
export function isSystemDiskOf(server: string): (volume: Volume) => boolean {
  return ({ attachments }) =>
    attachments.some((one) => one.serverId === server && Boolean(one.device) && isFirstDisk(one));
}

/** Since when a volume is attached to a server, or else since when it exists. */
export function attachedSince({ attachments, createdAt }: Volume, { id }: Server): Date | undefined {
  return attachments.find(({ serverId }) => serverId === id)?.attachedAt ?? createdAt;
}

/** A volume that the server names, and that the listing of volumes lacks. */
function unlistedVolume(id: string, region: string): Volume {
  return {
    ...{ id, region, name: '', description: '', status: '', sizeGb: 0, type: undefined, multiattach: false },
    ...{ metadata: {}, snapshotId: undefined, createdAt: undefined, attachments: [] },
  };
}

/** Sorts the volumes of a server by their devices, in which order a restore attaches them again. */
function byDevice(server: string): (a: Volume, b: Volume) => number {
  const key = ({ id, attachments }: Volume) =>
    `${attachments.find(({ serverId }) => serverId === server)?.device ?? ''} ${id}`;
  return (a, b) => (key(a) < key(b) ? -1 : 1);
}
