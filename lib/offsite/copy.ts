import type { Snapshot } from '../marker.ts';
import { explain, isCloudError } from '../openstack/errors.ts';
import type { Image } from '../openstack/images.ts';
import type { Session } from '../openstack/session.ts';
import type { SnapshotLine } from '../report.ts';
import type { Bucket, Stored, Upload } from './bucket.ts';
import { isBucketError } from './bucket-error.ts';
import { type Copy, keyOf, type Place } from './copies.ts';
import type { Ledger } from './ledger.ts';
import { checksumOf, manifestOf } from './manifest.ts';
import { isOutOfTime, upload } from './upload.ts';
import { verify } from './verify.ts';

export const OUT_OF_TIME = 'the time of this run is used up';

export type Result = Pick<SnapshotLine, 'outcome' | 'reasons'>;

/** What copying needs besides the snapshot. */
export interface Copier {
  session: Session;
  bucket: Bucket;
  place: Place;
  ledger: Ledger;
  /** The most bytes to begin in a month. */
  maxBytesPerMonth: number | undefined;
  now: Date;
}

/** Why an image can never be copied, whatever is tried; undefined when it can. */
export function obstacleTo(image: Image): string | undefined {
  if (image.volumeSnapshotIds.length > 0) {
    return 'its disk is a volume: the data lie in volume snapshots, which the image service can not give out';
  }
  if (!checksumOf(image)) return 'the cloud has no checksum of its images, so a copy could not be verified';
  return undefined;
}

/**
 * Copies a snapshot's image into the bucket, or goes on where an earlier run had to stop: its parts, then a reading of
 * the whole copy against the cloud's checksum, then the manifest, which makes the copy good. A copy that is wrong is
 * deleted.
 */
export async function copySnapshot(
  copier: Copier,
  snapshot: Snapshot,
  image: Image,
  begun: Copy | undefined,
): Promise<Result> {
  try {
    return await attempt(copier, snapshot, image, begun);
  } catch (error) {
    if (isOutOfTime(error)) return { outcome: 'deferred', reasons: [OUT_OF_TIME] };
    if (isBucketError(error, 'GONE')) {
      return {
        outcome: 'deferred',
        reasons: [`another run has changed this copy meanwhile: ${error.message}`],
      };
    }
    if (isCloudError(error, 'NOT_FOUND')) {
      for (const one of await copier.bucket.uploads(keyOf(copier.place, originalOf(snapshot)))) {
        await copier.bucket.abort(one);
      }
      return { outcome: 'skipped', reasons: ['the snapshot was deleted before it was copied'] };
    }
    if (isCloudError(error)) return { outcome: 'failed', reasons: [explain(error)] };
    if (isBucketError(error)) return { outcome: 'failed', reasons: [error.message] };
    throw error;
  }
}

async function attempt(
  copier: Copier,
  snapshot: Snapshot,
  image: Image,
  begun: Copy | undefined,
): Promise<Result> {
  const { session, bucket, place, now } = copier;
  const sizeBytes = image.sizeBytes!;
  const original = originalOf(snapshot);
  const base = keyOf(place, original);
  const key =
    begun?.data?.key ?? `${base}.${(image.properties.disk_format ?? 'img').replace(/[^a-z0-9]/g, '')}`;
  const progressKey = `${base}.progress`;
  const checksum = checksumOf(image)!;

  let data = begun?.data;
  if (!data) {
    const limit = begun?.uploads.length ? undefined : limitReached(copier, sizeBytes);
    if (limit) return { outcome: 'skipped', reasons: [limit] };
    const target = begun?.uploads[0] ?? (await bucket.begin(key, { ...checksumMetadata(checksum) }));
    await copier.ledger.count(target, sizeBytes);
    const { whole, bytes, hopeless } = await uploadOnce(copier, target, { ...original, sizeBytes });
    if (hopeless) {
      await bucket.abort(target);
      const reason = `the cloud sends images from their beginning only, and this one (${gigabytes(sizeBytes)}) is too large for one run: it can't be copied`;
      return { outcome: 'failed', reasons: [reason] };
    }
    if (!whole) {
      const reason = `${gigabytes(bytes)} of ${gigabytes(sizeBytes)} are there, the next try goes on: ${OUT_OF_TIME}`;
      return { outcome: 'deferred', reasons: [reason] };
    }
    data = await find(bucket, key);
    if (!data) return { outcome: 'deferred', reasons: ['another run has discarded this copy meanwhile'] };
    for (const other of await bucket.uploads(key)) await bucket.abort(other);
  }

  const found =
    data.bytes === sizeBytes ? await verify(bucket, session.deadline, data, progressKey, checksum) : 'wrong';
  if (typeof found === 'number') {
    const reason = `all ${gigabytes(sizeBytes)} are there, ${gigabytes(found)} are verified, the next try goes on: ${OUT_OF_TIME}`;
    return { outcome: 'deferred', reasons: [reason] };
  }
  if (found === 'wrong') {
    for (const one of [data.key, `${base}.json`, progressKey]) await bucket.delete(one);
    const reason = `the copy's ${checksum.algorithm} is not the one that the cloud has of the image: the copy is discarded; if that happens again, the image itself is damaged`;
    return { outcome: 'failed', reasons: [reason] };
  }
  await bucket.put(`${base}.json`, manifestOf(place, original, image, now));
  await bucket.delete(progressKey);
  return { outcome: 'copied', reasons: [`${gigabytes(sizeBytes)} copied, ${checksum.algorithm} verified`] };
}

/** {@link upload}; that another run has put the same parts together meanwhile is as good. */
async function uploadOnce(
  { session, bucket }: Copier,
  target: Upload,
  source: { region: string; image: string; sizeBytes: number },
) {
  const { region, image: id, sizeBytes } = source;
  try {
    return await upload(session, bucket, target, { region, id, sizeBytes });
  } catch (error) {
    if (!isBucketError(error, 'GONE') || !(await find(bucket, target.key))) throw error;
    return { whole: true, bytes: sizeBytes, hopeless: false };
  }
}

async function find(bucket: Bucket, key: string): Promise<Stored | undefined> {
  return (await bucket.list(key)).find((stored) => stored.key === key);
}

function limitReached({ ledger, maxBytesPerMonth }: Copier, bytes: number): string | undefined {
  if (maxBytesPerMonth === undefined) return undefined;
  const limit = `offsite.maxBytesPerMonth (${gigabytes(maxBytesPerMonth)})`;
  if (bytes > maxBytesPerMonth) return `${gigabytes(bytes)} are more than ${limit} allows at all: raise it`;
  const used = ledger.usedBytes();
  return used + bytes > maxBytesPerMonth
    ? `${gigabytes(bytes)} more than the ${gigabytes(used)} of this month would be over ${limit}: it waits for the next month, or for a higher limit`
    : undefined;
}

function originalOf({ region, server, slot, id }: Snapshot) {
  return { region, server, slot, image: id };
}

function checksumMetadata({ algorithm, value }: { algorithm: string; value: string }) {
  return { [algorithm]: value };
}

/** "2.0 GB" */
export function gigabytes(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
