import * as v from 'valibot';
import { isoSeconds } from '../dates.ts';
import type { Image } from '../openstack/images.ts';
import type { Original, Place } from './copies.ts';

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
});

/** The JSON beside a copy's data: all that is needed to make an image of them again, in any OpenStack. */
export function manifestOf(place: Place, original: Original, image: Image, at: Date): string {
  const { disk_format, container_format, ...properties } = image.properties;
  const manifest = {
    ...place,
    ...original,
    slot: isoSeconds(original.slot),
    name: image.name,
    createdAt: isoSeconds(image.createdAt),
    copiedAt: isoSeconds(at),
    sizeBytes: image.sizeBytes,
    checksum: checksumOf(image),
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

/** Whether a text is the manifest of just that copy; nothing is ever deleted without one that is. */
export function isManifestOf(
  text: string | undefined,
  { owner, account, policy }: Place,
  { region, server, slot, image }: Original,
): boolean {
  try {
    const manifest = v.parse(Manifest, JSON.parse(text ?? ''));
    const wanted = { owner, account, policy, region, server, slot: isoSeconds(slot), image };
    return Object.entries(wanted).every(([key, value]) => manifest[key] === value);
  } catch {
    return false;
  }
}
