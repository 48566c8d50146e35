import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { Server } from '../openstack/compute.ts';

/** Nova takes 255 characters; the rest is for what may stand before it. */
const LONGEST = 165;

const Blueprint = v.object({
  flavor: v.optional(v.string()),
  /** Where the server is: regions may share an image service, and a catalogue may lack one. */
  region: v.optional(v.string()),
  keyName: v.optional(v.nullable(v.string())),
  securityGroups: v.optional(v.array(v.string())),
  /** The {@link fingerprint} of the name that the image was given. */
  named: v.optional(v.string()),
});

/**
 * What a server like a snapshot's own is made with, when that is gone: the flavor's id, and by
 * their names the rest.
 */
export type Blueprint = v.InferOutput<typeof Blueprint>;

/**
 * In place of one that is not known: something has to be written, lest another server's be
 * inherited.
 */
export const UNKNOWN = 'unknown';

/**
 * What is known of a server from its listing, as a metadatum of its snapshot: JSON in ASCII,
 * without what is too long; {@link UNKNOWN} when nothing fits.
 *
 * @param name the name of the snapshot.
 */
export function blueprintText(
  server: Pick<Server, 'region' | 'flavorId' | 'keyName' | 'securityGroups'>,
  name: string,
): string {
  const { region, flavorId: flavor, securityGroups } = server;
  const keyName = server.keyName ?? null;
  const named = fingerprint(name);
  // The region and the name say whose the image is, and what becomes of it when its server is gone.
  const attempts: Blueprint[] = [
    ...(flavor === undefined
      ? []
      : [
          { region, named, flavor, keyName, securityGroups },
          { region, named, flavor, keyName },
          { region, named, flavor },
        ]),
    { region, named },
    { named },
  ];
  return attempts.map(inAscii).find(({ length }) => length <= LONGEST) ?? UNKNOWN;
}

/**
 * A few characters that stand for the name of an image. A snapshot's properties are inherited by
 * every image that is made of a server which was rebuilt from it, and its name is not: another
 * image has another name.
 */
export function fingerprint(name: string): string {
  // A cloud may trim a name, or write its letters otherwise.
  const letters = name.normalize('NFC').replace(/[^\p{L}\p{N}]/gu, '');
  return createHash('sha256').update(letters).digest('hex').slice(0, 8);
}

/** {@link blueprintText} read back; undefined for anything else. */
export function readBlueprint(text: string): Blueprint | undefined {
  // An exception for each of thousands of images is slow.
  if (text === UNKNOWN) return undefined;
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
