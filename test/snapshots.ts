import { bareServer, type Server } from '../lib/openstack/compute.ts';
import type { Image } from '../lib/openstack/images.ts';
import type { Volume } from '../lib/openstack/volumes.ts';
import { nameEnding } from '../lib/snapshots/marker.ts';
import type { RegionInventory } from '../lib/snapshots/region-inventory.ts';
import { type Snapshot, UNMARKED } from '../lib/snapshots/snapshot.ts';

/**
 * A good snapshot of the series "daily" of server "s"; `changes` are applied to it. Its id is its
 * slot by default.
 */
export function snapshot(slot: string | Date, changes: Partial<Snapshot> = {}): Snapshot {
  const time = new Date(slot);
  return {
    id: time.toISOString(),
    name: `web-1${nameEnding('daily', time)}`,
    region: 'DFW',
    server: 's',
    policy: 'daily',
    slot: time,
    createdAt: new Date(time.getTime() + 20_000),
    status: 'active',
    state: 'good',
    sizeBytes: 2e9,
    volumeSnapshots: [],
    ...UNMARKED,
    ...changes,
  };
}

/** Good snapshots at the same time of day on `count` days, of which the last is `newest`. */
export function dailies(newest: string, count: number): Snapshot[] {
  const last = new Date(newest).getTime();
  return Array.from({ length: count }, (_, i) => snapshot(new Date(last - i * 86_400_000)));
}

/**
 * The idle server "web" with the id "s", which the snapshots above belong to; `changes` are applied
 * to it.
 */
export function server(changes: Partial<Server> = {}): Server {
  return { ...bareServer({ id: 's', name: 'web', region: 'DFW' }), ...changes };
}

/**
 * A finished image of the project "p1" with its own data, as a listing shows it; `changes` are
 * applied to it.
 */
export function image(changes: Partial<Image> & Pick<Image, 'name' | 'createdAt' | 'properties'>): Image {
  return {
    id: 'i1',
    region: 'DFW',
    status: 'active',
    visibility: 'private',
    hidden: false,
    protected: false,
    owner: 'p1',
    sizeBytes: 2e9,
    volumeSnapshotIds: [],
    ...changes,
  };
}

/** A volume that is attached to nothing. */
export function volume(changes: Partial<Volume> = {}): Volume {
  return {
    ...{ id: 'volume', region: 'DFW', name: '', description: '', status: 'available', sizeGb: 1 },
    ...{
      type: undefined,
      multiattach: false,
      metadata: {},
      snapshotId: undefined,
      createdAt: undefined,
      attachments: [],
    },
    ...changes,
  };
}

/** A region that was listed completely, and has nothing. */
export function aRegion(changes: Partial<RegionInventory> = {}): RegionInventory {
  return {
    ...{ region: 'DFW', servers: [], images: [], volumes: [], volumeSnapshots: [] },
    ...{ gone: new Set<string>(), goneVolumes: new Set<string>(), doubts: [] },
    ...changes,
  };
}
