import { GetObjectCommand, NoSuchKey, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { RestoreKey, RestoreRecord } from '../restore/restore-record.ts';

/** The records of restores. */
export interface RestoreLog {
  /** @throws the storage's errors: then it is unknown how far the restore is. */
  read(key: RestoreKey): Promise<RestoreRecord | undefined>;
  /** @throws the storage's errors. */
  put(record: RestoreRecord): Promise<void>;
}

const keyOf = ({ account, request }: RestoreKey) => `restores/${account}/${request}.json`;

/** The records in the bucket, or within this process if there is no bucket. */
export function restoreLogAt(bucket: string | undefined): RestoreLog {
  return bucket ? restoreLogIn(bucket) : processRestoreLog();
}

function processRestoreLog(): RestoreLog {
  const records = new Map<string, RestoreRecord>();
  return {
    read: async (key) => records.get(keyOf(key)),
    put: async (record) => {
      records.set(keyOf(record), structuredClone(record));
    },
  };
}

/** The records in an S3 bucket, one object each. Its lifecycle rule deletes old objects. */
function restoreLogIn(Bucket: string): RestoreLog {
  const client = new S3Client({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true },
  });
  return {
    async read(key) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: keyOf(key) }));
        return JSON.parse((await Body?.transformToString()) ?? '') as RestoreRecord;
      } catch (error) {
        if (error instanceof NoSuchKey) return undefined;
        throw error;
      }
    },
    async put(record) {
      await client.send(new PutObjectCommand({ Bucket, Key: keyOf(record), Body: JSON.stringify(record) }));
    },
  };
}
