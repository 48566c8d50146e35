import { createHash } from 'node:crypto';
import type { Contents } from './files.ts';
import { dataOf } from './image-data.ts';
import type { CloudImage } from './model.ts';

const SECTOR_BYTES = 512;
const CHUNK_BYTES = 2 ** 20;
/** No test verifies the segments of a larger export, so their MD5s are made up. */
const LARGEST_HASHED_BYTES = 1e9;

/** An exported image: a VHD, whose format and size differ from those of the stored image. */
export interface ExportedImage {
  bytes: number;
  read(from: number, to: number): Buffer;
}

/** The export of an image. The same image always gives the same bytes. */
export function exportOf({ id, size }: Pick<CloudImage, 'id' | 'size'>): ExportedImage {
  const diskBytes = Math.ceil((size ?? 0) / SECTOR_BYTES) * SECTOR_BYTES;
  const bytes = diskBytes + SECTOR_BYTES;
  const footer = footerOf(id, diskBytes);
  return {
    bytes,
    read(from, to) {
      const disk =
        from < diskBytes ? dataOf({ id: `${id}.vhd` }, from, Math.min(to, diskBytes)) : Buffer.alloc(0);
      const rest = footer.subarray(Math.max(0, from - diskBytes), Math.max(0, to - diskBytes));
      return Buffer.concat([disk, rest]);
    },
  };
}

/**
 * The segments of an export in their order, of `segmentBytes` bytes each; the last may be smaller.
 */
export function* segmentsOf({ bytes, read }: ExportedImage, segmentBytes: number): Generator<Contents> {
  for (let start = 0; start < bytes; start += segmentBytes) {
    const size = Math.min(segmentBytes, bytes - start);
    const part = (from: number, to: number) => read(start + from, start + to);
    const md5 = createHash('md5');
    if (bytes > LARGEST_HASHED_BYTES) md5.update(String(start));
    else
      for (let at = 0; at < size; at += CHUNK_BYTES) md5.update(part(at, Math.min(size, at + CHUNK_BYTES)));
    yield { bytes: size, hash: md5.digest('hex'), read: part };
  }
}

/**
 * The 512-byte footer of a VHD: cookie, version, size, type (fixed), and a checksum over these
 * bytes.
 */
function footerOf(id: string, diskBytes: number): Buffer {
  const footer = Buffer.alloc(SECTOR_BYTES);
  footer.write('conectix', 0, 'latin1');
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x00010000, 12);
  footer.fill(0xff, 16, 24);
  footer.writeBigUInt64BE(BigInt(diskBytes), 40);
  footer.writeBigUInt64BE(BigInt(diskBytes), 48);
  footer.writeUInt32BE(2, 60);
  createHash('md5').update(id).digest().copy(footer, 68);
  footer.writeUInt32BE(~footer.reduce((sum, byte) => sum + byte, 0) >>> 0, 64);
  return footer;
}
