import { type CloudError, isCloudError } from '../openstack/errors.ts';
import { readImageData } from '../openstack/image-data.ts';
import { getImage, type Image } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import { reasonFor } from '../reporting/failure.ts';
import type { Reason } from '../reporting/reasons.ts';
import { VERIFIED } from '../reporting/sentences/errors.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { Bucket } from './bucket.ts';
import { isBucketError } from './bucket-error.ts';
import type { Budget } from './budget.ts';
import {
  type Copy,
  type CopyScope,
  copyKeyOf,
  dataKeyOf,
  type OriginalImage,
  type Upload,
} from './copies.ts';
import type { CopyResult } from './copy-result.ts';
import type { CopyStore } from './copy-store.ts';
import { checksumOf, type DataFacts, manifestOf } from './manifest.ts';
import { isOutOfTime, type UploadSource, upload } from './upload.ts';
import { type Piece, verify } from './verify-checksums.ts';

/** The functions that copy the images of one region, and the stores that they use. */
export interface CopyContext {
  session: Session;
  scope: CopyScope;
  now: Date;
  /** The store of the finished copies. */
  store: CopyStore;
  /**
   * The store of the images that are exported before they are copied to `store`; undefined if
   * copies need no export. `abort` deletes an export that is no longer needed.
   */
  staging?: Pick<CopyStore, 'uploads' | 'abort'>;
  /** Why an image can never be copied; undefined when it can. */
  obstacleTo(image: Image): Reason | undefined;
  /** Makes a copy, or resumes the unfinished copy `begun`. */
  copy(snapshot: Snapshot, image: Image, begun: Copy | undefined): Promise<CopyResult>;
}

/** The context for copies into a bucket. */
interface BucketContext {
  session: Session;
  bucket: Bucket;
  scope: CopyScope;
  now: Date;
  budget: Budget;
}

/**
 * The source of a copy in a bucket: the data, and the checksums with which the copy is verified.
 */
export interface BucketCopySource extends UploadSource {
  facts: DataFacts;
  pieces: Piece[];
  /**
   * The number of bytes that count towards the monthly limit; 0 when they were counted at the
   * export.
   */
  countedBytes: number;
  /** Requests the source, and returns whether it no longer exists. */
  isGone(): Promise<boolean>;
  /** The reason to report when the source no longer exists. */
  gone: Reason;
}

/**
 * The context for copies into a bucket, from an image service that serves the data of images: any
 * OpenStack cloud other than Rackspace.
 */
export function toBucket(context: BucketContext): CopyContext {
  const { session, bucket, scope, now } = context;
  return {
    session,
    scope,
    now,
    store: bucket,
    obstacleTo,
    copy: (snapshot, image, begun) =>
      copySnapshot(context, snapshot, image, imageSource(session, image), begun),
  };
}

/** Why an image can never be copied from the image service; undefined when it can be copied. */
export function obstacleTo(image: Image): Reason | undefined {
  if (image.volumeSnapshotIds.length > 0) return { code: 'COPY_OF_VOLUMES' };
  return checksumOf(image) ? undefined : { code: 'COPY_WITHOUT_CHECKSUM' };
}

function imageSource(session: Session, image: Image): BucketCopySource {
  const { region, id, properties } = image;
  const { disk_format, container_format } = properties;
  const checksum = checksumOf(image)!;
  const sizeBytes = image.sizeBytes!;
  return {
    sizeBytes,
    pieces: [{ bytes: sizeBytes, ...checksum }],
    read: (from) => readImageData(session, region, id, from),
    countedBytes: sizeBytes,
    isGone: async () => (await getImage(session, region, id)) === undefined,
    facts: {
      sizeBytes,
      checksum,
      disk_format,
      container_format,
      verified: VERIFIED.byImageService(checksum.algorithm),
    },
    gone: { code: 'COPY_SOURCE_GONE' },
  };
}

/**
 * Copies the data of a snapshot into the bucket, or resumes an unfinished copy: uploads the parts,
 * then verifies the whole copy with the checksums of the source, then writes the manifest, which
 * makes the copy good. A copy that fails the verification is deleted.
 */
export async function copySnapshot(
  context: BucketContext,
  snapshot: Snapshot,
  image: Image,
  source: BucketCopySource,
  begun: Copy | undefined,
): Promise<CopyResult> {
  try {
    return await copyOrResume(context, snapshot, image, source, begun);
  } catch (error) {
    if (!isCloudError(error, 'NOT_FOUND')) return resultOf(error);
    return await handleMissingData(context, snapshot, source, error).catch(resultOf);
  }
}

