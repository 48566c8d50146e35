import type { Reason } from '../reporting/reasons.ts';
import { type Copy, type CopyScope, dataKeyOf } from './copies.ts';
import type { CopyStore } from './copy-store.ts';
import { describes, readManifest } from './manifest.ts';

/**
 * - good: the manifest is of exactly this copy, and data with the size and ETag in the manifest
 *   exist. Only a good copy counts.
 * - unfinished: the copy has no manifest.
 * - empty: the manifest is of exactly this copy, but the data are missing, or the deletion of the
 *   copy has begun.
 * - disputed: the manifest is of another copy, or does not describe the data. The copy never counts
 *   and is never changed.
 * - unreadable: the store could not be read. The copy does not count and is not changed, and no
 *   copy of its series is deleted.
 */
export type CopyState = 'good' | 'unfinished' | 'empty' | 'disputed' | 'unreadable';

/** A copy whose manifest and data were checked. */
export interface CheckedCopy extends Copy {
  state: CopyState;
  /** Whether the copy is empty because its deletion has begun. */
  isBeingDeleted?: boolean;
  /** Why the copy is disputed or unreadable. */
  problem?: Reason;
}

type ReadableStore = Pick<CopyStore, 'readText' | 'head'>;

/**
 * Reads the manifest of a copy and checks the data. An object that is missing in the listing is
 * requested by its key, because a listing can prove that an object exists, but never that it does
 * not exist.
 */
export async function checkCopy(store: ReadableStore, scope: CopyScope, copy: Copy): Promise<CheckedCopy> {
  const key = `${copy.key}.json`;
  const text = await store.readText(key);
  if (text === undefined) return { ...copy, ...(await unfinished(store, copy)) };
  const manifestObject = copy.manifest ?? { key, bytes: text.length, etag: '', at: copy.slot };
  const there = { ...copy, manifest: manifestObject };
  const manifest = readManifest(text, scope, copy);
  if (!manifest) return { ...there, state: 'disputed', problem: { code: 'COPY_OTHER_MANIFEST', key } };

  const dataKey = dataKeyOf(copy.key, manifest.disk_format);
  const listed = copy.data?.key === dataKey && describes(manifest, copy.data) ? copy.data : undefined;
  const data = listed ?? (await store.head(dataKey));
  if (!data) {
    const segments = manifest.deleting ? [] : (manifest.segments ?? []);
    for (const { name } of segments) {
      if (!(await store.head(name))) continue;
      const problem: Reason = { code: 'COPY_WITHOUT_HEAD', key: dataKey, segment: name };
      return { ...there, data, state: 'disputed', problem };
    }
    return { ...there, data, state: 'empty', ...(manifest.deleting ? { isBeingDeleted: true } : {}) };
  }
  return describes(manifest, data)
    ? { ...there, data, state: 'good' }
    : {
        ...there,
        data,
        state: 'disputed',
        problem: { code: 'COPY_OTHER_DATA', key: dataKey, manifest: key },
      };
}

/** {@link checkCopy} for a deletion: requests every object again, without relying on a listing. */
export function checkAgain(store: ReadableStore, scope: CopyScope, copy: Copy): Promise<CheckedCopy> {
  return checkCopy(store, scope, { ...copy, data: undefined, manifest: undefined });
}

/** Without a manifest, only the keys of uploads say where the data would be. */
async function unfinished(
  store: ReadableStore,
  { data, uploads }: Copy,
): Promise<Pick<CheckedCopy, 'state' | 'data' | 'manifest'>> {
  let found = data;
  for (const key of new Set(uploads.map((upload) => upload.key))) found ??= await store.head(key);
  return { state: 'unfinished', data: found, manifest: undefined };
}
