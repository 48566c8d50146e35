import { GetObjectCommand, PutObjectCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3';
import pMap from 'p-map';
import * as v from 'valibot';
import { isoDate } from '../config/schema.ts';
import { isRefused } from './lease.ts';

/**
 * The key of an ad-hoc request. Requests of the same name in two accounts are different requests.
 */
export interface RequestKey {
  account: string;
  request: string;
}

/**
 * The image that a request has made of a server, the id of the invocation that made it, and when
 * the image expires.
 */
export interface TakenImage {
  image: string;
  requestId: string;
  expires?: Date;
}

/** The ids of the servers of a request, by region. A region that could not be read is absent. */
export type ServerLists = Readonly<Record<string, readonly string[]>>;

/**
 * Records when each ad-hoc request was made first, which servers it is for, and which images it
 * has made. The snapshots of a request show which servers are done, but only while they exist. A
 * late retry must not make a snapshot again after somebody has deleted or renamed it.
 */
export interface RequestLog {
  /**
   * The time at which the request was made first, `now` for a new request; whether the log knew the
   * request; and the servers that the request is for, if they are recorded.
   *
   * @throws the storage's errors: then the time is unknown.
   */
  firstAsked(key: RequestKey, now: Date): Promise<{ at: Date; isKnown: boolean; servers?: ServerLists }>;
  /**
   * Records which servers a request is for.
   *
   * @throws the storage's errors.
   */
  putServers(key: RequestKey, at: Date, servers: ServerLists): Promise<void>;
  /**
   * The last image that a request has made of each server, by the server's id.
   *
   * @throws the storage's errors.
   */
  takenBy(key: RequestKey): Promise<ReadonlyMap<string, TakenImage>>;
  /**
   * Records the image that a request has made of a server.
   *
   * @throws the storage's errors.
   */
  addTaken(key: RequestKey, server: string, taken: TakenImage): Promise<void>;
}

const Asked = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ at: isoDate, servers: v.exactOptional(v.record(v.string(), v.array(v.string()))) }),
);
const Taken = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ image: v.string(), requestId: v.string(), expires: v.exactOptional(isoDate) }),
);

const READS_AT_ONCE = 16;

/**
 * A log in an S3 bucket, with one object for each request and one for each image that it has made.
 * The bucket's lifecycle rule deletes old objects.
 */
export function requestLogIn(bucket: string): RequestLog {
  const client = new S3Client({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true },
  });
  const folderOf = ({ account, request }: RequestKey) => `requests/${account}/${request}`;
  async function read(Key: string): Promise<string | undefined> {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
    return Body?.transformToString();
  }
  return {
    async firstAsked(key, now) {
      const Key = `${folderOf(key)}.json`;
      const Body = JSON.stringify({ at: now });
      try {
        await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body, IfNoneMatch: '*' }));
        return { at: now, isKnown: false };
      } catch (error) {
        // The object exists. This try may have written it itself, if its first response was lost.
        if (!isRefused(error)) throw error;
        return { ...v.parse(Asked, await read(Key)), isKnown: true };
      }
    },
    async putServers(key, at, servers) {
      const Body = JSON.stringify({ at, servers });
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: `${folderOf(key)}.json`, Body }));
    },
    async takenBy(key) {
      const Prefix = `${folderOf(key)}/`;
      const keys: string[] = [];
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix })) {
        keys.push(...Contents.map(({ Key }) => Key!));
      }
      const taken = await pMap(
        keys,
        async (Key) => [Key.slice(Prefix.length, -'.json'.length), v.parse(Taken, await read(Key))] as const,
        { concurrency: READS_AT_ONCE },
      );
      return new Map(taken);
    },
    async addTaken(key, server, taken) {
      const Key = `${folderOf(key)}/${server}.json`;
      await client.send(new PutObjectCommand({ Bucket: bucket, Key, Body: JSON.stringify(taken) }));
    },
  };
}
