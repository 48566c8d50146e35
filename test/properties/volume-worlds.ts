import fc from 'fast-check';
import type { SnapshotState } from '../../lib/snapshots/snapshot.ts';
import type { Cloud } from '../../local/cloud/cloud.ts';
import type { CloudVolumeSnapshot } from '../../local/cloud/state.ts';
import { snapshotName } from './makers.ts';
import { events, mostly, NOW, OWNER, type World } from './worlds.ts';

const HOUR_MS = 3_600_000;
const SERVER = '00000000-0000-4000-8000-00000000000';

/** Where a volume is. */
export type Place = 'attached' | 'detached' | 'gone';

interface KnownVolume {
  id: string;
  place: Place;
}

/** A volume snapshot of a world, with what the generator knows about it. */
export interface KnownPart {
  snapshot: CloudVolumeSnapshot;
  place: Place;
  /** Whether it has a complete marker of this deployment, in the metadata or in the description. */
  ours: boolean;
  policy: string;
  state: SnapshotState;
  held: boolean;
  slot: Date;
}

/** A region with servers, volumes and volume snapshots, and the policy to apply to it. */
export interface VolumeWorld {
  /** How the session logs in: at Rackspace with Cinder v1, or to an OpenStack with Cinder v3. */
  kind: 'rackspace' | 'password';
  event: World['event'];
  volumes: KnownVolume[];
  parts: KnownPart[];
  pageSize: number;
}

const STATES: Record<string, SnapshotState> = {
  available: 'good',
  creating: 'pending',
  error: 'failed',
  error_deleting: 'unknown',
  'backing-up': 'unknown',
  odd: 'unknown',
};

/** The values of a hold, and whether it lasts. */
const HOLDS: Record<string, boolean> = {
  '': false,
  none: false,
  '2026-11-23T05:59:59Z': false,
  forever: true,
  '2026-12-24T00:00:00Z': true,
};

const KEYS = ['owner', 'policy', 'server', 'slot', 'expires', 'request', 'hold', 'device', 'type'];
const descriptionOf = (marker: Record<string, string>) =>
  ['autosnap', ...KEYS.map((key) => marker[key] ?? '-')].join(' ');
const metadataOf = (marker: Record<string, string>) =>
  Object.fromEntries(Object.entries(marker).map(([key, value]) => [`autosnap_${key}`, value]));

/** Changes that make a volume snapshot another's, or leave its origin in doubt. */
const DISGUISES: Record<string, (one: CloudVolumeSnapshot) => void> = {
  'without a marker': (one) => Object.assign(one, { metadata: {}, description: 'before the upgrade' }),
  'renamed by a person': (one) => Object.assign(one, { name: 'golden' }),
  'of another deployment': (one) =>
    Object.assign(one, {
      metadata: { ...one.metadata, autosnap_owner: 'autosnap-prod' },
      description: one.description!.replace(` ${OWNER} `, ' autosnap-prod '),
    }),
  'of two deployments': (one) =>
    Object.assign(one, { metadata: { ...one.metadata, autosnap_owner: 'autosnap-prod' } }),
  'with another slot in the description': (one) =>
    Object.assign(one, { description: one.description!.replace(/ 20\d\d-/, ' 1999-') }),
  'created days after its slot': (one) =>
    Object.assign(one, { createdAt: new Date(one.createdAt!.getTime() + 400 * 24 * HOUR_MS) }),
  'created before its slot': (one) =>
    Object.assign(one, { createdAt: new Date(one.createdAt!.getTime() - 30 * HOUR_MS) }),
  'with an unreadable slot': (one) =>
    Object.assign(one, { metadata: { ...one.metadata, autosnap_slot: 'yesterday' }, description: null }),
  'with an unreadable hold': (one) =>
    Object.assign(one, { metadata: { ...one.metadata, autosnap_hold: 'a while' } }),
  'with a part of the marker': (one) =>
    Object.assign(one, { metadata: { autosnap_owner: OWNER, autosnap_policy: 'daily' }, description: null }),
};

