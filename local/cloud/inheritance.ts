import type { CloudFlavor, CloudImage, CloudServer, CloudVolume } from './model.ts';

/**
 * Properties that Nova does not record on a server because they are too large (`SM_SKIP_KEYS` in
 * nova/utils.py).
 */
const NOT_REMEMBERED = ['mappings', 'block_device_mapping', 'img_mappings', 'img_block_device_mapping'];

/**
 * Properties that Nova records on a server but does not copy to its snapshots
 * (nova/compute/utils.py, `non_inheritable_image_properties`).
 */
const NOT_INHERITED = [
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
 * The image metadata of a volume that Nova does not record on a server (`VIM_IMAGE_ATTRIBUTES`).
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
 * What Nova records of a server's image when it builds the server. Later changes of the image have
 * no effect.
 */
type InheritedFields = Required<Pick<CloudServer, 'inherits' | 'snapshotNeeds'>>;

/** What Nova records when it builds a server from an image (`get_system_metadata_from_image`). */
export function inheritedFromImage(
  image: Pick<CloudImage, 'properties' | 'minDisk' | 'minRam' | 'diskFormat'>,
  flavor: Pick<CloudFlavor, 'disk'> | undefined,
): InheritedFields {
  const kept = without(image.properties, NOT_REMEMBERED);
  const disk = flavor?.disk ?? 0;
  const isVhd = (image.diskFormat ?? 'vhd') === 'vhd';
  return {
    inherits: Object.fromEntries(Object.entries(kept).map(([key, value]) => [key, truncated(value)])),
    snapshotNeeds: { minDisk: isVhd ? disk : Math.max(image.minDisk, disk), minRam: image.minRam },
  };
}

/**
 * What Nova records when it builds a server from an existing volume: the volume has the metadata of
 * the image that it was created from.
 */
export function inheritedFromVolume(
  { imageMetadata }: CloudVolume,
  flavor: Pick<CloudFlavor, 'disk'> | undefined,
): InheritedFields {
  return inheritedFromImage(
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
 * The properties that a snapshot inherits from the image of its server. They are copied even where
 * their meaning does not apply to the snapshot.
 */
export function inheritedProperties({ inherits = {} }: CloudServer): Record<string, string> {
  const kept = Object.entries(without(inherits, NOT_INHERITED));
  return Object.fromEntries(kept.filter(([key]) => !key.startsWith(RESERVED_PREFIX)));
}

/** The image metadata that Cinder records on a volume created from an image. */
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

/** Truncates to 255 bytes of UTF-8, without half a character at the end. */
function truncated(value: string): string {
  const bytes = Buffer.from(value);
  if (bytes.length <= MOST_BYTES) return value;
  return new TextDecoder().decode(bytes.subarray(0, MOST_BYTES), { stream: true });
}
