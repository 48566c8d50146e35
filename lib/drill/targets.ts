import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { homeOf } from '../snapshots/home-region.ts';
import { fullServerNameIn } from '../snapshots/image-name.ts';
import { serverNameIn } from '../snapshots/marker.ts';
import { type Reader, readerOf } from '../snapshots/ownership.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import { certainlySelects } from '../snapshots/selector.ts';
import { isSnapshot, type Snapshot, type Suspect } from '../snapshots/snapshot.ts';
import type { VolumeReader } from '../volumes/marker.ts';
import { volumeReaderOf } from '../volumes/marker.ts';
import { isOfRootVolume, type SavedVolume, savedVolumesIn } from '../volumes/saved-volumes.ts';
import { type DrillDisks, disksOf } from './disks.ts';
import type { Drillable, DrillPolicy } from './plan.ts';
import { readRecords } from './record.ts';
import { type Source, sourceOfVolumeSnapshot } from './source.ts';

/** A snapshot with everything that a drill of it needs. */
export interface DrillTarget extends Drillable {
  source: Source;
  disks: DrillDisks;
  /** The name of the server of the snapshot; of a server that is gone, its former name. */
  serverName: string;
}

/** Reads a source as a snapshot of this deployment. */
export type SourceReader = (source: Source) => Snapshot | Suspect | undefined;

/** The {@link SourceReader} of some regions. */
export function sourceReaderOf(
  { provider, projectId }: Pick<Session, 'provider' | 'projectId'>,
  regions: readonly RegionInventory[],
  policy: DrillPolicy,
  { owner, policies }: Pick<Run, 'owner' | 'policies'>,
): SourceReader {
  const readers = new Map<string, { read: Reader; regionInventory: RegionInventory }>(
    regions.map((regionInventory) => [
      regionInventory.region,
      { read: readerOf(regionInventory, policy, { owner, projectId, policies }), regionInventory },
    ]),
  );
  const readVolume: VolumeReader | undefined =
    provider === 'rackspace' ? volumeReaderOf({ owner, policies: policies ?? [policy] }) : undefined;
  return (source) => {
    if (source.volumeSnapshot) return readVolume?.(source.volumeSnapshot);
    const reader = readers.get(source.region)!;
    return reader.read(source, reader.regionInventory.volumeSnapshots);
  };
}

interface TargetOptions {
  policy: DrillPolicy;
  run: Pick<Run, 'owner' | 'policies'>;
  /** The regions that could not be read. */
  unreadable: readonly unknown[];
  read: SourceReader;
}

/** The snapshots of a policy, and at Rackspace the snapshots of its servers' root volumes. */
export function targetsIn(
  session: Pick<Session, 'provider' | 'projectId'>,
  regions: readonly RegionInventory[],
  options: TargetOptions,
): DrillTarget[] {
  const { policy, run, unreadable, read } = options;
  const policies = run.policies ?? [policy];
  const serverOf = new Map(regions.flatMap(({ servers }) => servers.map((server) => [server.id, server])));
  const isRead = (name: string) => regions.some(({ region }) => region === name);
  return regions.flatMap((surveyed) => {
    const savedVolumes = savedVolumesIn([surveyed], { ...run, policies });
    const roots = session.provider === 'rackspace' ? savedVolumes.filter(isOfRootVolume) : [];
    const sources: Source[] = [...surveyed.images, ...rootSources(surveyed, roots, session.projectId)];
    const found = sources.flatMap((source) => {
      const snapshot = read(source);
      return isSnapshot(snapshot) && snapshot.policy === policy.policy ? [{ source, snapshot }] : [];
    });
    const inventory = {
      ...{ images: surveyed.images, volumes: surveyed.volumes, volumeSnapshots: savedVolumes },
      snapshots: found.map(({ snapshot }) => snapshot),
      snapshotFacts: new Map(surveyed.volumeSnapshots.map((one) => [one.id, one])),
    };
    return found.map(({ source, snapshot }): DrillTarget => {
      const server = serverOf.get(snapshot.server);
      const home = source.volumeSnapshot ? surveyed.region : homeOf(source, snapshot, surveyed);
      const { disks, obstacle } = disksOf(source, snapshot, {
        ...{ inventory, server, isWithData: policy.drill.volumes },
      });
      const obstacles = [unreadObstacle(surveyed, policy), obstacle].filter((one) => one !== undefined);
      return {
        ...snapshot,
        ...{
          source,
          disks,
          records: readRecords(source),
          serverName: server?.name ?? serverNameIn(snapshot),
        },
        isElsewhere: home === undefined ? unreadable.length > 0 : !isRead(home),
        isUnselected: !certainlySelects(policy.servers, snapshot.server, server, fullServerNameIn(snapshot)),
        ...(obstacles[0] ? { obstacle: obstacles[0] } : {}),
      };
    });
  });
}

function rootSources(
  { volumeSnapshots }: RegionInventory,
  roots: readonly SavedVolume[],
  projectId: string,
): Source[] {
  const ids = new Set(roots.map(({ id }) => id));
  return volumeSnapshots
    .filter(({ id }) => ids.has(id))
    .map((volumeSnapshot) => sourceOfVolumeSnapshot(volumeSnapshot, projectId));
}

/** Without a listing of the volumes, the volumes of a set are unknown. */
function unreadObstacle(
  { volumesUnread: problem }: RegionInventory,
  { drill }: DrillPolicy,
): Reason | undefined {
  return drill.volumes && problem ? { code: 'DRILL_VOLUMES_UNREADABLE', problem } : undefined;
}
