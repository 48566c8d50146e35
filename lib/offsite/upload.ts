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
/** S3 takes no more. */
const MOST_PARTS = 10_000;
/** Parts that are being sent, together; one more is being read meanwhile. */
const WINDOW_BYTES = 48 * MIB;
const TRIES = 3;
const BACKOFF_MS = 1_000;

/** Where the bytes come from. */
export interface Bytes {
  sizeBytes: number;
  /** From some byte on, as they come. */
  read(from: number): Promise<ImageData>;
}

/** How far an upload has come: it is whole, or there is no time left. */
export interface Uploaded {
  whole: boolean;
  bytes: number;
  /** The cloud sends images from the beginning only, and this run has added nothing: none ever will. */
  hopeless: boolean;
}

/** How large the parts of an upload are: the same for the same image in every run, so that any run can go on. */
export function partBytesOf(sizeBytes: number): number {
  return Math.max(PART_BYTES, Math.ceil(sizeBytes / MOST_PARTS / MIB) * MIB);
}

/**
 * Uploads an image's data part by part, those that are not there yet, and puts them together. Memory holds a few parts,
 * never the image. A connection that breaks is opened again where it was.
 *
 * @throws {CloudError} when the cloud fails; {BucketError} GONE when another run has ended this upload.
 */
export async function upload(
  deadline: Deadline,
  bucket: Bucket,
  target: Upload,
  source: Bytes,
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
  const result = (whole: boolean): Uploaded => ({
    whole,
    bytes: [...there].reduce((sum, number) => sum + bytesOf(number), 0),
    hopeless: !whole && ignoresRanges && there.size === before,
  });

  /** Reads from the first part that is missing on, and sends what is not there. */
  async function proceed(): Promise<void> {
    let number = 1;
    while (there.has(number)) number++;
    const { from, body } = await source.read((number - 1) * partBytes);
    ignoresRanges ||= from === 0 && number > 1;
    let failure: unknown;
    // An error of the cloud ends the reading; what has been read is sent all the same, before anything is decided.
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
  // Asked for once more: another run may have sent some of them again.
  const stored = (await bucket.parts(target)).filter(({ number }) => number <= count);
  await bucket.complete(target, stored);
  return result(true);
}

/** Whether an error only says that the run has to end. */
export function isOutOfTime(error: unknown): boolean {
  return isCloudError(error, 'OUT_OF_TIME') || isBucketError(error, 'OUT_OF_TIME');
}

interface Cutting {
  from: number;
  partBytes: number;
  count: number;
  bytesOf(number: number): number;
  stopped(): boolean;
}

/** Cuts a stream of bytes, which begins with a part, into parts. */
async function* cut(
  body: AsyncIterable<Buffer>,
  { from, partBytes, count, bytesOf, stopped }: Cutting,
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
  if (number <= count) throw new CloudError('NO_ANSWER', 'The image data end before the image does.');
}
