import * as v from 'valibot';
import { isoSeconds } from '../config/dates.ts';
import type { Image } from '../openstack/images.ts';
import type { Original, Place, Stored } from './copies.ts';

/** What the bytes of an image are checked against. */
export interface Checksum {
  algorithm: 'sha512' | 'sha256' | 'md5';
  /** Hexadecimal, lower case. */
  value: string;
}

/**
 * Glance's own checksum of an image: `os_hash_value`, or the older MD5 `checksum`. Undefined where it has none that is
 * known here.
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
  /** Its deletion has begun: what is left of its data has to go. */
  deleting: v.optional(v.boolean()),
});

/** What a copy's data are, and what they were found to agree with. */
export interface DataFacts {
  sizeBytes: number;
  disk_format: string | undefined;
  container_format: string | undefined;
  /** Of the whole. */
  checksum?: Checksum;
  /** As they are stored, where that is known from their source already. */
  etag?: string;
  /** Of which Cloud Files has put them together. */
  segments?: Segment[];
  /** For people. */
  verified: string;
}

/** A part of an image that was exported to Cloud Files. */
export interface Segment {
  name: string;
  bytes: number;
  /** Hexadecimal. */
  md5: string;
}

/** The JSON beside a copy's data: all that is needed to make an image of them again, in any OpenStack. */
export function manifestOf(
  place: Place,
  original: Original,
  image: Image,
  { sizeBytes, disk_format, container_format, ...found }: DataFacts,
  at: Date,
): string {
  const { disk_format: _, container_format: __, ...properties } = image.properties;
  const manifest = {
    ...place,
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

/** What Glance sets by itself, and would not take from us. */
const GLANCES_OWN =
  /^(id|name|status|visibility|owner|created_at|updated_at|checksum|os_hash_.*|os_glance_.*|direct_url|stores|self|file|schema)$/;

/** Whose snapshot it was: an image that is made of the copy is nobody's. */
const SNAPSHOTS_OWN =
  /^(autosnap_.*|instance_uuid|image_type|user_id|owner_.*|boot_roles|image_state|image_location)$/;

/** What a manifest says, as far as the service relies on it. */
export type Manifest = v.InferOutput<typeof Manifest>;

/** Reads a text as the manifest of exactly one copy; undefined when it is another's, or can't be read. */
export function readManifest(
  text: string,
  { owner, account, policy }: Place,
  { region, server, slot, image }: Original,
): Manifest | undefined {
  try {
    const manifest = v.parse(Manifest, JSON.parse(text));
    const wanted = { owner, account, policy, region, server, slot: isoSeconds(slot), image };
    return Object.entries(wanted).every(([key, value]) => manifest[key] === value) ? manifest : undefined;
  } catch {
    return undefined;
  }
}

/** The same manifest, with the note that the deletion of its copy has begun. */
export function manifestOfDeletion(text: string): string {
  return JSON.stringify({ ...(JSON.parse(text) as object), deleting: true }, null, 2);
}

/** Whether a manifest is that of these data: their size, and their ETag where the manifest has it. */
export function describes(manifest: Manifest, { bytes, etag }: Pick<Stored, 'bytes' | 'etag'>): boolean {
  return manifest.sizeBytes === bytes && (manifest.etag ?? etag) === etag;
}
