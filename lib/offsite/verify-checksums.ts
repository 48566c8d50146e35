import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import type { createMD5, createSHA256, createSHA512, IHasher } from 'hash-wasm';
import * as v from 'valibot';
import type { Deadline } from '../openstack/http.ts';
import type { Bucket } from './bucket.ts';
import { isBucketError } from './bucket-error.ts';
import type { Stored } from './copies.ts';
import type { Checksum } from './manifest.ts';

/** The time before the deadline that is reserved for saving the state of the hash. */
const RESERVE_MS = 3_000;
const TRIES = 3;

// Node's own hashes are faster, but their state can't be saved for the next run. The main file of
// hash-wasm contains all algorithms, so only the files of these three are loaded. They are UMD
// modules, which need `require`.
const load = createRequire(import.meta.url);
const { createSHA512: sha512 }: { createSHA512: typeof createSHA512 } = load(
  'hash-wasm/dist/sha512.umd.min.js',
);
const { createSHA256: sha256 }: { createSHA256: typeof createSHA256 } = load(
  'hash-wasm/dist/sha256.umd.min.js',
);
const { createMD5: md5 }: { createMD5: typeof createMD5 } = load('hash-wasm/dist/md5.umd.min.js');
const HASHERS: Record<Checksum['algorithm'], () => Promise<IHasher>> = { sha512, sha256, md5 };

const HashProgress = v.object({
  etag: v.string(),
  expected: v.string(),
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  state: v.string(),
});

/** A number of bytes and their checksum. */
export interface Piece extends Checksum {
  bytes: number;
}

/**
 * Reads a whole object of the bucket and compares it with the checksums of its consecutive pieces,
 * which all have the same algorithm. When the run deadline is reached, the state of the hash is
 * saved in the object `progressKey`, from which the next run resumes.
 *
 * @returns whether the object has those checksums; or the number of bytes that were read, when the
 *   run deadline is reached.
 * @throws {BucketError} GONE when the object was deleted or replaced in the meantime.
 */
export async function verify(
  bucket: Bucket,
  deadline: Deadline,
  { key, etag, bytes: size }: Stored,
  progressKey: string,
  pieces: readonly Piece[],
): Promise<'right' | 'wrong' | number> {
  const ends = pieces.map((_, i) => pieces.slice(0, i + 1).reduce((sum, { bytes }) => sum + bytes, 0));
  if (ends.at(-1) !== size) return 'wrong';
  const hasher = (await HASHERS[pieces[0]!.algorithm]()).init();
  const expected = createHash('sha256').update(JSON.stringify(pieces)).digest('hex');
  let done = loadProgress(hasher, await bucket.readText(progressKey), { etag, expected });
  const saveProgress = async () => {
    const state = Buffer.from(hasher.save()).toString('base64');
    await bucket.put(progressKey, JSON.stringify({ etag, expected, bytes: done, state }));
    return done;
  };
  /** Hashes a chunk. @returns whether the pieces that end in this chunk have their checksums. */
  const hashChunk = (chunk: Buffer): boolean => {
    for (let at = 0; at < chunk.length && done < size; ) {
      const piece = ends.findIndex((end) => end > done);
      const part = chunk.subarray(at, at + ends[piece]! - done);
      hasher.update(part);
      at += part.length;
      done += part.length;
      if (done < ends[piece]!) continue;
      if (hasher.digest() !== pieces[piece]!.value) return false;
      hasher.init();
    }
    return true;
  };
  for (let tries = 1; done < size; ) {
    const had = done;
    try {
      for await (const chunk of await bucket.read(key, etag, done)) {
        if (!hashChunk(chunk)) return 'wrong';
        if (done < size && deadline.remainingMs() < RESERVE_MS) return await saveProgress();
      }
    } catch (error) {
      if (deadline.remainingMs() < RESERVE_MS) return saveProgress();
      tries = done > had ? 1 : tries + 1;
      if (tries > TRIES || isBucketError(error, 'NO_BUCKET', 'FORBIDDEN', 'GONE')) throw error;
    }
  }
  return 'right';
}

/**
 * Loads the saved state of an earlier run into the hasher.
 *
 * @returns the number of bytes that are already hashed; 0 when the state is missing, invalid or of
 *   another object.
 */
function loadProgress(
  hasher: IHasher,
  text: string | undefined,
  { etag, expected }: { etag: string; expected: string },
): number {
  try {
    const kept = v.parse(HashProgress, JSON.parse(text ?? ''));
    if (kept.etag !== etag || kept.expected !== expected) return 0;
    hasher.load(Buffer.from(kept.state, 'base64'));
    return kept.bytes;
  } catch {
    hasher.init();
    return 0;
  }
}
