import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { isRefused } from '../runtime/lease.ts';
import { type AccountCoverage, coverageText, parseCoverage } from './coverage.ts';

/** Each audit rewrites it, so that the bucket's lifecycle rule does not delete it. */
const KEY = 'coverage.json';

/** The recorded coverage, and its version in the bucket; undefined as long as there is none. */
export interface RecordedCoverage {
  /** Undefined where there is no record, or only one that this code does not understand. */
  accounts: AccountCoverage[] | undefined;
  etag: string | undefined;
}

/** Where the record of what policies cover is kept. Every function throws the SDK's errors. */
export interface CoverageStore {
  read(): Promise<RecordedCoverage>;
  /**
   * Replaces the record, unless another audit has done so since it was read as `etag`.
   *
   * @returns whether it was replaced.
   */
  replace(etag: string | undefined, accounts: readonly AccountCoverage[]): Promise<boolean>;
}

/**
 * Keeps the record as one object of an S3 bucket. `If-Match` and `If-None-Match` of `PutObject`
 * ensure that two audits at once don't undo what the other has recorded or accepted.
 *
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 */
export function coverageStoreIn(bucket: string): CoverageStore {
  const client = new S3Client({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
  });
  return {
    async read() {
      try {
        const { Body, ETag } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: KEY }));
        return { accounts: parseCoverage((await Body?.transformToString()) ?? ''), etag: ETag };
      } catch (error) {
        if ((error as Error).name !== 'NoSuchKey') throw error;
        return { accounts: undefined, etag: undefined };
      }
    },
    async replace(etag, accounts) {
      const condition = etag === undefined ? { IfNoneMatch: '*' } : { IfMatch: etag };
      const Body = coverageText(accounts);
      try {
        await client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: KEY,
            Body,
            ContentType: 'application/json',
            ...condition,
          }),
        );
        return true;
      } catch (error) {
        if (isRefused(error)) return false;
        throw error;
      }
    },
  };
}
