import type { Reason } from '../reporting/reasons.ts';
import { type Copy, dataKeyOf, type Place } from './copies.ts';
import type { CopyStore } from './copy-store.ts';
import { describes, readManifest } from './manifest.ts';

/**
 * - good: its manifest names exactly this copy, and its data are there as the manifest says. Only a good copy counts.
 * - unfinished: it has no manifest.
 * - empty: its manifest names exactly this copy, and its data are not there, or its deletion has begun.
 * - disputed: it has a manifest that says something else, or data that the manifest does not describe. It never counts
 *   and is never touched.
 * - unreadable: the store could not be asked. It does not count and is not touched, and nothing of its series is deleted.
 */
export type CopyState = 'good' | 'unfinished' | 'empty' | 'disputed' | 'unreadable';

/** A copy whose manifest was read and whose data were looked at. */
export interface CheckedCopy extends Copy {
  state: CopyState;
  /** Empty, because its deletion has begun. */
  isBeingDeleted?: boolean;
  /** Why it is disputed or unreadable. */
  problem?: Reason;
}

type Reading = Pick<CopyStore, 'readText' | 'head'>;

/**
 * Reads the manifest of a copy and looks at its data. What the listing lacks is asked for by itself, because a listing
 * proves that an object is there and never that it is not.
 */
export async function checkCopy(store: Reading, place: Place, copy: Copy): Promise<CheckedCopy> {
  const key = `${copy.key}.json`;
  const text = await store.readText(key);
  if (text === undefined) return { ...copy, ...(await unfinished(store, copy)) };
  const manifestObject = copy.manifest ?? { key, bytes: text.length, etag: '', at: copy.slot };
  const there = { ...copy, manifest: manifestObject };
  const manifest = readManifest(text, place, copy);
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

/** The same for a deletion: nothing of what a listing has shown is relied on. */
export function checkAgain(store: Reading, place: Place, copy: Copy): Promise<CheckedCopy> {
  return checkCopy(store, place, { ...copy, data: undefined, manifest: undefined });
}

/** Without a manifest only an upload says where data would be. */
async function unfinished(
  store: Reading,
  { data, uploads }: Copy,
): Promise<Pick<CheckedCopy, 'state' | 'data' | 'manifest'>> {
  let found = data;
  for (const key of new Set(uploads.map((upload) => upload.key))) found ??= await store.head(key);
  return { state: 'unfinished', data: found, manifest: undefined };
}
