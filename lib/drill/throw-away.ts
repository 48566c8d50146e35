import type { Server } from '../openstack/compute.ts';
import { DRILL_KEY } from './record.ts';

/** What the metadata of a throw-away server say: whose the server is, and which drill it belongs to. */
export interface DrillMark {
  /** The deployment. */
  owner: string;
  policy: string;
  /** The id of the image that the server was made from. */
  image: string;
  /** The drill, as the image records it; see record.ts. */
  nonce: string;
}

/** A server that a drill has made, as far as its own metadata say so: that alone is no permission to delete it. */
export interface ThrowAway extends DrillMark, Pick<Server, 'id' | 'name' | 'region'> {
  /** When the server was created, by the cloud's clock. */
  createdAt: Date;
}

/** The metadata of a throw-away server: sent with the request for it, never written afterwards. */
export function metadataOf({ owner, policy, image, nonce }: DrillMark): Record<string, string> {
  return { [DRILL_KEY]: `${owner} ${policy} ${image} ${nonce}` };
}

/** Reads a server's mark; undefined when the server has none, or an incomplete one, or the cloud does not say when it was created. */
export function readThrowAway(
  server: Pick<Server, 'id' | 'name' | 'region' | 'metadata' | 'createdAt'>,
): ThrowAway | undefined {
  const { id, name, region, metadata, createdAt } = server;
  const mark = Object.hasOwn(metadata, DRILL_KEY) ? metadata[DRILL_KEY]! : '';
  const [, owner, policy, image, nonce] =
    /^([\w-]+) ([a-z0-9-]{1,40}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(
      mark,
    ) ?? [];
  return owner && policy && image && nonce && createdAt
    ? { id, name, region, createdAt, owner, policy, image, nonce }
    : undefined;
}
