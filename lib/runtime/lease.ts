import { randomUUID } from 'node:crypto';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';
import { isoDate } from '../config/schema.ts';

/** The lease, or the time at which the lease of another run expires at the latest. */
export type Lease = { release(): Promise<void> } | { heldUntil: Date };

/**
 * Leases allow one run at a time for each key. A lease ends when it is released, or expires at the
 * latest end of its holder's invocation, so that a killed run does not block other runs for longer.
 */
export interface Leases {
  /** @throws the storage's errors: then it is unknown whether another run has the lease. */
  take(key: string, until: Date, now: Date): Promise<Lease>;
}

/** Leases in the bucket, or within this process if there is no bucket. */
export function leasesAt(bucket: string | undefined): Leases {
  return bucket ? leasesIn(bucket) : processLeases();
}

/** Leases among the runs of one process. */
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
 * Leases among all runs of a deployment, as objects of an S3 bucket. `If-None-Match` and `If-Match`
 * of `PutObject` ensure that only one of two concurrent runs creates the object or replaces an
 * expired lease.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 *
 * Every function throws the SDK's errors.
 */
export function leasesIn(bucket: string): Leases {
  const client = new S3Client({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true },
  });

  /**
   * Writes a lease if `condition` holds. @returns the ETag of the lease; undefined if the condition
   * does not hold.
   */
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
    // An unreadable lease counts as expired.
    return { ...(held.success ? held.output : { until: new Date(0) }), etag: ETag ?? '' };
  }

  return {
    async take(key, until, now) {
      const Key = `leases/${key}.json`;
      const run = randomUUID();
      const lease = { until, run };
      let etag = await write(Key, lease, { IfNoneMatch: '*' });
      if (etag === undefined) {
        const other = await read(Key);
        // This run wrote the lease: the first response was lost and the SDK retried the request.
        if (other.run === run) etag = other.etag;
        else if (now < other.until) return { heldUntil: other.until };
        else etag = await write(Key, lease, { IfMatch: other.etag });
      }
      // Another run took the lease first. Its expiry is unknown: assume the one that this run would
      // have had.
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

/**
 * Whether S3 refused a write because its condition does not hold or a concurrent write is in
 * progress.
 */
export function isRefused(error: unknown): boolean {
  return ['PreconditionFailed', 'ConditionalRequestConflict'].includes((error as Error).name);
}
