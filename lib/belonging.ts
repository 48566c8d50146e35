import { readMarker, type Snapshot } from './marker.ts';
import type { Server } from './openstack/compute.ts';
import type { Image } from './openstack/images.ts';
import type { VolumeSnapshot } from './openstack/volumes.ts';
import type { Policy } from './policy.ts';
import { selectServers } from './selection.ts';
import type { RegionSurvey } from './survey.ts';

/**
 * Says whose an image is: a snapshot of ours; a sentence on what is wrong with one that claims to be; undefined for
 * everybody else's. `volumeSnapshots` are those that are there now, of those that the image names.
 */
export type Reader = (
  image: Image,
  volumeSnapshots: readonly VolumeSnapshot[],
) => Snapshot | string | undefined;

/** Whether an image claims to be a deployment's, and has its data in volume snapshots: then a {@link Reader} needs these. */
export function hasVolumesOf(owner: string): (image: Image) => boolean {
  return ({ properties, volumeSnapshotIds }) =>
    properties.autosnap_owner === owner && volumeSnapshotIds.length > 0;
}

interface ReaderOptions {
  owner: string;
  projectId: string;
}

/** A {@link Reader} for one completely listed region, as one policy sees it. */
export function readerOf(
  { servers, images }: Pick<RegionSurvey, 'servers' | 'images'>,
  policy: Pick<Policy, 'policy' | 'servers' | 'adopt'>,
  { owner, projectId }: ReaderOptions,
): Reader {
  const serverOf = new Map(servers.map((server) => [server.id, server]));
  const adopting = new Map(
    policy.adopt ? selectServers(servers, policy.servers).servers.map((server) => [server.id, server]) : [],
  );
  const namedTwice = namedByTwo(images);
  return (image, volumeSnapshots) => {
    const read = readMarker(image, owner, projectId) ?? adopted(image, adopting, policy.policy, projectId);
    if (typeof read !== 'object' || read.volumeSnapshots.length === 0) return read;
    if (read.volumeSnapshots.some((id) => namedTwice.has(id))) {
      return `${image.name} (${image.id}) is marked as ours, but another image names the same volume snapshots`;
    }
    const server = serverOf.get(read.server);
    return server ? withVolumes(read, server, volumeSnapshots) : read;
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
 * A snapshot whose data lie in volume snapshots is as good as those. Its image does not say which server it was made
 * from, and a server that was restored from one of ours passes the marker on: so the volume snapshots have to be of
 * volumes that the marked server has.
 */
function withVolumes(
  snapshot: Snapshot,
  server: Server,
  there: readonly VolumeSnapshot[],
): Snapshot | string {
  const named = there.filter(({ id }) => snapshot.volumeSnapshots.includes(id));
  if (named.some(({ volumeId }) => !server.volumeIds.includes(volumeId))) {
    return `${snapshot.name} (${snapshot.id}) is marked as ours, but its data are of a volume that ${server.name} does not have`;
  }
  if (snapshot.state !== 'good' && snapshot.state !== 'failed') return snapshot;
  const statuses = new Set(named.map(({ status }) => status));
  if (named.length < snapshot.volumeSnapshots.length) statuses.add('gone');
  const bad = [...statuses].find((status) => status !== 'available');
  if (!bad) return snapshot;
  const state = bad === 'creating' ? 'pending' : /^(gone|deleting|error)/.test(bad) ? 'failed' : 'unknown';
  return { ...snapshot, state, status: `volume snapshot ${bad}` };
}

const LEGACY_NAME = /^(.+)-autosnap-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

/**
 * An image that the Python script autosnap.py has made of one of `servers`, as a snapshot of the adopting policy. It
 * carries no marker, so everything else has to agree: the name, of the server as it is called now and its id, and
 * the server that the cloud says it was made from.
 */
function adopted(
  image: Image,
  servers: ReadonlyMap<string, Server>,
  policy: string,
  projectId: string,
): Snapshot | undefined {
  const { properties, createdAt } = image;
  const [, name, id = ''] = LEGACY_NAME.exec(image.name) ?? [];
  const server = servers.get(id);
  const agrees =
    server?.name === name &&
    properties.instance_uuid === id &&
    properties.autosnap_owner === undefined &&
    properties['org.openstack__1__created_by'] === undefined;
  if (!server || !agrees) return undefined;
  // Read as if it had our marker: the rest of its facts, its owner and a hold among them, mean the same.
  const marker = { autosnap_owner: 'autosnap.py', autosnap_policy: policy, autosnap_server: id };
  const marked = {
    ...image,
    properties: { ...properties, ...marker, autosnap_slot: createdAt.toISOString() },
  };
  const read = readMarker(marked, 'autosnap.py', projectId);
  return typeof read === 'object' ? { ...read, adopted: true } : undefined;
}
