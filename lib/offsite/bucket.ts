import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Deadline } from '../openstack/http.ts';
import { asBucketError, BucketError } from './bucket-error.ts';
import type { Stored, Upload } from './copies.ts';
import type { CopyStore } from './copy-store.ts';

/** A part of a multipart upload; numbers begin with 1. */
export interface UploadedPart {
  number: number;
  bytes: number;
  etag: string;
  /**
   * The CRC32 that S3 computed, in base64. The request that completes the upload has to repeat it.
   */
  crc32: string | undefined;
}

/**
 * The S3 bucket that holds the copies. S3 compares the bytes of each request with a checksum that
 * the SDK sends.
 */
export interface Bucket extends CopyStore {
  parts(upload: Upload): Promise<UploadedPart[]>;
  begin(key: string, metadata: Record<string, string>): Promise<Upload>;
  putPart(upload: Upload, number: number, data: Buffer): Promise<void>;
  complete(upload: Upload, parts: readonly UploadedPart[]): Promise<void>;
  /**
   * The bytes of an object from the offset `from` on. @throws {BucketError} GONE when the object's
   * ETag is no longer `etag`.
   */
  read(key: string, etag: string, from: number): Promise<AsyncIterable<Buffer>>;
}

/**
 * The S3 client for one bucket: https://docs.aws.amazon.com/AmazonS3/latest/API/.
 *
 * @param name the name of the bucket.
 * @param deadline the run deadline. A request that does not end before it throws OUT_OF_TIME.
 */
