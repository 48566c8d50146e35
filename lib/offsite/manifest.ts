import * as v from 'valibot';
import { isoSeconds } from '../config/dates.ts';
import type { Image } from '../openstack/images.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import type { CopyScope, OriginalImage, Stored } from './copies.ts';

/** A checksum of an image's data. */
export interface Checksum {
  algorithm: 'sha512' | 'sha256' | 'md5';
  /** Hexadecimal, lower case. */
  value: string;
}

/**
 * Glance's checksum of an image: `os_hash_value`, or the older MD5 `checksum`
 * (https://docs.openstack.org/api-ref/image/v2/). Undefined when the image has neither, or an
 * unknown algorithm.
 */
export function checksumOf({ properties }: Pick<Image, 'properties'>): Checksum | undefined {
  const { os_hash_algo: algorithm, os_hash_value: value, checksum } = properties;
  if (value && (algorithm === 'sha512' || algorithm === 'sha256')) {
    return { algorithm, value: value.toLowerCase() };
  }
  return checksum ? { algorithm: 'md5', value: checksum.toLowerCase() } : undefined;
}

const Manifest = v.looseObject({
  owner: v.string(),
  account: v.string(),
  policy: v.string(),
  region: v.string(),
  server: v.string(),
  slot: v.string(),
  image: v.string(),
  sizeBytes: v.number(),
  etag: v.optional(v.string()),
  disk_format: v.optional(v.string()),
  segments: v.fallback(v.optional(v.array(v.object({ name: v.string() }))), undefined),
  /** Whether the deletion of the copy has begun. A later run then deletes the remaining data. */
  deleting: v.optional(v.boolean()),
});

/** The facts about a copy's data that its manifest records. */
export interface DataFacts {
  sizeBytes: number;
  disk_format: string | undefined;
  container_format: string | undefined;
  /** The checksum of all data. */
  checksum?: Checksum;
  /** The ETag of the stored data, if it is known when the manifest is written. */
  etag?: string;
  /** The segments in Cloud Files, when the data were exported there. */
  segments?: Segment[];
  /** A description, for people, of how the data were verified. */
  verified: Sentence;
}

/** A part of an image that was exported to Cloud Files. */
export interface Segment {
  name: string;
  bytes: number;
  /** Hexadecimal. */
  md5: string;
}

/**
 * The manifest of a copy as JSON. It contains everything that is needed to create an image from the
 * data, in any OpenStack cloud.
 */
export function manifestOf(
  scope: CopyScope,
  original: OriginalImage,
  image: Image,
  { sizeBytes, disk_format, container_format, ...found }: DataFacts,
  at: Date,
): string {
  const { disk_format: _, container_format: __, ...properties } = image.properties;
  const manifest = {
    ...scope,
    ...original,
    slot: isoSeconds(original.slot),
    name: image.name,
    createdAt: isoSeconds(image.createdAt),
    copiedAt: isoSeconds(at),
    sizeBytes,
    ...found,
    disk_format,
    container_format,
    min_disk: image.minDiskGb,
    min_ram: image.minRamMb,
    properties: Object.fromEntries(
      Object.entries(properties).filter(([key]) => !GLANCES_OWN.test(key) && !SNAPSHOTS_OWN.test(key)),
    ),
  } satisfies v.InferInput<typeof Manifest>;
  return JSON.stringify(manifest, null, 2);
}

/** The properties that Glance sets itself and refuses from a client. */
const GLANCES_OWN =
  /^(id|name|status|visibility|owner|created_at|updated_at|checksum|os_hash_.*|os_glance_.*|direct_url|stores|self|file|schema)$/;

/**
 * The properties that mark an image as a snapshot. They are left out, because an image that is
 * created from the copy is not a snapshot.
 */
const SNAPSHOTS_OWN =
  /^(autosnap_.*|instance_uuid|image_type|user_id|owner_.*|boot_roles|image_state|image_location)$/;

/** The fields of a manifest that autosnap reads. */
export type Manifest = v.InferOutput<typeof Manifest>;

/**
 * Parses the manifest of exactly this copy; undefined when the text is invalid or the manifest of
 * another copy.
 */
export function readManifest(
  text: string,
  { owner, account, policy }: CopyScope,
  { region, server, slot, image }: OriginalImage,
): Manifest | undefined {
  try {
    const manifest = v.parse(Manifest, JSON.parse(text));
    const wanted = { owner, account, policy, region, server, slot: isoSeconds(slot), image };
    return Object.entries(wanted).every(([key, value]) => manifest[key] === value) ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** The manifest with the mark `deleting`: the deletion of the copy has begun. */
export function manifestOfDeletion(text: string): string {
  return JSON.stringify({ ...(JSON.parse(text) as object), deleting: true }, null, 2);
}

/**
 * Whether a manifest describes these data: the sizes are the same, and the ETags are the same if
 * the manifest has one.
 */
export function describes(manifest: Manifest, { bytes, etag }: Pick<Stored, 'bytes' | 'etag'>): boolean {
  return manifest.sizeBytes === bytes && (manifest.etag ?? etag) === etag;
}
