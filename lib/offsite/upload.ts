import pMap from 'p-map';
import { CloudError, isCloudError } from '../openstack/errors.ts';
import type { Deadline } from '../openstack/http.ts';
import type { ImageData } from '../openstack/image-data.ts';
import { pause } from '../openstack/pause.ts';
import type { Bucket } from './bucket.ts';
import { isBucketError } from './bucket-error.ts';
import type { Upload } from './copies.ts';

const MIB = 2 ** 20;
const PART_BYTES = 16 * MIB;
/** S3's limit: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html. */
const MOST_PARTS = 10_000;
/** The total size of the parts that are sent at the same time. One more part is read meanwhile. */
const WINDOW_BYTES = 48 * MIB;
const TRIES = 3;
const BACKOFF_MS = 1_000;

/** The source of an upload. */
export interface UploadSource {
  sizeBytes: number;
  /** Streams the data from the offset `from` on. */
  read(from: number): Promise<ImageData>;
}

/** The progress of an upload: complete, or stopped at the run deadline. */
export interface Uploaded {
  isComplete: boolean;
  bytes: number;
  /**
   * Whether no run can complete the upload, because the cloud ignores byte ranges and this run
   * added no part.
   */
  isHopeless: boolean;
}

/**
 * The size of the parts of an upload: the same in every run, so that any run can resume the upload.
 */
export function partBytesOf(sizeBytes: number): number {
  return Math.max(PART_BYTES, Math.ceil(sizeBytes / MOST_PARTS / MIB) * MIB);
}

/**
 * Uploads the missing parts of an image's data and completes the upload. Memory holds a few parts,
 * never the whole image. A broken download is resumed from the first missing part.
 *
 * @throws {CloudError} when the cloud fails.
 * @throws {BucketError} GONE when another run has completed or aborted this upload.
 */
export async function upload(
  deadline: Deadline,
  bucket: Bucket,
  target: Upload,
  source: UploadSource,
): Promise<Uploaded> {
  const partBytes = partBytesOf(source.sizeBytes);
  const count = Math.ceil(source.sizeBytes / partBytes);
  const bytesOf = (number: number) =>
    number < count ? partBytes : source.sizeBytes - partBytes * (count - 1);
  const there = new Set(
    (await bucket.parts(target))
      .filter(({ number, bytes }) => number <= count && bytes === bytesOf(number))
      .map(({ number }) => number),
  );
  const before = there.size;
  let ignoresRanges = false;
  const result = (isComplete: boolean): Uploaded => ({
    isComplete,
    bytes: [...there].reduce((sum, number) => sum + bytesOf(number), 0),
    isHopeless: !isComplete && ignoresRanges && there.size === before,
  });

  /** Reads the data from the first missing part on, and uploads the missing parts. */
  async function proceed(): Promise<void> {
    let number = 1;
    while (there.has(number)) number++;
    const { from, body } = await source.read((number - 1) * partBytes);
    ignoresRanges ||= from === 0 && number > 1;
    let failure: unknown;
    // An error of the download ends the reading, but the parts that were read before are still
    // uploaded.
    async function* parts() {
      try {
        yield* cut(body, { from, bytesOf, partBytes, count, stopped: () => failure !== undefined });
      } catch (error) {
        failure ??= error;
      }
    }
    await pMap(
      parts(),
      async (part) => {
        if (there.has(part.number)) return;
        try {
          await bucket.putPart(target, part.number, part.data);
          there.add(part.number);
        } catch (error) {
          failure ??= error;
        }
      },
      { concurrency: Math.max(1, Math.floor(WINDOW_BYTES / partBytes)) },
    );
    if (failure !== undefined) throw failure;
  }

  for (let tries = 1; there.size < count; ) {
    const had = there.size;
    try {
      await proceed();
    } catch (error) {
      if (isOutOfTime(error)) return result(false);
      tries = there.size > had ? 1 : tries + 1;
      if (tries > TRIES || !isCloudError(error, 'NO_ANSWER', 'UNAVAILABLE', 'RATE_LIMITED')) throw error;
      await pause(Math.min(BACKOFF_MS * 2 ** (tries - 1), Math.max(0, deadline.remainingMs())));
    }
  }
  // Lists the parts once more, because another run may have uploaded some of them again.
  const stored = (await bucket.parts(target)).filter(({ number }) => number <= count);
  await bucket.complete(target, stored);
  return result(true);
}

/** Whether an error only means that the run deadline is reached. */
export function isOutOfTime(error: unknown): boolean {
  return isCloudError(error, 'OUT_OF_TIME') || isBucketError(error, 'OUT_OF_TIME');
}

interface CutOptions {
  from: number;
  partBytes: number;
  count: number;
  bytesOf(number: number): number;
  stopped(): boolean;
}

/** Cuts a stream of bytes, which starts at the beginning of a part, into parts. */
async function* cut(
  body: AsyncIterable<Buffer>,
  { from, partBytes, count, bytesOf, stopped }: CutOptions,
): AsyncGenerator<{ number: number; data: Buffer }> {
  let number = from / partBytes + 1;
  let data = Buffer.allocUnsafe(bytesOf(number));
  let filled = 0;
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length; ) {
      if (number > count) throw new CloudError('BAD_ANSWER', 'The image has more bytes than its size says.');
      const copied = chunk.copy(data, filled, at);
      at += copied;
      filled += copied;
      if (filled < data.length) continue;
      yield { number, data };
      if (stopped()) return;
      number++;
      filled = 0;
      if (number <= count) data = Buffer.allocUnsafe(bytesOf(number));
    }
  }
  if (number <= count)
    throw new CloudError('NO_ANSWER', 'The image data ended before the size of the image was reached.');
}
