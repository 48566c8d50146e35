import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { Server } from '../openstack/compute.ts';

/**
 * The maximum length of a blueprint as text. Nova limits a metadata value to 255 characters, and an
 * ad-hoc snapshot has its expiry and request in the same value.
 */
const MAX_LENGTH = 165;

const Blueprint = v.object({
  flavor: v.optional(v.string()),
  /**
   * The server's region. The region that lists the image may be another one, because regions may
   * share an image service.
   */
  region: v.optional(v.string()),
  keyName: v.optional(v.nullable(v.string())),
  securityGroups: v.optional(v.array(v.string())),
  /** The {@link fingerprint} of the name with which the image was created. */
  named: v.optional(v.string()),
  /** The number of parts that the set of the image was requested with; see volumes/set-parts.ts. */
  parts: v.optional(v.number()),
});

/**
 * What a restore needs to create a server like the snapshot's deleted server: the flavor by its id,
 * key and security groups by their names.
 */
export type Blueprint = v.InferOutput<typeof Blueprint>;

/**
 * The text for an unknown blueprint. A marker always has a blueprint, because the image would
 * otherwise inherit that of another server.
 */
export const UNKNOWN = 'unknown';

/**
 * The blueprint of a listed server as a metadata value of its snapshot: JSON in ASCII. Fields that
 * would make the text too long are left out; {@link UNKNOWN} if nothing fits.
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
  // The region and the name stay the longest, because they decide about the ownership of the image,
  // and about cleanups after its server is deleted.
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
  return attempts.map(asciiJson).find(({ length }) => length <= MAX_LENGTH) ?? UNKNOWN;
}

/** A blueprint with the number of parts of the set; unchanged if the text would be too long. */
export function withPartsInBlueprint(text: string, parts: number): string {
  const blueprint = readBlueprint(text);
  const changed = blueprint && asciiJson({ ...blueprint, parts });
  return changed && changed.length <= MAX_LENGTH ? changed : text;
}

/**
 * A short hash of an image name. Every image of a server that was rebuilt from a snapshot inherits
 * the properties of this snapshot, but has another name. So a wrong fingerprint shows an inherited
 * marker.
 */
export function fingerprint(name: string): string {
  // A cloud may trim a name, or normalize its letters differently.
  const letters = name.normalize('NFC').replace(/[^\p{L}\p{N}]/gu, '');
  return createHash('sha256').update(letters).digest('hex').slice(0, 8);
}

/** Parses the result of {@link blueprintText}; undefined for any other text. */
export function readBlueprint(text: string): Blueprint | undefined {
  // An exception for each of thousands of images is slow.
  if (text === UNKNOWN) return undefined;
  try {
    return v.parse(Blueprint, JSON.parse(text));
  } catch {
    return undefined;
  }
}

function asciiJson(value: object): string {
  const code = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, code);
}
