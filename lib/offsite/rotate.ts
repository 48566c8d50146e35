import { isoSeconds } from '../config/dates.ts';
import type { Deadline } from '../openstack/http.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isBucketError } from './bucket-error.ts';
import { type CheckedCopy, checkAgain } from './check.ts';
import type { Place } from './copies.ts';
import type { CopyResult } from './copy-result.ts';
import type { CopyStore } from './copy-store.ts';
import { manifestOfDeletion } from './manifest.ts';

/** Where copies are rotated. */
export interface Rotating {
  store: CopyStore;
  place: Place;
  deadline: Deadline;
  /** How many slots of a series keep a good copy, whatever else is decided. */
  floor: number;
}

/**
 * Deletes a copy that retention has released. Just before it, its manifest is read and its data are looked at again, and
 * as many others as have to stay are checked like that, too. The data go first, the manifest that names them last, so that
 * what is interrupted is found and finished by a later run.
 *
 * @param others the other good copies of the series, those that are most likely to stay first.
 * @returns with `lost`, those of the others that were found to be good no more.
 */
export async function deleteCopy(
  { store, place, deadline, floor }: Rotating,
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
      // What has the same slot goes with it.
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

/** Takes away what nothing can become of any more; see `planCopies`. */
export async function discard(store: CopyStore, place: Place, copy: CheckedCopy): Promise<void> {
  for (const upload of copy.uploads) await store.abort(upload);
  if (copy.manifest) {
    // A deletion that was interrupted in the middle of the data goes on there.
    const current = await checkAgain(store, place, copy);
    if (current.state === 'empty') await removeObjects(store, current);
  } else if (copy.progress) await store.delete(copy.progress.key);
}

async function removeObjects(store: CopyStore, copy: CheckedCopy): Promise<void> {
  // So that a deletion that is interrupted in the middle of the data is told from data that somebody else has damaged.
  const text = await store.readText(`${copy.key}.json`);
  if (text !== undefined) await store.put(`${copy.key}.json`, manifestOfDeletion(text));
  await store.deleteData(copy);
  for (const kind of ['progress', 'json']) await store.delete(`${copy.key}.${kind}`);
}
