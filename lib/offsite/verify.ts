import { createRequire } from 'node:module';
import type { createMD5, createSHA256, createSHA512, IHasher } from 'hash-wasm';
import * as v from 'valibot';
import type { Deadline } from '../openstack/http.ts';
import type { Bucket, Stored } from './bucket.ts';
import { isBucketError } from './bucket-error.ts';
import type { Checksum } from './manifest.ts';

/** Left for the state, when the time is used up. */
const RESERVE_MS = 3_000;
const TRIES = 3;

// Node's own hashes are faster, but what they have read so far can't be kept from one run to the next. The package as a
// whole has all hashes that there are: each file of it has one, in a form that is required.
const load = createRequire(import.meta.url);
const { createSHA512: sha512 }: { createSHA512: typeof createSHA512 } = load(
  'hash-wasm/dist/sha512.umd.min.js',
);
const { createSHA256: sha256 }: { createSHA256: typeof createSHA256 } = load(
  'hash-wasm/dist/sha256.umd.min.js',
);
const { createMD5: md5 }: { createMD5: typeof createMD5 } = load('hash-wasm/dist/md5.umd.min.js');
const HASHERS: Record<Checksum['algorithm'], () => Promise<IHasher>> = { sha512, sha256, md5 };

const Progress = v.object({
  etag: v.string(),
  algorithm: v.string(),
  bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  state: v.string(),
});

/**
 * Reads an object of the bucket from its first byte to its last and compares it with a checksum. When the time is used
 * up, the state of the hash is kept beside it, in the object `progressKey`, and the next run goes on from there.
 *
 * @returns whether the object has that checksum; the number of bytes read so far when the time is used up.
 * @throws {BucketError} GONE when the object is deleted or replaced meanwhile.
 */
export async function verify(
  bucket: Bucket,
  deadline: Deadline,
  { key, etag, bytes: size }: Stored,
  progressKey: string,
  { algorithm, value }: Checksum,
): Promise<'right' | 'wrong' | number> {
  const hasher = (await HASHERS[algorithm]()).init();
  let done = restore(hasher, await bucket.readText(progressKey), { etag, algorithm });
  const outOfTime = async () => {
    const state = Buffer.from(hasher.save()).toString('base64');
    await bucket.put(progressKey, JSON.stringify({ etag, algorithm, bytes: done, state }));
    return done;
  };
  for (let tries = 1; done < size; ) {
    const had = done;
    try {
      for await (const chunk of await bucket.read(key, etag, done)) {
        hasher.update(chunk);
        done += chunk.length;
        if (deadline.remainingMs() < RESERVE_MS) return await outOfTime();
      }
    } catch (error) {
      if (deadline.remainingMs() < RESERVE_MS) return outOfTime();
      tries = done > had ? 1 : tries + 1;
      if (tries > TRIES || isBucketError(error, 'NO_BUCKET', 'FORBIDDEN', 'GONE')) throw error;
    }
  }
  return hasher.digest() === value ? 'right' : 'wrong';
}

/** Puts a hasher where an earlier run has left it; what can't be read, or is of other bytes, counts for nothing. */
function restore(
  hasher: IHasher,
  text: string | undefined,
  { etag, algorithm }: { etag: string; algorithm: string },
): number {
  try {
    const kept = v.parse(Progress, JSON.parse(text ?? ''));
    if (kept.etag !== etag || kept.algorithm !== algorithm) return 0;
    hasher.load(Buffer.from(kept.state, 'base64'));
    return kept.bytes;
  } catch {
    hasher.init();
    return 0;
  }
}
