import { isoSeconds } from '../config/dates.ts';
import type { Deadline } from '../openstack/http.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isBucketError } from './bucket-error.ts';
import { type CheckedCopy, checkAgain } from './check.ts';
import type { Place } from './copies.ts';
import type { CopyResult } from './copy-result.ts';
import type { CopyStore } from './copy-store.ts';
import { manifestOfDeletion } from './manifest.ts';

/** The context of a rotation of copies. */
export interface RotationContext {
  store: CopyStore;
  place: Place;
  deadline: Deadline;
  /** The least number of slots of a series that have to keep a good copy. */
  floor: number;
}

/**
 * Deletes a copy that retention has released. Right before the deletion, it checks the manifest and
 * the data of the copy again, and as many other copies as have to stay. The data are deleted first
 * and the manifest that names them last, so that a later run finds and finishes an interrupted
 * deletion.
 *
 * @param others the other good copies of the series, the one that is most likely to stay first.
 * @returns the result; `lost` are those of the others that are no longer good.
 */
export async function deleteCopy(
  { store, place, deadline, floor }: RotationContext,
  copy: CheckedCopy,
  others: readonly CheckedCopy[],
  reasons: Reason[],
): Promise<CopyResult & { lost?: CheckedCopy[] }> {
  const lost: CheckedCopy[] = [];
  if (deadline.remainingMs() <= 0) return { outcome: 'deferred', reasons: [{ code: 'DEADLINE' }] };
  try {
    const current = await checkAgain(store, place, copy);
    if (current.state === 'disputed') {
      return { outcome: 'kept', reasons: [{ code: 'COPY_DISPUTED', problem: current.problem! }] };
    }
    if (current.state === 'unfinished') {
      return copy.data && (await store.head(copy.data.key))
        ? { outcome: 'kept', reasons: [{ code: 'COPY_WITHOUT_MANIFEST' }] }
        : { outcome: 'deleted', reasons: [...reasons, { code: 'ALREADY_GONE' }] };
    }
    const left = new Set<string>();
    for (const other of others) {
      if (left.size >= floor) break;
      // Copies of the same slot are deleted together with this one, so they do not count.
      if (other.slot.getTime() === copy.slot.getTime()) continue;
      if ((await checkAgain(store, place, other)).state === 'good') left.add(isoSeconds(other.slot));
      else if (other.state === 'good') lost.push(other);
    }
    if (left.size < floor) {
      return { outcome: 'kept', reasons: [{ code: 'TOO_FEW_COPIES_LEFT', needed: floor }], lost };
    }
    await removeObjects(store, current);
    return { outcome: 'deleted', reasons, lost };
  } catch (error) {
    if (!isBucketError(error)) throw error;
    return error.code === 'OUT_OF_TIME'
      ? { outcome: 'deferred', reasons: [{ code: 'DEADLINE' }] }
      : { outcome: 'failed', reasons: [{ code: 'BUCKET', error: error.code, message: error.message }] };
  }
}

/** Deletes the leftovers of a copy; see `discard` in plan.ts. */
export async function discard(store: CopyStore, place: Place, copy: CheckedCopy): Promise<void> {
  for (const upload of copy.uploads) await store.abort(upload);
  if (copy.manifest) {
    // Resumes a deletion that was interrupted.
    const current = await checkAgain(store, place, copy);
    if (current.state === 'empty') await removeObjects(store, current);
  } else if (copy.progress) await store.delete(copy.progress.key);
}

async function removeObjects(store: CopyStore, copy: CheckedCopy): Promise<void> {
  // The note in the manifest distinguishes an interrupted deletion from data that somebody else has
  // damaged.
  const text = await store.readText(`${copy.key}.json`);
  if (text !== undefined) await store.put(`${copy.key}.json`, manifestOfDeletion(text));
  await store.deleteData(copy);
  for (const kind of ['progress', 'json']) await store.delete(`${copy.key}.${kind}`);
}