export function bucketNamed(name: string, deadline: Deadline): Bucket {
  const client = new S3Client({
    // The bucket may be in another region than the functions.
    followRegionRedirects: true,
    requestHandler: { connectionTimeout: 10_000, requestTimeout: 120_000, throwOnRequestTimeout: true },
  });

  /** Runs one request to the bucket. Its errors name the action that failed. */
  async function run<T>(action: string, work: (abortSignal: AbortSignal) => Promise<T>): Promise<T> {
    const remainingMs = deadline.remainingMs();
    const signal = AbortSignal.timeout(Math.max(0, Math.ceil(remainingMs)));
    try {
      return await work(signal);
    } catch (error) {
      if (signal.aborted) throw new BucketError('OUT_OF_TIME', 'run deadline reached');
      throw asBucketError(error, action, name);
    }
  }

  const isNotGone = ({ code }: BucketError) => code !== 'GONE';

  const deleteObject = (key: string) =>
    run('s3:DeleteObject', async (abortSignal) => {
      await client.send(new DeleteObjectCommand({ Bucket: name, Key: key }), { abortSignal });
    });

  return {
    list: (prefix) =>
      run('s3:ListBucket', async (abortSignal) => {
        const stored: Stored[] = [];
        let ContinuationToken: string | undefined;
        do {
          const command = new ListObjectsV2Command({ Bucket: name, Prefix: prefix, ContinuationToken });
          const page = await client.send(command, { abortSignal });
          for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
            stored.push({ key: Key!, bytes: Size ?? 0, etag: ETag ?? '', at: LastModified ?? new Date(0) });
          }
          ContinuationToken = page.NextContinuationToken;
        } while (ContinuationToken);
        return stored;
      }),

    uploads: (prefix) =>
      run('s3:ListBucketMultipartUploads', async (abortSignal) => {
        const uploads: Upload[] = [];
        let markers: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
        while (markers) {
          const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
            Bucket: name,
            Prefix: prefix,
            ...markers,
          });
          const page = await client.send(command, { abortSignal });
          for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
            uploads.push({ key: Key!, id: UploadId!, at: Initiated ?? new Date(0) });
          }
          markers =
            page.IsTruncated && page.NextKeyMarker
              ? {
                  KeyMarker: page.NextKeyMarker,
                  ...(page.NextUploadIdMarker ? { UploadIdMarker: page.NextUploadIdMarker } : {}),
                }
              : undefined;
        }
        return uploads
          .filter(({ key }) => key.startsWith(prefix))
          .sort((a, b) => a.at.getTime() - b.at.getTime() || (a.id < b.id ? -1 : 1));
      }),

    parts: ({ key, id }) =>
      run('s3:ListMultipartUploadParts', async (abortSignal) => {
        const parts: UploadedPart[] = [];
        let PartNumberMarker: string | undefined;
        do {
          const input = { Bucket: name, Key: key, UploadId: id, PartNumberMarker };
          const page = await client.send(new ListPartsCommand(input), { abortSignal });
          for (const { PartNumber, Size, ETag, ChecksumCRC32 } of page.Parts ?? []) {
            parts.push({ number: PartNumber!, bytes: Size ?? 0, etag: ETag!, crc32: ChecksumCRC32 });
          }
          PartNumberMarker = page.IsTruncated ? page.NextPartNumberMarker : undefined;
        } while (PartNumberMarker);
        return parts;
      }),

    begin: (key, metadata) =>
      run('s3:PutObject', async (abortSignal) => {
        const command = new CreateMultipartUploadCommand({
          Bucket: name,
          Key: key,
          Metadata: metadata,
          ContentType: 'application/octet-stream',
          // S3 refuses parts with a checksum algorithm that the upload has not declared.
          ChecksumAlgorithm: 'CRC32',
        });
        const { UploadId } = await client.send(command, { abortSignal });
        return { key, id: UploadId!, at: new Date() };
      }),

    putPart: ({ key, id }, number, data) =>
      run('s3:PutObject', async (abortSignal) => {
        const input = { Bucket: name, Key: key, UploadId: id, PartNumber: number, Body: data };
        await client.send(new UploadPartCommand({ ...input, ChecksumAlgorithm: 'CRC32' }), { abortSignal });
      }),

    complete: ({ key, id }, parts) =>
      run('s3:PutObject', async (abortSignal) => {
        const Parts = parts.map(({ number, etag, crc32 }) => ({
          PartNumber: number,
          ETag: etag,
          ...(crc32 ? { ChecksumCRC32: crc32 } : {}),
        }));
        const input = { Bucket: name, Key: key, UploadId: id, MultipartUpload: { Parts } };
        await client.send(new CompleteMultipartUploadCommand(input), { abortSignal });
      }),

    abort: ({ key, id }) =>
      run('s3:AbortMultipartUpload', async (abortSignal) => {
        const input = { Bucket: name, Key: key, UploadId: id };
        await client.send(new AbortMultipartUploadCommand(input), { abortSignal });
      }).catch((error) => {
        if (isNotGone(error)) throw error;
      }),

    read: (key, etag, from) =>
      run('s3:GetObject', async (abortSignal) => {
        const input = { Bucket: name, Key: key, IfMatch: etag, Range: `bytes=${from}-` };
        const { Body } = await client.send(new GetObjectCommand(input), { abortSignal });
        return Body as Readable;
      }),

    head: (key) =>
      run('s3:GetObject', async (abortSignal) => {
        const command = new HeadObjectCommand({ Bucket: name, Key: key });
        const { ContentLength, ETag, LastModified } = await client.send(command, { abortSignal });
        return { key, bytes: ContentLength ?? 0, etag: ETag ?? '', at: LastModified ?? new Date(0) };
      }).catch((error) => {
        if (isNotGone(error)) throw error;
        return undefined;
      }),

    readText: (key) =>
      run('s3:GetObject', async (abortSignal) => {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: name, Key: key }), { abortSignal });
        return Body?.transformToString();
      }).catch((error) => {
        if (isNotGone(error)) throw error;
        return undefined;
      }),

    put: (key, text) =>
      run('s3:PutObject', async (abortSignal) => {
        const input = { Bucket: name, Key: key, Body: text, ContentType: 'application/json' };
        await client.send(new PutObjectCommand(input), { abortSignal });
      }),

    delete: deleteObject,

    deleteData: async ({ data }) => {
      if (data) await deleteObject(data.key);
    },
  };
}
