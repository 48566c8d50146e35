import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import * as v from 'valibot';
import { isoDate } from '../config/schema.ts';
import { isRefused } from './lease.ts';

/** The key of an ad-hoc request. Requests of the same name in two accounts are different requests. */
export interface RequestKey {
  account: string;
  request: string;
}

/**
 * Records when each ad-hoc request was made first. The request's snapshots show which servers are done, but only while they exist: a late retry of the request must not recreate snapshots that somebody has deleted in the meantime.
 */
export interface RequestLog {
  /**
   * The time at which the request was made first; `now` for a new request.
   *
   * @throws the storage's errors: then the time is unknown.
   */
  firstAsked(key: RequestKey, now: Date): Promise<Date>;
}

const Asked = v.pipe(v.string(), v.parseJson(), v.object({ at: isoDate }));

/** A log in an S3 bucket with one object for each request. The bucket's lifecycle rule deletes old objects. */
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
        // The object exists. This try may have written it itself, if its first response was lost.
        if (!isRefused(error)) throw error;
        const { Body: known } = await client.send(new GetObjectCommand(object));
        return v.parse(Asked, await known?.transformToString()).at;
      }
    },
  };
}
