import { MINUTE_MS } from '../config/dates.ts';
import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { Reason } from '../reporting/reasons.ts';
import { nameEnding } from '../snapshots/marker.ts';
import { DRILL_NAME, readRecords } from './record.ts';
import { type Source, volumeSnapshotsOf } from './source.ts';
import { readThrowAway, type ThrowAway } from './throw-away.ts';

/** The largest accepted difference between the clocks of the cloud's services. */
export const CLOCKS_MAY_DIFFER_MS = 5 * MINUTE_MS;
/**
 * The longest accepted time between the writing of the nonce and the creation of the server, or
 * between the record of a drill and the creation of its volumes. A Lambda function runs for 15
 * minutes at most.
 */
export const LONGEST_REQUEST_MS = 30 * MINUTE_MS;

/**
 * - named: the record on the image has the id of the server.
 * - claimable: the record on the image has the nonce of the drill but no server id, and the drill
 *   made this server unless another server has the same nonce.
 * - {@link Unproven}: nothing proves that a drill made the server.
 */
export type Ownership = 'named' | 'claimable' | Unproven;

/** Why nothing proves that a drill made a server. */
export interface Unproven {
  problem: Reason;
  /**
   * Whether a drill may have made the server nevertheless, because its image or the record on the
   * image may have been lost.
   */
  mayBeDrill: boolean;
}

/**
 * Decides whether a drill of `owner` provably made a server. All of these conditions have to hold
 * now: the server's metadata are unchanged since `expected` was read from them, the cloud says that
 * the server was made from the image that the metadata name, and the record on that image has the
 * nonce of the drill and the id of the server. Only such a server is ever deleted. Metadata alone
 * prove nothing, because anybody can copy them to another server.
 *
 * A server that was rebuilt from the image shows that image too, but was created before the nonce
 * was written. A server that is older than the image can't belong to a drill. A server that boots
 * from a volume shows no image: its root volume was made from a volume snapshot of the source.
 *
 * @param image the source that the metadata name; undefined when it no longer exists.
 * @param facts.roots of a server that shows no image, the volume snapshots of its root volume; see
 *   `rootSnapshotsOf` in root-snapshots.ts.
 */
export function ownershipOf(
  server: Server,
  expected: ThrowAway,
  image: Source | undefined,
  { owner, projectId, roots = [] }: OwnershipFacts,
): Ownership {
  const mark = readThrowAway(server);
  if (mark?.owner !== owner || !isSame(mark, expected)) {
    return notOfDrill({ code: 'DRILL_METADATA_CHANGED' });
  }
  if (server.imageId !== mark.image && !bootsFromVolumeOf(image, server, roots)) {
    return notOfDrill({ code: 'DRILL_FROM_OTHER_IMAGE', image: mark.image });
  }
  if (!image) {
    return { problem: { code: 'DRILL_IMAGE_GONE', image: mark.image }, mayBeDrill: true };
  }
  const createdAt = mark.createdAt.getTime();
  const isOurs = image.id === mark.image && image.owner === projectId;
  const mayBeDrill = isOurs && createdAt >= image.createdAt.getTime() - CLOCKS_MAY_DIFFER_MS;
  const record = readRecords(image).find(({ nonce }) => nonce === mark.nonce);
  if (!isOurs || !record) return { problem: { code: 'DRILL_NOT_RECORDED', image: mark.image }, mayBeDrill };
  if (record.server === undefined) {
    // The last change of the image, which is at or after the time at which the nonce was written,
    // both by the cloud's clock.
    const writtenAt = writtenAtMs(image, record.at);
    const latest = record.at.getTime() + LONGEST_REQUEST_MS;
    // A user who may only set metadata can copy a drill's metadata to another server, but can't
    // rename that server.
    const isInTime = createdAt <= latest;
    if (!server.name.endsWith(nameEnding(DRILL_NAME, record.at))) {
      return {
        problem: { code: 'DRILL_RENAMED' },
        mayBeDrill: mayBeDrill && isInTime,
      };
    }
    return writtenAt <= createdAt && isInTime
      ? 'claimable'
      : {
          problem: { code: 'DRILL_CREATED_TOO_LATE', image: mark.image },
          mayBeDrill: mayBeDrill && isInTime,
        };
  }
  if (record.server !== server.id) return notOfDrill({ code: 'DRILL_OF_OTHER_SERVER', image: mark.image });
  return createdAt >= record.at.getTime() - CLOCKS_MAY_DIFFER_MS
    ? 'named'
    : { problem: { code: 'DRILL_CREATED_TOO_EARLY', image: mark.image }, mayBeDrill };
}

interface OwnershipFacts {
  owner: string;
  projectId: string;
  roots?: readonly (string | undefined)[];
}

/**
 * Whether a server that shows no image boots from a volume that was made from a source. A server
 * that is being built, or whose build failed, may have no volume.
 */
function bootsFromVolumeOf(
  source: Source | undefined,
  { imageId }: Server,
  roots: readonly (string | undefined)[],
): boolean {
  const snapshots = source ? volumeSnapshotsOf(source) : [];
  return (
    imageId === undefined &&
    snapshots.length > 0 &&
    (roots.length === 0 || roots.some((id) => id !== undefined && snapshots.includes(id)))
  );
}

/** When the nonce was written, by the cloud's clock. A volume snapshot does not show this. */
function writtenAtMs({ updatedAt, volumeSnapshot }: Source, recordedAt: Date): number {
  return volumeSnapshot ? recordedAt.getTime() - CLOCKS_MAY_DIFFER_MS : (updatedAt?.getTime() ?? Infinity);
}

function notOfDrill(problem: Reason): Unproven {
  return { problem, mayBeDrill: false };
}

/**
 * Separates the throw-away servers of drills from the servers that policies may select. Only a
 * server that its source names counts as a throw-away server: an unnecessary snapshot of a
 * throw-away server costs little, but a server without snapshots may lose all its data.
 *
 * @param sources the images, and the volume snapshots with their metadata as properties.
 */
export function separateThrowAways(
  servers: readonly Server[],
  sources: readonly Pick<Image, 'id' | 'owner' | 'properties'>[],
  projectId: string,
): { lasting: Server[]; throwAways: Server[] } {
  const drills = sources
    .filter(({ owner }) => owner === projectId)
    .flatMap((source) => readRecords(source).map((record) => ({ ...record, image: source.id })));
  const drillOf = new Map(drills.map((drill) => [drill.server, drill]));
  const { throwAways = [], lasting = [] } = Object.groupBy(servers, (server) => {
    const drill = drillOf.get(server.id);
    const mark = drill && readThrowAway(server);
    return mark && mark.image === drill.image && mark.nonce === drill.nonce ? 'throwAways' : 'lasting';
  });
  return { lasting, throwAways };
}

function isSame(a: ThrowAway, b: ThrowAway): boolean {
  return (['id', 'region', 'policy', 'image', 'nonce'] as const).every((key) => a[key] === b[key]);
}
