import { isoSeconds, parseDate } from '../dates.ts';
import type { Server } from '../openstack/compute.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import { DRILL_KEY } from '../selection.ts';

/** What the marker of a throw-away server says: whose it is, and what it is to prove. */
export interface DrillMark {
  /** The deployment. */
  owner: string;
  policy: string;
  /** The id of the image that it was made from. */
  image: string;
  /** By our own clock, to the second. */
  begunAt: Date;
}

/** A server that a drill has made, as far as its marker says so. */
export interface ThrowAway extends DrillMark, Pick<Server, 'id' | 'name' | 'region'> {}

/** The metadata that make a server a drill's: sent with the request for it, never written afterwards. */
export function metadataOf({ owner, policy, image, begunAt }: DrillMark): Record<string, string> {
  return { [DRILL_KEY]: `${owner} ${policy} ${image} ${isoSeconds(begunAt)}` };
}

/** Reads a server's marker; undefined when there is none, or when it is not complete. */
export function readThrowAway({
  id,
  name,
  region,
  metadata,
}: Pick<Server, 'id' | 'name' | 'region' | 'metadata'>): ThrowAway | undefined {
  const mark = Object.hasOwn(metadata, DRILL_KEY) ? metadata[DRILL_KEY]! : '';
  const [, owner, policy, image, time] =
    /^([\w-]+) ([a-z0-9-]{1,40}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) (\S+T\S+)$/.exec(mark) ?? [];
  const begunAt = parseDate(time);
  return owner && policy && image && begunAt
    ? { id, name, region, owner, policy, image, begunAt }
    : undefined;
}

/**
 * Whether a server, as it is now, is still the one that `trial` was read from, and provably made by a drill of `owner`:
 * its marker says the same, and the cloud says that it was made from that very image. Nothing else is ever deleted.
 */
export function isOurs(server: ServerDetail, trial: ThrowAway, owner: string): boolean {
  const now = readThrowAway(server);
  return (
    now !== undefined &&
    now.owner === owner &&
    server.imageId === now.image &&
    JSON.stringify(now) === JSON.stringify({ ...trial, name: now.name })
  );
}
