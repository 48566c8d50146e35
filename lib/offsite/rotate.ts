import type { Deadline } from '../openstack/http.ts';
import { isBucketError } from './bucket-error.ts';
import { type Copy, copiesOf, isGood, type Place } from './copies.ts';
import { OUT_OF_TIME, type Result } from './copy.ts';
import type { CopyStore } from './copy-store.ts';
import { isManifestOf } from './manifest.ts';

/** Where copies are rotated. */
export interface Rotating {
  store: CopyStore;
  place: Place;
  deadline: Deadline;
  /** How many good copies of a series stay, whatever else is decided. */
  floor: number;
}

/**
 * Deletes a copy that retention has released. Just before it, the series is listed again, its manifest is read, and as
 * many other good copies as have to stay are counted. The data go first, the manifest that names them last, so that what
 * is interrupted is found and finished by a later run.
 */
export async function deleteCopy(
  { store, place, deadline, floor }: Rotating,
  copy: Copy,
  reasons: string[],
): Promise<Result> {
  if (deadline.remainingMs() <= 0) return { outcome: 'deferred', reasons: [OUT_OF_TIME] };
  try {
    const series = copiesOf(place, await store.list(seriesOf(copy)), []);
    const current = series.find(({ key }) => key === copy.key);
    if (!current) return { outcome: 'deleted', reasons: [...reasons, 'already gone'] };
    const isProven = async (one: Copy) =>
      isGood(one) && isManifestOf(await store.readText(one.manifest!.key), place, one);
    if (!(await isProven(current))) {
      return { outcome: 'kept', reasons: ['its manifest is not the one of this copy: it is left alone'] };
    }
    let left = 0;
    for (const other of series) if (left < floor && other !== current && (await isProven(other))) left++;
    if (left < floor) {
      return { outcome: 'kept', reasons: [`fewer than ${floor} good copies (atLeast) would be left`] };
    }
    await store.deleteData(current);
    for (const object of [current.progress, current.manifest]) if (object) await store.delete(object.key);
    return { outcome: 'deleted', reasons };
  } catch (error) {
    if (!isBucketError(error)) throw error;
    return error.code === 'OUT_OF_TIME'
      ? { outcome: 'deferred', reasons: [OUT_OF_TIME] }
      : { outcome: 'failed', reasons: [error.message] };
  }
}

/** Takes away what nothing can become of any more; see `planCopies`. */
export async function discard(store: CopyStore, copy: Copy): Promise<void> {
  for (const upload of copy.uploads) await store.abort(upload);
  // What was interrupted in the middle of the data goes on there.
  if (copy.manifest) await store.deleteData(copy);
  for (const object of [copy.progress, copy.manifest]) if (object) await store.delete(object.key);
}

/** What all keys of a copy's series begin with. */
function seriesOf({ key }: Copy): string {
  return key.split('/').slice(0, -2).concat('').join('/');
}
