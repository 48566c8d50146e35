import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';

/** A test's own bucket, read independently of the product. */
export interface TestBucket {
  name: string;
  /** The keys of all objects with this prefix, sorted. */
  keys(prefix?: string): Promise<string[]>;
  /** The number of unfinished multipart uploads. */
  uploads(): Promise<number>;
  bytes(key: string): Promise<Buffer>;
}

export async function newBucket(): Promise<TestBucket> {
  const s3 = new S3Client();
  const name = `copies-${crypto.randomUUID()}`;
  await s3.send(new CreateBucketCommand({ Bucket: name }));
  return {
    name,
    async keys(prefix = 'copies/') {
      const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket: name, Prefix: prefix }));
      return (Contents ?? []).map(({ Key }) => Key!).sort();
    },
    async uploads() {
      const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket: name }));
      return Uploads?.length ?? 0;
    },
    async bytes(key) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket: name, Key: key }));
      return Buffer.from(await Body!.transformToByteArray());
    },
  };
}
