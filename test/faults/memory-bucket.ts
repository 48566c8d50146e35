import { createHash } from 'node:crypto';
import type { Bucket, UploadedPart } from '../../lib/offsite/bucket.ts';
import { BucketError } from '../../lib/offsite/bucket-error.ts';
import type { Upload } from '../../lib/offsite/copies.ts';

/** A bucket in memory that never fails. Failures of S3 are tested with an AWS emulator. */
export interface MemoryBucket extends Bucket {
  objects: Map<string, Buffer>;
}

export function memoryBucket(): MemoryBucket {
  const objects = new Map<string, Buffer>();
  const uploads = new Map<string, { upload: Upload; parts: Map<number, Buffer> }>();
  const etagOf = (data: Buffer) => createHash('md5').update(data).digest('hex');
  const partsOf = ({ id }: Upload) => {
    const found = uploads.get(id);
    if (!found) throw new BucketError('GONE', 'there is no such upload');
    return found.parts;
  };
  return {
    objects,
    list: async (prefix) =>
      [...objects]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, data]) => ({ key, bytes: data.length, etag: etagOf(data), at: new Date() })),
    uploads: async (prefix) =>
      [...uploads.values()].map(({ upload }) => upload).filter(({ key }) => key.startsWith(prefix)),
    parts: async (upload) =>
      [...partsOf(upload)].map(
        ([number, data]): UploadedPart => ({
          number,
          bytes: data.length,
          etag: etagOf(data),
          crc32: undefined,
        }),
      ),
    async begin(key) {
      const upload = { key, id: crypto.randomUUID(), at: new Date() };
      uploads.set(upload.id, { upload, parts: new Map() });
      return upload;
    },
    async putPart(upload, number, data) {
      partsOf(upload).set(number, Buffer.from(data));
    },
    async complete(upload, parts) {
      const there = partsOf(upload);
      objects.set(upload.key, Buffer.concat(parts.map(({ number }) => there.get(number)!)));
      uploads.delete(upload.id);
    },
    async abort({ id }) {
      uploads.delete(id);
    },
    async read(key, etag, from) {
      const data = objects.get(key);
      if (!data || etagOf(data) !== etag) throw new BucketError('GONE', 'there is no such object');
      return (async function* () {
        yield data.subarray(from);
      })();
    },
    async head(key) {
      const data = objects.get(key);
      return data && { key, bytes: data.length, etag: etagOf(data), at: new Date() };
    },
    readText: async (key) => objects.get(key)?.toString(),
    async put(key, text) {
      objects.set(key, Buffer.from(text));
    },
    async delete(key) {
      objects.delete(key);
    },
    async deleteData({ data }) {
      if (data) objects.delete(data.key);
    },
  };
}
