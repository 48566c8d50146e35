import { isoSeconds } from '../config/dates.ts';
import { isCloudError } from '../openstack/errors.ts';
import type { Deadline } from '../openstack/http.ts';
import { reasonFor } from '../reporting/failure.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isBucketError } from './bucket-error.ts';
import type { CopyScope } from './copies.ts';
import type { CopyResult } from './copy-result.ts';
import { type CheckedCopy, checkAgain } from './copy-state.ts';
import type { CopyStore } from './copy-store.ts';
import { manifestOfDeletion } from './manifest.ts';

/** The context of a rotation of copies. */
export interface RotationContext {
  store: CopyStore;
  scope: CopyScope;
  deadline: Deadline;
  /** The minimum number of slots of a series that have to keep a good copy. */
  floor: number;
  /** Why the set of a copy has to stay, read again right before the deletion. */
  setStays: (copy: CheckedCopy) => Promise<Reason | undefined>;
}

/**
 * Deletes a copy that retention no longer keeps. Before the deletion, it checks the manifest and
 * the data of the copy again, and checks other copies until enough of them are known to be good.
 * The data are deleted first, and the manifest that names them is deleted last, so that a later run
 * finds and finishes an interrupted deletion.
 *
 * @param others the other good copies of the series; the copy that is most likely to be kept comes
 *   first.
 * @returns the result; `lost` has the other copies that are no longer good.
 */
export async function deleteCopy(
  { store, scope, deadline, floor, setStays }: RotationContext,
  copy: CheckedCopy,
  others: readonly CheckedCopy[],
  reasons: Reason[],
): Promise<CopyResult & { lost?: CheckedCopy[] }> {
  const lost: CheckedCopy[] = [];
  if (deadline.remainingMs() <= 0) return { outcome: 'deferred', reasons: [{ code: 'DEADLINE' }] };
  try {
    const current = await checkAgain(store, scope, copy);
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
      // Copies of the same slot are deleted together with this copy, so they do not count.
      if (other.slot.getTime() === copy.slot.getTime()) continue;
      if ((await checkAgain(store, scope, other)).state === 'good') left.add(isoSeconds(other.slot));
      else if (other.state === 'good') lost.push(other);
    }
    if (left.size < floor) {
      return { outcome: 'kept', reasons: [{ code: 'TOO_FEW_COPIES_LEFT', needed: floor }], lost };
    }
    const reason = await setStays(copy);
    if (reason) return { outcome: 'kept', reasons: [{ code: 'CHANGED', reason }], lost };
    await removeObjects(store, current);
    return { outcome: 'deleted', reasons, lost };
  } catch (error) {
    if (isBucketError(error, 'OUT_OF_TIME')) return { outcome: 'deferred', reasons: [{ code: 'DEADLINE' }] };
    if (!isCloudError(error) && !isBucketError(error)) throw error;
    return { outcome: 'failed', reasons: [reasonFor(error)] };
  }
}

/** Deletes the leftovers of a copy; see `discard` in plan.ts. */
export async function discard(store: CopyStore, scope: CopyScope, copy: CheckedCopy): Promise<void> {
  for (const upload of copy.uploads) await store.abort(upload);
  if (copy.manifest) {
    // Resumes a deletion that was interrupted.
    const current = await checkAgain(store, scope, copy);
    if (current.state === 'empty') await removeObjects(store, current);
  } else if (copy.progress) await store.delete(copy.progress.key);
}

async function removeObjects(store: CopyStore, copy: CheckedCopy): Promise<void> {
  // The mark in the manifest distinguishes an interrupted deletion from data that were damaged.
  const text = await store.readText(`${copy.key}.json`);
  if (text !== undefined) await store.put(`${copy.key}.json`, manifestOfDeletion(text));
  await store.deleteData(copy);
  for (const kind of ['progress', 'json']) await store.delete(`${copy.key}.${kind}`);
}
