import { createHash } from 'node:crypto';
import type { ListedObject, ObjectFacts } from '../openstack/objects.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Segment } from './manifest.ts';

/** The name that an export gives to an image's data. */
export function exportedName(image: string): string {
  return `${image}.vhd`;
}

/** An image that was exported to Cloud Files. */
export interface Exported {
  bytes: number;
  /** The MD5 of the segments' MD5s. */
  etag: string;
  segments: Segment[];
}

/** The facts about an export that can be read without downloading it. */
interface ExportFacts {
  container: string;
  image: string;
  object: ObjectFacts;
  /** All objects whose names start with the prefix of the export's segments. */
  segments: readonly ListedObject[];
  /** The last {@link FOOTER_BYTES} of the object. */
  footer: Buffer;
}

/** The size of the footer at the end of every VHD. */
export const FOOTER_BYTES = 512;

/**
 * Checks whether an export is complete, as far as possible, because the image service has no
 * checksum of its exports. Swift serves a large object from the segments that exist, so a download
 * would not show that a segment is missing.
 *
 * An export consists of segments named `<image>.vhd-00001` and so on, all of one size except the
 * last, and an empty object that names them: Rackspace's Cloud Images FAQ and "Use Swiftly to
 * download an exported image".
 *
 * @returns the export, or the reason why it is not complete.
 */
export function checkExport({ container, image, object, segments, footer }: ExportFacts): Exported | Reason {
  const name = exportedName(image);
  const { bytes, etag } = object;
  if (!isVhdFooter(footer)) return { code: 'EXPORT_NO_VHD', name };
  if (object.segments === undefined) return { bytes, etag, segments: [{ name, bytes, md5: etag }] };
  if (object.segments !== `${container}/${name}-`) return { code: 'EXPORT_OF_OTHERS', name };
  const [first] = segments;
  const start = Number(first?.name.slice(name.length + 1));
  const inOrder = segments.every((segment, i) => {
    const isLast = i === segments.length - 1;
    const hasSize = isLast
      ? segment.bytes > 0 && segment.bytes <= first!.bytes
      : segment.bytes === first!.bytes;
    return (
      isSegmentOf(image, segment.name) && Number(segment.name.slice(name.length + 1)) === start + i && hasSize
    );
  });
  if (!first || start > 1 || !inOrder) return { code: 'EXPORT_SEGMENTS_MISSING', name };
  if (segments.reduce((sum, segment) => sum + segment.bytes, 0) !== bytes) {
    return { code: 'EXPORT_OTHER_SIZE', name };
  }
  if (etagOf(segments) !== etag) return { code: 'EXPORT_OTHER_CHECKSUM', name };
  return {
    bytes,
    etag,
    segments: segments.map((one) => ({ name: one.name, bytes: one.bytes, md5: one.hash })),
  };
}

/**
 * The ETag that Swift gives a large object: the MD5 of the MD5s of its segments, in the order of
 * their names.
 */
export function etagOf(segments: readonly Pick<ListedObject, 'hash'>[]): string {
  return createHash('md5')
    .update(segments.map(({ hash }) => hash).join(''))
    .digest('hex');
}

/** Whether an object has the name of a segment of an image's export. */
export function isSegmentOf(image: string, name: string): boolean {
  return (
    name.startsWith(`${exportedName(image)}-`) && /^\d+$/.test(name.slice(exportedName(image).length + 1))
  );
}

/**
 * Checks the footer of a VHD: its cookie, and its checksum, which is the complement of the sum of
 * all other bytes of the footer.
 */
function isVhdFooter(footer: Buffer): boolean {
  if (footer.length !== FOOTER_BYTES || footer.toString('latin1', 0, 8) !== 'conectix') return false;
  const sum = footer.reduce((total, byte, i) => (i >= 64 && i < 68 ? total : total + byte), 0);
  return footer.readUInt32BE(64) === ~sum >>> 0;
}
