import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';
import { isoDate } from '../config/schema.ts';
import { isRefused } from './lease.ts';

/** Which ad-hoc request is meant: requests of the same name in two accounts are two. */
export interface RequestKey {
  account: string;
  request: string;
}

/**
 * Since when each ad-hoc request is known. Its snapshots tell what it has taken, but only for as long as they are there: a
 * request that comes again late must not take again what somebody has deleted meanwhile.
 */
export interface RequestLog {
  /**
   * When a request was first asked for: `now`, if it was never before.
   *
   * @throws whatever the storage throws: then it is not known.
   */
  firstAsked(key: RequestKey, now: Date): Promise<Date>;
}

const Asked = v.pipe(v.string(), v.parseJson(), v.object({ at: isoDate }));

/** A log in an S3 bucket, an object for each request; it is forgotten when the bucket's lifecycle rule deletes that. */
export function requestLogIn(bucket: string): RequestLog {
  const client = new S3Client({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true },
  });
  return {
    async firstAsked({ account, request }, now) {
      const object = { Bucket: bucket, Key: `requests/${account}/${request}.json` };
      const Body = JSON.stringify({ at: now });
      try {
        await client.send(new PutObjectCommand({ ...object, Body, IfNoneMatch: '*' }));
        return now;
      } catch (error) {
        // Any try of the request has written it, this one perhaps: its answer may have been lost.
        if (!isRefused(error)) throw error;
        const { Body: known } = await client.send(new GetObjectCommand(object));
        return v.parse(Asked, await known?.transformToString()).at;
      }
    },
  };
}
