import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { Reason } from '../reporting/reasons.ts';
import { nameEnding } from '../snapshots/marker.ts';
import { DRILL_NAME, readRecords } from './record.ts';
import { readThrowAway, type ThrowAway } from './throw-away.ts';

/** The clocks of the cloud's services may differ by that much. */
const CLOCKS_MAY_DIFFER_MS = 5 * 60_000;
/** Between the nonce and the request for the server there are moments, and a Lambda runs for 15 minutes at most. */
const LONGEST_REQUEST_MS = 30 * 60_000;

/**
 * - named: its image names the server itself. claimable: its image names the drill, whose server is not known yet, and the
 *   server can't but be that one, unless another has the same nonce. A problem: the server is not provably a drill's.
 */
export type Ownership = 'named' | 'claimable' | Unproven;

/** Why a server is not provably a drill's. */
export interface Unproven {
  problem: Reason;
  /** Nothing disproves it either: a drill may have made the server, and its image or the record on it was lost since. */
  mayBeDrill: boolean;
}

/**
 * Whether a server, as it is now, was provably made by a drill of `owner`: its metadata say the same as when `expected` was
 * read from them, the cloud says that it was made from that very image, and the image, as it is now, names the drill and
 * the server. Only the servers of drills are ever deleted, and metadata that can be copied to any server permit nothing.
 *
 * A server that was rebuilt from the image shows that image, too, but was created before the nonce was written; one that
 * was created before the image was can't be a drill's at all.
 *
 * @param image the image that the metadata name; undefined when it is gone.
 */
export function ownershipOf(
  server: Server,
  expected: ThrowAway,
  image: Image | undefined,
  { owner, projectId }: { owner: string; projectId: string },
): Ownership {
  const mark = readThrowAway(server);
  if (mark?.owner !== owner || !isSame(mark, expected)) {
    return notOfDrill({ code: 'DRILL_METADATA_CHANGED' });
  }
  if (server.imageId !== mark.image) {
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
    // The nonce was written at the latest when the image was last changed, by the cloud's own clock.
    const writtenAt = image.updatedAt?.getTime() ?? Infinity;
    const latest = record.at.getTime() + LONGEST_REQUEST_MS;
    // Whoever may only set metadata can copy those of a drill to another server, and can't rename that.
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

function notOfDrill(problem: Reason): Unproven {
  return { problem, mayBeDrill: false };
}

/**
 * Separates the servers of drills from those that policies may mean. Only a server that its image names is a drill's: one
 * more snapshot of a throw-away server costs little, a server that no policy means any more costs all.
 */
export function separateThrowAways(
  servers: readonly Server[],
  images: readonly Image[],
  projectId: string,
): { lasting: Server[]; throwAways: Server[] } {
  const drills = images
    .filter(({ owner }) => owner === projectId)
    .flatMap((image) => readRecords(image).map((record) => ({ ...record, image: image.id })));
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
