import type { Policy } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { VolumeSnapshot } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import {
  CREATED_BY_KEY,
  isSnapshot,
  readMarker,
  type Snapshot,
  type Suspect,
  snapshotOf,
  suspect,
} from './marker.ts';
import type { RegionInventory } from './region-inventory.ts';
import { selectServers } from './selector.ts';

/**
 * How far the creation of an image and of its volume snapshots may be apart: Nova makes both in one
 * request.
 */
const MADE_TOGETHER_MS = 3_600_000;

/** The status of a volume snapshot that may be there, and can't be asked for. */
export const UNREADABLE = 'unreadable';

/**
 * Says whose an image is: a snapshot of ours, a suspect, or undefined for everybody else's.
 * `volumeSnapshots` are those that are there now, of those that the image names.
 */
export type Reader = (
  image: Image,
  volumeSnapshots: readonly VolumeSnapshot[],
) => Snapshot | Suspect | undefined;

/**
 * Whether an image is marked as a deployment's, and has its data in volume snapshots: then a
 * {@link Reader} needs these.
 */
export function hasVolumesOf(owner: string): (image: Image) => boolean {
  return ({ properties, volumeSnapshotIds }) =>
    properties.autosnap_owner === owner && volumeSnapshotIds.length > 0;
}

interface ReaderOptions {
  owner: string;
  projectId: string;
  policies?: Run['policies'];
}

/** A policy, as far as it says whose an image is. */
export type ReadingPolicy = Pick<Policy, 'policy' | 'servers' | 'adopt'> & Partial<Pick<Policy, 'schedule'>>;

/** A {@link Reader} for one completely listed region, as one policy sees it. */
export function readerOf(
  { servers, images }: Pick<RegionInventory, 'servers' | 'images'>,
  policy: ReadingPolicy,
  { owner, projectId, policies = [] }: ReaderOptions,
): Reader {
  const serverOf = new Map(servers.map((server) => [server.id, server]));
  const adopting = new Map(
    policy.adopt ? selectServers(servers, policy.servers).servers.map((server) => [server.id, server]) : [],
  );
  const others = otherOwners(images, owner);
  const schedules = new Map([...policies, policy].map(({ policy: name, schedule }) => [name, schedule]));
  const reading = { owner, projectId, scheduleOf: (name: string) => schedules.get(name) };
  const namedTwice = namedByTwo(images);
  return (image, volumeSnapshots) => {
    const read =
      readMarker(image, reading) ??
      adopted(image, { servers: adopting, others, policy: policy.policy, projectId });
    if (!isSnapshot(read) || read.volumeSnapshots.length === 0) return read;
    const named = volumeSnapshots.filter(({ id }) => read.volumeSnapshots.includes(id));
    const problem: Reason | undefined = read.volumeSnapshots.some((id) => namedTwice.has(id))
      ? { code: 'SAME_VOLUME_SNAPSHOTS' }
      : foreignData(read, serverOf.get(read.server), named);
    return problem ? suspect(read, problem) : withVolumes(read, named);
  };
}

/** The volume snapshots that more than one image needs. */
function namedByTwo(images: readonly Image[]): Set<string> {
  const [once, twice] = [new Set<string>(), new Set<string>()];
  for (const id of images.flatMap(({ volumeSnapshotIds }) => volumeSnapshotIds)) {
    (once.has(id) ? twice : once).add(id);
  }
  return twice;
}

/**
 * What shows that the volume snapshots which an image names were not made with it, or are not the
 * marked server's. Its image does not tell: it has whatever properties the image had that the root
 * volume was made from.
 *
 * A volume may have been detached since, so one that is still the server's is enough: Nova makes
 * the snapshots of all volumes of one server in one request.
 */
function foreignData(
  { name, createdAt }: Snapshot,
  server: Server | undefined,
  all: readonly VolumeSnapshot[],
): Reason | undefined {
  const named = all.filter(({ status }) => status !== UNREADABLE);
  const other = named.find(
    (one) =>
      one.name !== `snapshot for ${name}` ||
      Math.abs(one.createdAt.getTime() - createdAt.getTime()) > MADE_TOGETHER_MS,
  );
  if (other) return { code: 'VOLUME_SNAPSHOT_OF_OTHER_IMAGE', id: other.id };
  if (!server || named.length === 0) return undefined;
  return named.some(({ volumeId }) => server.volumeIds.includes(volumeId))
    ? undefined
    : { code: 'VOLUMES_OF_OTHER_SERVER', server: server.name };
}

/**
 * A snapshot whose data lie in volume snapshots is as good as the worst of these. Where the cloud
 * has lost some of them, or somebody has deleted them, the others may be all that there is of their
 * volumes.
 */
function withVolumes(snapshot: Snapshot, named: readonly VolumeSnapshot[]): Snapshot {
  if (snapshot.state !== 'good' && snapshot.state !== 'failed') return snapshot;
  const statuses = new Set(named.map(({ status }) => status));
  if (named.length < snapshot.volumeSnapshots.length) statuses.add('gone');
  const bad = [...statuses].find((status) => status !== 'available');
  if (!bad) return snapshot;
  const state = bad === 'creating' ? 'pending' : /^(gone|deleting|error)/.test(bad) ? 'failed' : 'unknown';
  const partial = state === 'failed' && statuses.has('available');
  return { ...snapshot, state, status: `volume snapshot ${bad}`, ...(partial ? { partial } : {}) };
}

const LEGACY_NAME = /^(.+)-autosnap-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** The servers that images of other deployments are marked with, and whose. */
export function otherOwners(images: readonly Image[], owner: string): Map<string, string> {
  return new Map(
    images.flatMap(({ properties: { autosnap_owner: its, autosnap_server: server } }) =>
      its !== undefined && its !== owner && server !== undefined ? [[server, its] as const] : [],
    ),
  );
}

interface Adopting {
  servers: ReadonlyMap<string, Server>;
  /**
   * Servers of which other deployments have snapshots: these may have adopted the same images, by
   * other rules.
   */
  others: ReadonlyMap<string, string>;
  policy: string;
  projectId: string;
}

/**
 * An image that the Python script autosnap.py has made of one of `servers`, as a snapshot of the
 * adopting policy. It carries no marker, so everything else has to agree: the name, of the server
 * as it is called now and its id, the server that the cloud says it was made from, and that nothing
 * else says it made it.
 */
function adopted(
  image: Image,
  { servers, others, policy, projectId }: Adopting,
): Snapshot | Suspect | undefined {
  const { properties, createdAt } = image;
  const [, name, id = ''] = LEGACY_NAME.exec(image.name) ?? [];
  const server = servers.get(id);
  const agrees =
    server !== undefined &&
    image.owner === projectId &&
    properties.instance_uuid === id &&
    properties.autosnap_owner === undefined &&
    properties[CREATED_BY_KEY] === undefined &&
    properties.image_type !== 'backup';
  if (!agrees) return undefined;
  if (server.name !== name) {
    return { problem: { code: 'LEGACY_RENAMED', image: image.id, name: image.name, server: server.name } };
  }
  const deployment = others.get(id);
  if (deployment) {
    return {
      problem: { code: 'LEGACY_SHARED', image: image.id, name: image.name, server: name, deployment },
    };
  }
  const read = snapshotOf(image, { server: id, policy, slot: createdAt });
  return 'code' in read ? undefined : { ...read, adopted: true };
}
