import * as v from 'valibot';
import type { Server } from './openstack/compute.ts';

/** Nova takes 255 characters; the rest is for what may stand before it. */
const LONGEST = 165;

const Blueprint = v.object({
  flavor: v.string(),
  keyName: v.optional(v.nullable(v.string())),
  securityGroups: v.optional(v.array(v.string())),
});

/** What a server like a snapshot's own is made with, when that is gone: the flavor's id, and by their names the rest. */
export type Blueprint = v.InferOutput<typeof Blueprint>;

/** In place of one that is not known: something has to be written, lest another server's be inherited. */
export const UNKNOWN = 'unknown';

/**
 * What is known of a server from its listing, as a metadatum of its snapshot: JSON in ASCII, without what is too long;
 * {@link UNKNOWN} when there is no room for even the flavor.
 */
export function blueprintText(server: Pick<Server, 'flavorId' | 'keyName' | 'securityGroups'>): string {
  const { flavorId: flavor, securityGroups } = server;
  if (flavor === undefined) return UNKNOWN;
  const keyName = server.keyName ?? null;
  const attempts: Blueprint[] = [{ flavor, keyName, securityGroups }, { flavor, keyName }, { flavor }];
  return attempts.map(inAscii).find(({ length }) => length <= LONGEST) ?? UNKNOWN;
}

/** {@link blueprintText} read back; undefined for anything else. */
export function readBlueprint(text: string): Blueprint | undefined {
  try {
    return v.parse(Blueprint, JSON.parse(text));
  } catch {
    return undefined;
  }
}

function inAscii(value: object): string {
  const code = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, code);
}
