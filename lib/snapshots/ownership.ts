import { HOUR_MS } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { VolumeSnapshot } from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { CREATED_BY_KEY, readMarker, snapshotOf, suspect } from './marker.ts';
import type { RegionInventory } from './region-inventory.ts';
import { selectServers } from './selector.ts';
import { isSnapshot, type Snapshot, type Suspect } from './snapshot.ts';
import { volumeSnapshotStatus } from './volume-snapshot-status.ts';

/**
 * The maximum difference between the creation times of an image and of its volume snapshots. Nova
 * makes both in one request.
 */
const MADE_TOGETHER_MS = HOUR_MS;

/** The status of a volume snapshot that may exist but can't be read. */
export const UNREADABLE_STATUS = 'unreadable';

/**
 * Classifies an image: a snapshot of this deployment, a suspect, or undefined for a foreign image.
 *
 * @param volumeSnapshots the existing volume snapshots among those that the image names; others are
 *   ignored.
 */
export type Reader = (
  image: Image,
  volumeSnapshots: readonly VolumeSnapshot[],
) => Snapshot | Suspect | undefined;

/**
 * Whether an image has a deployment's marker and its data in volume snapshots. A {@link Reader}
 * then needs these volume snapshots.
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

/** The fields of a policy that decide on ownership. */
export type ReadingPolicy = Pick<Policy, 'policy' | 'servers' | 'adopt'> & Partial<Pick<Policy, 'schedule'>>;

/**
 * Creates a {@link Reader} for one completely listed region, which adopts images if `policy.adopt`
 * is set.
 */
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
  const namedTwice = namedTwiceIn(images);
  return (image, volumeSnapshots) => {
    const read =
      readMarker(image, reading) ??
      readLegacyImage(image, { servers: adopting, others, policy: policy.policy, projectId });
    if (!isSnapshot(read) || read.volumeSnapshots.length === 0) return read;
    const named = volumeSnapshots.filter(({ id }) => read.volumeSnapshots.includes(id));
    const problem: Reason | undefined = read.volumeSnapshots.some((id) => namedTwice.has(id))
      ? { code: 'SAME_VOLUME_SNAPSHOTS' }
      : foreignData(read, serverOf.get(read.server), named);
    return problem ? suspect(read, problem) : withVolumes(read, named);
  };
}

/** The volume snapshots that more than one image names. */
function namedTwiceIn(images: readonly Image[]): Set<string> {
  const [once, twice] = [new Set<string>(), new Set<string>()];
  for (const id of images.flatMap(({ volumeSnapshotIds }) => volumeSnapshotIds)) {
    (once.has(id) ? twice : once).add(id);
  }
  return twice;
}

/**
 * Why the volume snapshots of an image were not made with the image, or not from the server in its
 * marker. The image's properties can't show this, because the image inherits all properties of the
 * image from which the root volume was made.
 *
 * One volume that is still attached to the server is enough proof, because Nova makes the snapshots
 * of all volumes of a server in one request, and other volumes may have been detached since.
 */
function foreignData(
  { name, createdAt }: Snapshot,
  server: Server | undefined,
  all: readonly VolumeSnapshot[],
): Reason | undefined {
  const named = all.filter(({ status }) => status !== UNREADABLE_STATUS);
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
 * Sets the state of a snapshot to the worst state of its volume snapshots. If only some of these
 * are lost or deleted, the snapshot is `partial`, because the others may be the only copies of
 * their volumes.
 */
function withVolumes(snapshot: Snapshot, named: readonly VolumeSnapshot[]): Snapshot {
  if (snapshot.state !== 'good' && snapshot.state !== 'failed') return snapshot;
  const statuses = new Set(named.map(({ status }) => status));
  if (named.length < snapshot.volumeSnapshots.length) statuses.add('gone');
  const bad = [...statuses].find((status) => status !== 'available');
  if (!bad) return snapshot;
  const state = bad === 'creating' ? 'pending' : /^(gone|deleting|error)/.test(bad) ? 'failed' : 'unknown';
  const partial = state === 'failed' && statuses.has('available');
  return { ...snapshot, state, status: volumeSnapshotStatus(bad), ...(partial ? { partial } : {}) };
}

const LEGACY_NAME = /^(.+)-autosnap-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/** The servers that markers of other deployments name, with the owner ids of these deployments. */
export function otherOwners(images: readonly Image[], owner: string): Map<string, string> {
  return new Map(
    images.flatMap(({ properties: { autosnap_owner: its, autosnap_server: server } }) =>
      its !== undefined && its !== owner && server !== undefined ? [[server, its] as const] : [],
    ),
  );
}

interface AdoptionContext {
  servers: ReadonlyMap<string, Server>;
  /** Servers with snapshots of other deployments, which may have adopted the same images too. */
  others: ReadonlyMap<string, string>;
  policy: string;
  projectId: string;
}

/**
 * Reads an image that the Python script autosnap.py has made of one of `servers`, as a snapshot of
 * the adopting policy. Such an image has no marker. So the image name must consist of the current
 * name and the id of the server, `instance_uuid` must be the same server, and no property may name
 * another maker.
 */
function readLegacyImage(
  image: Image,
  { servers, others, policy, projectId }: AdoptionContext,
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
