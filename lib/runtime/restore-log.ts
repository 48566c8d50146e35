import { GetObjectCommand, NoSuchKey, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { RestoreKey, RestoreRecord } from '../restore/restore-record.ts';

/** The records of restores. */
export interface RestoreLog {
  /** @throws the storage's errors: then it is unknown how far the restore is. */
  read(key: RestoreKey): Promise<RestoreRecord | undefined>;
  /** @throws the storage's errors. */
  put(record: RestoreRecord): Promise<void>;
  /**
   * The request of the last restore in place of a server; undefined if there was none.
   *
   * @throws the storage's errors.
   */
  readClaim(server: ClaimedServer): Promise<string | undefined>;
  /** @throws the storage's errors. */
  putClaim(server: ClaimedServer, request: string): Promise<void>;
}

/** The server of a restore in place. */
export interface ClaimedServer {
  account: string;
  region: string;
  server: string;
}

const keyOf = ({ account, request }: RestoreKey) => `restores/${account}/${request}.json`;
const claimKeyOf = ({ account, region, server }: ClaimedServer) =>
  `restores/${account}/in-place/${encodeURIComponent(region)}/${server}.json`;

/** The records in the bucket, or within this process if there is no bucket. */
export function restoreLogAt(bucket: string | undefined): RestoreLog {
  return bucket ? restoreLogIn(bucket) : processRestoreLog();
}

function processRestoreLog(): RestoreLog {
  const objects = new Map<string, string>();
  return logOn({
    read: async (key) => objects.get(key),
    write: async (key, body) => {
      objects.set(key, body);
    },
  });
}

/** The records in an S3 bucket, one object each. Its lifecycle rule deletes old objects. */
function restoreLogIn(Bucket: string): RestoreLog {
  const client = new S3Client({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true },
  });
  return logOn({
    async read(Key) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
        return (await Body?.transformToString()) ?? '';
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw error;
      }
    },
    async write(Key, Body) {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    },
  });
}

/** Where the texts of records are kept. */
interface Store {
  read(key: string): Promise<string | undefined>;
  write(key: string, body: string): Promise<void>;
}

function logOn({ read, write }: Store): RestoreLog {
  const readJson = async (key: string) => {
    const text = await read(key);
    return text === undefined ? undefined : JSON.parse(text);
  };
  return {
    read: async (key): Promise<RestoreRecord | undefined> => readJson(keyOf(key)),
    put: (record) => write(keyOf(record), JSON.stringify(record)),
    readClaim: async (server) => (await readJson(claimKeyOf(server)))?.request,
    putClaim: (server, request) => write(claimKeyOf(server), JSON.stringify({ request })),
  };
}
