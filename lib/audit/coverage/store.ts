import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { isRefused } from '../../runtime/lease.ts';
import { type Coverage, coverageText, parseCoverage } from './record.ts';

/**
 * The key of the record. Each audit rewrites the record, so that the bucket's lifecycle rule does
 * not delete it.
 */
const KEY = 'coverage.json';

/** The recorded coverage, and the ETag of the record; both undefined if there is no record. */
export interface RecordedCoverage {
  /**
   * Undefined if there is no record, or if another version of the code wrote it in another format.
   */
  coverage: Coverage | undefined;
  etag: string | undefined;
}

/** Stores the record of the servers that policies cover. Every function throws the SDK's errors. */
export interface CoverageStore {
  /** @throws also if the record is damaged. */
  read(): Promise<RecordedCoverage>;
  /**
   * Replaces the record, unless another audit has replaced the version with this `etag`.
   *
   * @returns whether the record was replaced.
   */
  replace(etag: string | undefined, coverage: Coverage): Promise<boolean>;
}

/**
 * Stores the record as one object of an S3 bucket. `If-Match` and `If-None-Match` of `PutObject`
 * ensure that two concurrent audits do not overwrite each other's record.
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
        return { coverage: parseCoverage((await Body?.transformToString()) ?? ''), etag: ETag };
      } catch (error) {
        if ((error as Error).name !== 'NoSuchKey') throw error;
        return { coverage: undefined, etag: undefined };
      }
    },
    async replace(etag, coverage) {
      const condition = etag === undefined ? { IfNoneMatch: '*' } : { IfMatch: etag };
      const Body = coverageText(coverage);
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
