import type { Server } from '../openstack/compute.ts';
import { DRILL_KEY } from './record.ts';

/** What a drill has made: the deployment, policy and drill that it belongs to. */
export interface DrillMark {
  /** The deployment. */
  owner: string;
  policy: string;
  /** The id of the source that the drill boots: an image, or the snapshot of a root volume. */
  image: string;
  /** The nonce of the drill's record; see record.ts. */
  nonce: string;
}

/**
 * A server whose metadata say that a drill made it. The metadata alone do not permit the deletion
 * of the server.
 */
export interface ThrowAway extends DrillMark, Pick<Server, 'id' | 'name' | 'region'> {
  /** When the server was created, by the cloud's clock. */
  createdAt: Date;
}

/**
 * The metadata of a throw-away server. They are sent with the request for the server and never
 * written afterwards.
 */
export function drillMetadata(mark: DrillMark): Record<string, string> {
  return { [DRILL_KEY]: markText(mark) };
}

/** A mark as text; see {@link parseMark}. */
export function markText({ owner, policy, image, nonce }: DrillMark): string {
  return `${owner} ${policy} ${image} ${nonce}`;
}

/** Parses a mark; undefined when it is invalid. */
export function parseMark(text: string): DrillMark | undefined {
  const [, owner, policy, image, nonce] =
    /^([\w-]+) ([a-z0-9-]{1,40}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(
      text,
    ) ?? [];
  return owner && policy && image && nonce ? { owner, policy, image, nonce } : undefined;
}

/**
 * Reads a server's drill metadata; undefined when they are missing or invalid, or the cloud gives
 * no creation time.
 */
export function readThrowAway(
  server: Pick<Server, 'id' | 'name' | 'region' | 'metadata' | 'createdAt'>,
): ThrowAway | undefined {
  const { id, name, region, metadata, createdAt } = server;
  const mark = parseMark(Object.hasOwn(metadata, DRILL_KEY) ? metadata[DRILL_KEY]! : '');
  return mark && createdAt ? { id, name, region, createdAt, ...mark } : undefined;
}