/**
 * Handles a 404 for the data. The uploads are aborted only when the source itself no longer exists.
 */
async function handleMissingData(
  { bucket, scope }: BucketContext,
  snapshot: Snapshot,
  source: BucketCopySource,
  error: CloudError,
): Promise<CopyResult> {
  if (!(await source.isGone())) return resultOf(error);
  const key = copyKeyOf(scope, originalOf(snapshot));
  const uploads = await bucket.uploads(`${key}.`);
  for (const one of uploads) await bucket.abort(one);
  return { outcome: 'skipped', reasons: [source.gone] };
}

/**
 * The result of a copy that was stopped by an error of the cloud or the store. Any other error is
 * thrown again.
 */
export function resultOf(error: unknown): CopyResult {
  if (isOutOfTime(error)) return { outcome: 'deferred', reasons: [{ code: 'DEADLINE' }] };
  if (isBucketError(error, 'GONE')) {
    return { outcome: 'deferred', reasons: [{ code: 'COPY_CHANGED_BY_OTHER_RUN', message: error.message }] };
  }
  if (!isCloudError(error) && !isBucketError(error)) throw error;
  return { outcome: 'failed', reasons: [reasonFor(error)] };
}

async function copyOrResume(
  { session, bucket, scope, now, budget }: BucketContext,
  snapshot: Snapshot,
  image: Image,
  source: BucketCopySource,
  begun: Copy | undefined,
): Promise<CopyResult> {
  const { sizeBytes, facts, pieces } = source;
  const { algorithm } = pieces[0]!;
  const original = originalOf(snapshot);
  const base = copyKeyOf(scope, original);
  const key = dataKeyOf(base, facts.disk_format);
  const progressKey = `${base}.progress`;

  // Data with another key are of another disk format and do not belong to this copy. Data that are
  // missing in the listing are requested.
  let data = begun?.data?.key === key ? begun.data : await bucket.head(key);
  if (!data) {
    const unfinished = begun?.uploads.find((one) => one.key === key);
    const refusal = unfinished ? undefined : budget.refuse(key, source.countedBytes);
    if (refusal) return refusal;
    const metadata = facts.checksum ? { [algorithm]: facts.checksum.value } : {};
    const target = unfinished ?? (await bucket.begin(key, metadata));
    await budget.count(target, source.countedBytes);
    const { isComplete, bytes, isHopeless } = await uploadOnce(session, bucket, target, source);
    if (isHopeless) {
      await bucket.abort(target);
      return { outcome: 'failed', reasons: [{ code: 'COPY_TOO_LARGE', bytes: sizeBytes }] };
    }
    if (!isComplete) {
      return { outcome: 'deferred', reasons: [{ code: 'COPY_UPLOADING', bytes, of: sizeBytes }] };
    }
    data = await bucket.head(key);
    if (!data) return { outcome: 'deferred', reasons: [{ code: 'COPY_DISCARDED_BY_OTHER_RUN' }] };
    for (const other of await bucket.uploads(key)) if (other.key === key) await bucket.abort(other);
  }

  const found = await verify(bucket, session.deadline, data, progressKey, pieces);
  if (typeof found === 'number') {
    return { outcome: 'deferred', reasons: [{ code: 'COPY_VERIFYING', bytes: found, of: sizeBytes }] };
  }
  if (found === 'wrong') {
    for (const one of [data.key, progressKey]) await bucket.delete(one);
    return { outcome: 'failed', reasons: [{ code: 'COPY_CORRUPT', algorithm }] };
  }
  await bucket.put(`${base}.json`, manifestOf(scope, original, image, facts, now));
  await bucket.delete(progressKey);
  return { outcome: 'copied', reasons: [{ code: 'COPIED', bytes: sizeBytes, algorithm }] };
}

/**
 * {@link upload}, which also succeeds when another run has completed the same upload in the
 * meantime.
 */
async function uploadOnce(session: Session, bucket: Bucket, target: Upload, source: BucketCopySource) {
  try {
    return await upload(session.deadline, bucket, target, source);
  } catch (error) {
    if (!isBucketError(error, 'GONE') || !(await bucket.head(target.key))) throw error;
    return { isComplete: true, bytes: source.sizeBytes, isHopeless: false };
  }
}

/** The {@link OriginalImage} of a snapshot. */
export function originalOf({ region, server, slot, id }: Snapshot): OriginalImage {
  return { region, server, slot, image: id };
}
