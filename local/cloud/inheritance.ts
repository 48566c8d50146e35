import type { CloudFlavor, CloudImage, CloudServer, CloudVolume } from './model.ts';

/** Too large for what Nova remembers of an image (`SM_SKIP_KEYS` in nova/utils.py). */
const NOT_REMEMBERED = ['mappings', 'block_device_mapping', 'img_mappings', 'img_block_device_mapping'];

/**
 * Remembered, and never passed on to a snapshot (nova/compute/utils.py,
 * `non_inheritable_image_properties`).
 */
const NOT_PASSED_ON = [
  'cache_in_nova',
  'bittorrent',
  'cinder_encryption_key_id',
  'cinder_encryption_key_deletion_policy',
  'img_signature',
  'img_signature_hash_method',
  'img_signature_key_type',
  'img_signature_certificate_uuid',
];
const RESERVED_PREFIX = 'os_glance';

/**
 * What Nova takes out of a volume's image metadata before it remembers them
 * (`VIM_IMAGE_ATTRIBUTES`).
 */
const ABOUT_THE_IMAGE = [
  'image_id',
  'image_name',
  'size',
  'checksum',
  'container_format',
  'disk_format',
  'min_ram',
  'min_disk',
];

const MOST_BYTES = 255;

/**
 * What a server remembers of its image from the moment in which it was built: later changes of the
 * image change nothing.
 */
type Remembered = Required<Pick<CloudServer, 'inherits' | 'snapshotNeeds'>>;

/**
 * What Nova writes down of an image when it builds a server from it
 * (`get_system_metadata_from_image`).
 */
export function inheritedBy(
  image: Pick<CloudImage, 'properties' | 'minDisk' | 'minRam' | 'diskFormat'>,
  flavor: Pick<CloudFlavor, 'disk'> | undefined,
): Remembered {
  const kept = without(image.properties, NOT_REMEMBERED);
  const disk = flavor?.disk ?? 0;
  const isVhd = (image.diskFormat ?? 'vhd') === 'vhd';
  return {
    inherits: Object.fromEntries(Object.entries(kept).map(([key, value]) => [key, truncated(value)])),
    snapshotNeeds: { minDisk: isVhd ? disk : Math.max(image.minDisk, disk), minRam: image.minRam },
  };
}

/**
 * The same for a server whose root volume was made before the server: the volume says what image it
 * was made from.
 */
export function rememberedOfVolume(
  { imageMetadata }: CloudVolume,
  flavor: Pick<CloudFlavor, 'disk'> | undefined,
): Remembered {
  return inheritedBy(
    {
      properties: without(imageMetadata, ABOUT_THE_IMAGE),
      minDisk: Number(imageMetadata.min_disk ?? 0),
      minRam: Number(imageMetadata.min_ram ?? 0),
      diskFormat: imageMetadata.disk_format ?? 'raw',
    },
    flavor,
  );
}

/**
 * What the image of a server has of the image that the server was built from, whatever it means
 * there.
 */
export function passedOn({ inherits = {} }: CloudServer): Record<string, string> {
  const kept = Object.entries(without(inherits, NOT_PASSED_ON));
  return Object.fromEntries(kept.filter(([key]) => !key.startsWith(RESERVED_PREFIX)));
}

/** What Cinder writes down of an image when it makes a volume from it: all that the image says. */
export function imageMetadataOf(image: CloudImage): Record<string, string> {
  return {
    ...image.properties,
    image_id: image.id,
    image_name: image.name,
    container_format: image.containerFormat ?? 'bare',
    disk_format: image.diskFormat ?? 'vhd',
    min_disk: String(image.minDisk),
    min_ram: String(image.minRam),
    size: String(image.size ?? 0),
  };
}

function without(properties: Record<string, string>, keys: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => !keys.includes(key)));
}

/** To 255 bytes of UTF-8, without half a character at the end. */
function truncated(value: string): string {
  const bytes = Buffer.from(value);
  if (bytes.length <= MOST_BYTES) return value;
  return new TextDecoder().decode(bytes.subarray(0, MOST_BYTES), { stream: true });
}