const specs = fc.record({
  volume: fc.nat(9),
  policy: mostly('daily', ['weekly']),
  hoursAgo: fc.oneof(fc.integer({ min: -4, max: 80 }), fc.integer({ min: 0, max: 9_000 })),
  status: mostly('available', Object.keys(STATES)),
  /** Where the marker is: Cinder v1 may lose metadata, and people change descriptions. */
  markerIn: fc.constantFrom('both', 'both', 'metadata', 'description'),
  hold: mostly('', Object.keys(HOLDS)),
  disguise: mostly('', Object.keys(DISGUISES)),
});
type Spec = typeof specs extends fc.Arbitrary<infer T> ? T : never;

const places = mostly<Place>('attached', ['detached', 'gone', 'gone']);

/** Random worlds of up to three volumes and 24 volume snapshots. */
export const volumeWorlds: fc.Arbitrary<VolumeWorld> = fc
  .tuple(
    fc.constantFrom('rackspace' as const, 'password' as const),
    events,
    fc.array(places, { minLength: 1, maxLength: 3 }),
    fc.array(specs, { maxLength: 24, size: 'max' }),
    fc.constantFrom(2, 5, 100),
  )
  .map(([kind, event, at, all, pageSize]) => {
    const volumes = at.map((place, i) => ({ id: `volume-${i}`, place }));
    const parts = all.map((spec, i) => makePart(spec, i, volumes[spec.volume % volumes.length]!));
    return { kind, event, volumes, parts, pageSize };
  });

function makePart(spec: Spec, i: number, volume: KnownVolume): KnownPart {
  const { policy, disguise, status } = spec;
  const isDisguised = disguise !== '';
  // Some disguises change only one of the markers, and have no effect without it.
  const markerIn = isDisguised ? 'both' : spec.markerIn;
  const slot = new Date(NOW.getTime() - spec.hoursAgo * HOUR_MS);
  const marker = {
    ...{ owner: OWNER, policy, server: `${SERVER}0`, slot: slot.toISOString().replace('.000', '') },
    ...(spec.hold ? { hold: spec.hold } : {}),
  };
  const snapshot: CloudVolumeSnapshot = {
    id: `part-${i}`,
    name: snapshotName(volume.id, policy, slot),
    status,
    createdAt: new Date(slot.getTime() + 20_000),
    volumeId: volume.id,
    deletesSlowly: false,
    metadata: markerIn === 'description' ? {} : metadataOf(marker),
    description: markerIn === 'metadata' ? null : descriptionOf(marker),
  };
  if (isDisguised) DISGUISES[disguise]!(snapshot);
  const { place } = volume;
  const state = STATES[status]!;
  return { snapshot, place, ours: !isDisguised, policy, state, held: HOLDS[spec.hold]!, slot };
}

/** Gives the region DFW of the embedded cloud the state of a world. */
export function becomeVolumes(
  cloud: Cloud,
  { volumes, parts, pageSize }: Pick<VolumeWorld, 'volumes' | 'parts' | 'pageSize'>,
): void {
  const region = cloud.region('DFW');
  cloud.pageSize = pageSize;
  cloud.faults.splice(0);
  cloud.received.splice(0);
  region.servers.splice(0);
  region.volumeSnapshots.splice(0);
  region.unlisted.clear();
  for (const { id } of region.images) region.removeImage(id);
  for (let i = 0; i < 9; i++) region.removeVolume(`volume-${i}`);
  const volumeIds = volumes.filter(({ place }) => place === 'attached').map(({ id }) => id);
  region.addServer({ id: `${SERVER}0`, name: 'db', volumeIds, createdAt: new Date(0) });
  for (const { id, place } of volumes) {
    if (place !== 'gone') region.addVolume({ id, name: id, createdAt: new Date(0) });
  }
  for (const { snapshot } of parts) region.addVolumeSnapshot(structuredClone(snapshot));
}

/** Whether any cleanup by the policy `daily` may ever delete a volume snapshot. */
export function mayGo(
  { ours, place, policy, state, held, slot }: KnownPart,
  { event }: VolumeWorld,
): boolean {
  return (
    ours &&
    policy === 'daily' &&
    !held &&
    slot <= NOW &&
    (state === 'good' || state === 'failed') &&
    (place === 'attached' || (place === 'gone' && event.orphans !== undefined))
  );
}
