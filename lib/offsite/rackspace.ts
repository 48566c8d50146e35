import type { Image } from '../openstack/images.ts';
import { getObject, readObject } from '../openstack/objects.ts';
import { VERIFIED } from '../reporting/sentences/errors.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { Bucket } from './bucket.ts';
import { licenseOf, withBucketErrors } from './cloud-files.ts';
import { type CopyScope, copyKeyOf, type Upload } from './copies.ts';
import { type BucketCopySource, type CopyContext, copySnapshot, originalOf, resultOf } from './copy.ts';
import type { CopyResult } from './copy-result.ts';
import { abandonExport, type ExportContext, exportImage } from './export.ts';
import { type Exported, exportedName } from './export-integrity.ts';
import { exportRecordOf } from './export-record.ts';
import { type DataFacts, manifestOf } from './manifest.ts';

/** The context for copies of Rackspace's images in Cloud Files, in the region of the images. */
export function toCloudFiles(exporting: ExportContext, scope: CopyScope): CopyContext {
  const { session, store, now } = exporting;
  return {
    session,
    scope,
    now,
    store,
    obstacleTo: licenseOf,
    copy: (snapshot, image) =>
      exported(exporting, scope, snapshot, image, async (found) => {
        const key = copyKeyOf(scope, originalOf(snapshot));
        const facts = { ...dataFactsOf(found, VERIFIED.byListing()), etag: found.etag };
        await store.put(`${key}.json`, manifestOf(scope, originalOf(snapshot), image, facts, now));
        await store.delete(exportRecordOf(key));
        const { bytes, segments } = found;
        return { outcome: 'copied', reasons: [{ code: 'EXPORTED', bytes, segments: segments.length }] };
      }),
  };
}

/**
 * The context for copies of Rackspace's images in a bucket. The images are exported to Cloud Files
 * first, and the exports are deleted afterwards.
 */
export function throughCloudFiles(exporting: ExportContext, scope: CopyScope, bucket: Bucket): CopyContext {
  const { session, container, store, now, budget } = exporting;
  const copying = { session, bucket, scope, now, budget };
  const abort = ({ key, id }: Pick<Upload, 'key' | 'id'>) =>
    withBucketErrors(() => abandonExport(exporting, key.replace(/\.vhd$/, ''), id, { copied: true }));
  return {
    session,
    scope,
    now,
    store: bucket,
    staging: { uploads: store.uploads, abort },
    obstacleTo: licenseOf,
    copy: (snapshot, image, begun) =>
      exported(exporting, scope, snapshot, image, async (found) => {
        const source: BucketCopySource = {
          sizeBytes: found.bytes,
          pieces: found.segments.map(({ bytes, md5: value }) => ({ bytes, algorithm: 'md5', value })),
          read: async (from) => ({
            from,
            body: await readObject(session, container, exportedName(image.id), { from }),
          }),
          facts: dataFactsOf(found, VERIFIED.byReading()),
          // The bytes were counted when the export was requested.
          countedBytes: 0,
          isGone: async () => (await getObject(session, container, exportedName(image.id))) === undefined,
          gone: { code: 'COPY_EXPORT_GONE' },
        };
        const result = await copySnapshot(copying, snapshot, image, source, begun);
        if (result.outcome === 'copied') {
          await abort({ key: `${copyKeyOf(scope, originalOf(snapshot))}.vhd`, id: image.id });
        }
        return result;
      }),
  };
}

/** Exports an image, and calls `proceed` once the export is complete. */
async function exported(
  exporting: ExportContext,
  scope: CopyScope,
  snapshot: Snapshot,
  image: Image,
  proceed: (found: Exported) => Promise<CopyResult>,
): Promise<CopyResult> {
  try {
    const found = await exportImage(exporting, copyKeyOf(scope, originalOf(snapshot)), image);
    return 'outcome' in found ? found : await proceed(found);
  } catch (error) {
    return resultOf(error);
  }
}

function dataFactsOf({ bytes, segments }: Exported, verified: Sentence): DataFacts {
  return {
    sizeBytes: bytes,
    disk_format: 'vhd',
    container_format: 'bare',
    segments,
    verified,
  };
}
