import type { Volume } from '../openstack/volumes.ts';
import type { RestoreInventory } from './inventory.ts';
import { readVolumeMark } from './marks.ts';

/**
 * The ids of a volume and of its predecessors. An in-place restore makes a volume from a snapshot
 * of its predecessor, and puts it in the place of that. So older snapshots of the server have
 * snapshots of the predecessors.
 */
export function predecessorsOf(
  volume: Pick<Volume, 'id'> & Partial<Volume>,
  { volumes, volumeSnapshots }: Pick<RestoreInventory, 'volumes' | 'volumeSnapshots'>,
): string[] {
  const ids = [volume.id];
  for (let current: typeof volume | undefined = volume; current; ) {
    const { metadata = {}, description = '' }: Partial<Volume> = current;
    const mark = readVolumeMark({ metadata, description });
    const source = mark?.to === 'in-place' && volumeSnapshots.find(({ id }) => id === mark.snapshot);
    if (!source || ids.includes(source.volume)) return ids;
    ids.push(source.volume);
    current = volumes.find(({ id }) => id === source.volume);
  }
  return ids;
}
