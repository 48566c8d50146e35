import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import { readRecords } from './record.ts';
import { readThrowAway, type ThrowAway } from './throw-away.ts';

/** The clocks of the cloud's services may differ by that much. */
const CLOCKS_MAY_DIFFER_MS = 5 * 60_000;
/** Between the nonce and the request for the server there are moments, and a Lambda runs for 15 minutes at most. */
const LONGEST_REQUEST_MS = 30 * 60_000;

/**
 * - named: its image names the server itself. claimable: its image names the drill, whose server is not known yet, and the
 *   server can't but be that one, unless another has the same nonce. A problem: the server is not provably a drill's.
 */
export type Ownership = 'named' | 'claimable' | { problem: string };

/**
 * Whether a server, as it is now, was provably made by a drill of `owner`: its metadata say the same as when `expected` was
 * read from them, the cloud says that it was made from that very image, and the image, as it is now, names the drill and
 * the server. Only the servers of drills are ever deleted, and metadata that can be copied to any server permit nothing.
 *
 * A server that was rebuilt from the image shows that image, too, but was created before the nonce was written.
 *
 * @param image the image that the metadata name; undefined when it is gone.
 */
export function ownershipOf(
  server: ServerDetail,
  expected: ThrowAway,
  image: Image | undefined,
  { owner, projectId }: { owner: string; projectId: string },
): Ownership {
  const mark = readThrowAway(server);
  if (mark?.owner !== owner || !isSame(mark, expected)) {
    return { problem: 'its metadata are no longer those of a drill' };
  }
  if (server.imageId !== mark.image) {
    return { problem: `the cloud does not say that it was made from image ${mark.image}` };
  }
  if (!image) {
    return {
      problem: `image ${mark.image} is gone, so nothing but the metadata of the server names a drill`,
    };
  }
  const record = readRecords(image).find(({ nonce }) => nonce === mark.nonce);
  if (image.id !== mark.image || image.owner !== projectId || !record) {
    return { problem: `image ${mark.image} does not name the drill` };
  }
  if (record.server === undefined) {
    // The nonce was written at the latest when the image was last changed, by the cloud's own clock.
    const writtenAt = image.updatedAt?.getTime() ?? Infinity;
    const latest = record.at.getTime() + LONGEST_REQUEST_MS;
    const createdAt = mark.createdAt.getTime();
    return writtenAt <= createdAt && createdAt <= latest
      ? 'claimable'
      : { problem: `it was not created right after image ${mark.image} was marked for the drill` };
  }
  if (record.server !== server.id) return { problem: `image ${mark.image} names another server` };
  return mark.createdAt.getTime() >= record.at.getTime() - CLOCKS_MAY_DIFFER_MS
    ? 'named'
    : { problem: `it was created before image ${mark.image} was marked for the drill` };
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
