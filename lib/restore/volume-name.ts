import type { Volume } from '../openstack/volumes.ts';
import { serverNameIn } from '../snapshots/marker.ts';
import type { SavedVolume } from '../volumes/saved-volumes.ts';
import { originalName } from './marks.ts';

/**
 * The current name of the volume of a snapshot, without the words that say that it was replaced, or
 * else the one in the name of the snapshot.
 */
export function volumeName(volumes: readonly Volume[], saved: SavedVolume): string {
  const existing = volumes.find(({ id, region }) => id === saved.volume && region === saved.region);
  return (existing && originalName(existing.name)) || serverNameIn(saved);
}
