import { unionById } from '../openstack/union-by-id.ts';
import { isSnapshot, type Snapshot, type Suspect } from '../snapshots/snapshot.ts';
import { isInSameSet } from './set.ts';

/**
 * The parts of a set in two listings, because one listing may lack a part.
 *
 * @param part any part of the set.
 * @param read reads the marker of what `list` lists.
 */
export async function listSet<T extends { id: string }>(
  part: Parameters<typeof isInSameSet>[0],
  read: (one: T) => Snapshot | Suspect | undefined,
  list: () => Promise<T[]>,
): Promise<T[]> {
  const isPart = isInSameSet(part);
  return unionById(await list(), await list()).filter((one) => {
    const found = read(one);
    return isSnapshot(found) && isPart(found);
  });
}
