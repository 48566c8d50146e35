import { createCipheriv, createHash } from 'node:crypto';
import type { CloudImage } from './model.ts';

/** How the image service serves the data of its images. */
export interface DataMode {
  /**
   * Whether the image service supports the header Range. Versions before Pike send the whole image.
   */
  ranges: boolean;
  /** Whether the byte in the middle of each image is served wrong. */
  corrupt: boolean;
  /** The byte after which every response stalls: its connection stays open without further data. */
  stallsAt?: number | undefined;
}

const CHUNK_BYTES = 64 * 1024;
/** No test downloads a larger image completely, so its checksums are made up. */
const LARGEST_CHECKED_BYTES = 1e9;
const BLOCK_BYTES = 16;

/**
 * An image's bytes from `from` up to, but not including, `to`. They are what was uploaded, or else
 * pseudo-random bytes that depend on the image's id alone.
 */
export function dataOf({ id, data }: Pick<CloudImage, 'id' | 'data'>, from: number, to: number): Buffer {
  if (data) return data.subarray(from, to);
  const first = Math.floor(from / BLOCK_BYTES);
  const counter = Buffer.alloc(BLOCK_BYTES);
  counter.writeBigUInt64BE(BigInt(first), 8);
  const key = createHash('md5').update(id).digest();
  const noise = createCipheriv('aes-128-ctr', key, counter).update(Buffer.alloc(to - first * BLOCK_BYTES));
  return noise.subarray(from - first * BLOCK_BYTES);
}

function* chunks(image: CloudImage, from: number, to: number): Generator<Buffer> {
  for (let at = from; at < to; at += CHUNK_BYTES) yield dataOf(image, at, Math.min(to, at + CHUNK_BYTES));
}

/** The requested bytes, from `from` up to, but not including, `to`. */
interface Range {
  from: number;
  to: number;
}

/**
 * Parses the header Range of a request for an image's data; the header is ignored if `mode.ranges`
 * is false.
 *
 * @returns the range, or the error: glance/common/wsgi.py `get_range_from_request`.
 */
export function rangeOf(
  header: string | undefined,
  size: number,
  mode: DataMode,
): { range?: Range; refused?: { status: 400 | 416; message: string } } {
  if (!mode.ranges || header === undefined) return {};
  if (header.includes(',')) {
    return {
      refused: { status: 400, message: 'Requests with multiple ranges are not supported in Glance.' },
    };
  }
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
  if (first === '' && last === '') return { refused: { status: 416, message: 'Invalid Range header.' } };
  const from = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (from < to) return { range: { from, to } };
  const message = `Invalid start position in Range header. Start position MUST be in the inclusive range [0, ${size - 1}].`;
  return { refused: { status: 416, message } };
}

/** `GET /images/{id}/file`: 200, or 206 for a range. */
export function fileAnswer(image: CloudImage, range: Range | undefined, mode: DataMode): Response {
  const size = image.size ?? 0;
  const { from, to } = range ?? { from: 0, to: size };
  const parts = chunks(image, from, to);
  let at = from;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at >= (mode.stallsAt ?? Number.POSITIVE_INFINITY)) return new Promise<void>(() => {});
      const { value, done } = parts.next();
      if (done) return controller.close();
      const middle = Math.floor(size / 2) - at;
      const sent = Buffer.from(value);
      if (mode.corrupt && middle >= 0 && middle < sent.length) sent[middle] = ~sent[middle]!;
      at += sent.length;
      controller.enqueue(sent);
    },
  });
  return new Response(body, {
    status: range === undefined ? 200 : 206,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(to - from),
      ...(range === undefined ? {} : { 'content-range': `bytes ${from}-${to - 1}/${size}` }),
    },
  });
}

type Checksums = Record<'checksum' | 'os_hash_algo' | 'os_hash_value', string | null>;
const known = new WeakMap<CloudImage, { size: number; checksums: Checksums }>();

/** The checksums that Glance computes during the upload of an image. */
export function checksumsOf(image: CloudImage): Checksums {
  const { status, size } = image;
  if (status !== 'active') return { checksum: null, os_hash_algo: null, os_hash_value: null };
  if (!size || size > LARGEST_CHECKED_BYTES) {
    return {
      checksum: '668b1bdd913a244439bcd7f338386bf5',
      os_hash_algo: 'sha512',
      os_hash_value: createHash('sha512').update(image.id).digest('hex'),
    };
  }
  const found = known.get(image);
  if (found?.size === size) return found.checksums;
  const [md5, sha512] = [createHash('md5'), createHash('sha512')];
  for (const chunk of chunks(image, 0, size)) {
    md5.update(chunk);
    sha512.update(chunk);
  }
  const checksums = {
    checksum: md5.digest('hex'),
    os_hash_algo: 'sha512',
    os_hash_value: sha512.digest('hex'),
  };
  known.set(image, { size, checksums });
  return checksums;
}
