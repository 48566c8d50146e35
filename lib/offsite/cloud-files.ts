import * as v from 'valibot';
import type { Offsite } from '../config/policy.ts';
import { explain, isCloudError } from '../openstack/errors.ts';
import type { Image } from '../openstack/images.ts';
import {
  type Container,
  deleteObject,
  getObject,
  type ListedObject,
  listObjects,
  putObject,
  readObject,
} from '../openstack/objects.ts';
import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import { DATA_ERRORS } from '../reporting/sentences/errors.ts';
import { BucketError } from './bucket-error.ts';
import type { Stored } from './copies.ts';
import type { CopyStore } from './copy-store.ts';
import { abandonExport } from './export.ts';
import { exportedName, isSegmentOf } from './export-integrity.ts';
import { exportRecordOf } from './export-record.ts';

const DATA_SUFFIX = '.vhd';
const RECORD_SUFFIX = exportRecordOf('');
/** The fields of a manifest that the deletion of a copy's data needs. */
const DataFields = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    etag: v.string(),
    segments: v.pipe(
      v.array(v.object({ name: v.string(), bytes: v.number(), md5: v.string() })),
      v.nonEmpty(),
    ),
  }),
);

/**
 * A container of Cloud Files as a store of copies. An export writes the data of an image to
 * `<image>.vhd`, outside the prefix of the copies, so that a listing of the copies does not contain
 * the data: `head` requests them by name. They are the data of a copy only if the copy has a
 * manifest or an export record.
 */
export function containerStore(session: Session, container: Container): CopyStore {
  const store: CopyStore = {
    list: (prefix) =>
      withBucketErrors(async () =>
        (await listObjects(session, container, prefix))
          .filter(({ name }) => !name.endsWith(RECORD_SUFFIX))
          .map(asStored),
      ),

    uploads: (prefix) =>
      withBucketErrors(async () =>
        (await listObjects(session, container, prefix))
          .filter(({ name }) => name.endsWith(RECORD_SUFFIX))
          .map(({ name, at }) => {
            const key = name.slice(0, -RECORD_SUFFIX.length);
            return { key: key + DATA_SUFFIX, id: imageIn(key), at };
          })
          .sort((a, b) => a.at.getTime() - b.at.getTime()),
      ),

    abort: ({ key, id }) =>
      withBucketErrors(() =>
        abandonExport({ session, container, store }, key.slice(0, -DATA_SUFFIX.length), id, {
          copied: false,
        }),
      ),

    head: (key) =>
      withBucketErrors(async () => {
        const name = key.endsWith(DATA_SUFFIX)
          ? exportedName(imageIn(key.slice(0, -DATA_SUFFIX.length)))
          : key;
        const object = await getObject(session, container, name);
        return object && { key, bytes: object.bytes, etag: object.etag, at: object.at };
      }),

    readText: (key) =>
      withBucketErrors(async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of await readObject(session, container, key)) chunks.push(chunk);
        return Buffer.concat(chunks).toString();
      }).catch((error: BucketError) => {
        if (error.code !== 'GONE') throw error;
        return undefined;
      }),

    put: (key, text) => withBucketErrors(() => putObject(session, container, key, text)),

    delete: (key) => withBucketErrors(() => deleteObject(session, container, key)),

    deleteData: ({ key, image }) =>
      withBucketErrors(async () => {
        const found = v.safeParse(DataFields, await store.readText(`${key}.json`));
        if (!found.success) {
          throw new BucketError('FAILED', DATA_ERRORS.unknown(`${key}.json`));
        }
        const { etag, segments } = found.output;
        const name = exportedName(image);
        const object = await getObject(session, container, name);
        if (object && object.etag !== etag) {
          throw new BucketError('FAILED', DATA_ERRORS.changed(name, `${key}.json`));
        }
        // The manifest object is deleted first. Otherwise an interrupted deletion would leave an
        // image without some of its segments, which looks like a complete copy.
        if (object) await deleteObject(session, container, name);
        for (const segment of segments.filter((one) => isSegmentOf(image, one.name))) {
          const one = await getObject(session, container, segment.name);
          const isUnchanged = one?.bytes === segment.bytes && one.etag === segment.md5;
          if (isUnchanged) await deleteObject(session, container, segment.name);
        }
      }),
  };
  return store;
}

/**
 * Whether the copies of a policy go to Cloud Files, as they do by default at Rackspace, unless
 * `offsite.to` is `s3`.
 */
export function isToCloudFiles(
  { provider }: Pick<Session, 'provider'>,
  { to }: Pick<Offsite, 'to'>,
): boolean {
  return provider === 'rackspace' && to !== 's3';
}

/**
 * The problems with fields of `offsite` that only Rackspace's cloud supports, in a policy for
 * another cloud.
 */
export function cloudFilesProblems(
  { provider }: Pick<Session, 'provider'>,
  { to, container }: Pick<Offsite, 'to' | 'container'>,
): Reason[] {
  if (provider === 'rackspace') return [];
  const fields = [...(to === 'cloud-files' ? ['to'] : []), ...(container === undefined ? [] : ['container'])];
  return fields.map((field) => ({ code: 'OFFSITE_FIELD_OF_RACKSPACE', field }));
}

/**
 * Why an image may not be exported: Rackspace licenses its operating system (Cloud Images FAQ).
 * Undefined when it may be exported.
 */
export function licenseOf({ properties }: Image): Reason | undefined {
  const options = properties['com.rackspace__1__options'];
  return options === undefined || options === '0' ? undefined : { code: 'COPY_LICENSED', options };
}

function asStored({ name, bytes, hash, at }: ListedObject): Stored {
  return { key: name, bytes, etag: hash, at };
}

function imageIn(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** Runs requests to the cloud and converts their errors. @throws {BucketError} */
export async function withBucketErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const { code } = error;
    throw new BucketError(
      code === 'NOT_FOUND' ? 'GONE' : code === 'FORBIDDEN' || code === 'OUT_OF_TIME' ? code : 'FAILED',
      explain(error),
    );
  }
}
