import {
  DeleteObjectCommand,
  GetObjectCommand,
  NoSuchKey,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import pMap from 'p-map';
import { type DrillLog, parseVolumeRecord, type VolumeRecord } from '../drill/volume-record.ts';

/** The records of drills in the bucket, or within this process if there is no bucket. */
export function drillLogAt(bucket: string | undefined): DrillLog {
  return bucket ? drillLogIn(bucket) : processDrillLog();
}

type RecordKey = Pick<VolumeRecord, 'account' | 'policy' | 'nonce'>;

const keyOf = ({ account, policy, nonce }: RecordKey) => `drills/${account}/${policy}/${nonce}.json`;

function processDrillLog(): DrillLog {
  const records = new Map<string, VolumeRecord>();
  return {
    list: async (account) => [...records.values()].filter((one) => one.account === account),
    put: async (record) => {
      records.set(keyOf(record), structuredClone(record));
    },
    remove: async (record) => {
      records.delete(keyOf(record));
    },
  };
}

/** The records in an S3 bucket, one object each. An object that is no record is left alone. */
function drillLogIn(bucket: string): DrillLog {
  const client = new S3Client({
    maxAttempts: 2,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: 2_500, throwOnRequestTimeout: true },
  });
  async function read(Key: string): Promise<VolumeRecord[]> {
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      const record = parseVolumeRecord(await Body?.transformToString());
      return record && keyOf(record) === Key ? [record] : [];
    } catch (error) {
      // Another run has removed the record since.
      if (error instanceof NoSuchKey) return [];
      throw error;
    }
  }
  return {
    async list(account) {
      const Prefix = `drills/${account}/`;
      const keys: string[] = [];
      for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix })) {
        keys.push(...Contents.map(({ Key }) => Key!));
      }
      return (await pMap(keys, read, { concurrency: 8 })).flat();
    },
    async put(record) {
      const Body = JSON.stringify(record);
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: keyOf(record), Body }));
    },
    async remove(record) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: keyOf(record) }));
    },
  };
}
