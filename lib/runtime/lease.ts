import { randomUUID } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';
import { isoDate } from '../config/schema.ts';

/** A lease that this run has, or until when another one has it at most. */
export type Lease = { release(): Promise<void> } | { heldUntil: Date };

/**
 * Sees to it that one run at a time does the work of a key. A lease ends when it is released, or by itself when the
 * invocation that has it must have ended: a run that was killed keeps nobody out for longer.
 */
export interface Leases {
  /** @throws whatever its storage throws: then it is not known whether another run has the lease. */
  take(key: string, until: Date, now: Date): Promise<Lease>;
}

/** Leases in a bucket; among the runs of one process where there is none. */
export function leasesAt(bucket: string | undefined): Leases {
  return bucket ? leasesIn(bucket) : processLeases();
}

/** Leases among the runs of one process, where there is no bucket. */
export function processLeases(): Leases {
  const held = new Map<string, Date>();
  return {
    async take(key, until, now) {
      const other = held.get(key);
      if (other && now < other) return { heldUntil: other };
      held.set(key, until);
      return {
        release: async () => {
          if (held.get(key) === until) held.delete(key);
        },
      };
    },
  };
}

const Held = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    run: v.optional(v.string()),
    until: isoDate,
  }),
);

/**
 * Leases among all runs of a deployment, as objects of an S3 bucket. S3 itself sees to it that of two runs one creates
 * the object, or replaces an ended lease, and the other does not: `If-None-Match` and `If-Match` of `PutObject`.
 *
 * Source: Amazon S3 user guide, "Prevent object overwrites with conditional writes".
 *
 * @throws by every function, the SDK's errors.
 */
export function leasesIn(bucket: string): Leases {
  const client = new S3Client({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true },
  });

  /** Writes a lease if the object is as told. @returns its ETag; undefined when it is not. */
  async function write(
    Key: string,
    { until, run }: { until: Date; run: string },
    condition: { IfMatch: string } | { IfNoneMatch: '*' },
  ): Promise<string | undefined> {
    const Body = JSON.stringify({ until, run });
    try {
      const { ETag } = await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, ...condition }));
      return ETag ?? '';
    } catch (error) {
      if (isRefused(error)) return undefined;
      throw error;
    }
  }

  async function read(Key: string): Promise<{ until: Date; run?: string | undefined; etag: string }> {
    const { Body, ETag } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    const held = v.safeParse(Held, await Body?.transformToString());
    // One that can't be read is nobody's.
    return { ...(held.success ? held.output : { until: new Date(0) }), etag: ETag ?? '' };
  }

  return {
    async take(key, until, now) {
      const Key = `leases/${key}.json`;
      const run = randomUUID();
      const mine = { until, run };
      let etag = await write(Key, mine, { IfNoneMatch: '*' });
      if (etag === undefined) {
        const other = await read(Key);
        // The answer to our own request was lost, and the SDK has sent it again.
        if (other.run === run) etag = other.etag;
        else if (now < other.until) return { heldUntil: other.until };
        else etag = await write(Key, mine, { IfMatch: other.etag });
      }
      // Another run was faster. When it ends is not known: as late as this one would have.
      if (etag === undefined) return { heldUntil: until };
      const IfMatch = etag;
      return {
        release: async () => {
          await write(Key, { until: new Date(0), run }, { IfMatch });
        },
      };
    },
  };
}

/** Whether S3 says that the condition of a write does not hold, or that another write is going on. */
export function isRefused(error: unknown): boolean {
  return ['PreconditionFailed', 'ConditionalRequestConflict'].includes((error as Error).name);
}
