import type { Server } from '../openstack/compute.ts';
import type { Quota } from '../openstack/quota.ts';
import type { Session } from '../openstack/session.ts';
import type { NewVolumeSnapshot } from '../openstack/volume-snapshots.ts';
import type { Volume } from '../openstack/volumes.ts';
import type { Reason, ReasonCode } from '../reporting/reasons.ts';
import { type Entry, type Outcome, type VolumeLine, worst } from '../reporting/report.ts';
import { reasonOf } from '../reporting/sentences.ts';
import type { DueSnapshots } from '../snapshots/due-snapshots.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';
import { isSnapshot, type Snapshot } from '../snapshots/snapshot.ts';
import type { SnapshotStep } from '../snapshots/snapshot-plan.ts';
import { sharingServers, type VolumeRule, volumesOf } from './attached.ts';
import type { VolumeReader } from './marker.ts';
import { planVolumes, type VolumeStep } from './plan.ts';
import type { VolumeResult } from './take.ts';
import { unprovenBefore } from './unprovable.ts';

/**
 * How the sets of a run are planned. A set is the image of a server and the snapshots of its
 * volumes, all of one slot.
 */
interface SetPlanOptions {
  due: DueSnapshots;
  now: Date;
  rule: VolumeRule;
  provider: Session['provider'];
  /** Reads the marker of a volume snapshot; see marker.ts. */
  read: VolumeReader;
}

/** The statuses of a volume snapshot that keep Rackspace from making another one of its volume. */
const IN_PROGRESS = ['creating', 'deleting'];

/** Plans the volumes of the selected servers: the steps of each server that has volumes. */
export function planSets(
  regions: readonly RegionInventory[],
  servers: readonly Server[],
  { due, now, rule, provider, read }: SetPlanOptions,
): Map<Server, VolumeStep[]> {
  const steps = new Map<Server, VolumeStep[]>();
  for (const { region, volumes, volumeSnapshots, volumesUnread } of regions) {
    // It is unknown which snapshots exist.
    if (volumesUnread) continue;
    const here = servers.filter((server) => server.region === region);
    const found = volumesOf(here, volumes, rule, provider);
    const sharing = sharingServers(here, volumes, provider);
    const series = Map.groupBy(
      volumeSnapshots.map(read).filter((one) => isSnapshot(one) && one.policy === due.policy) as Snapshot[],
      ({ volume }) => volume,
    );
    const busy = new Set(
      volumeSnapshots.flatMap((one) => (IN_PROGRESS.includes(one.status) ? [one.volumeId] : [])),
    );
    for (const server of here) {
      const its = found.get(server.id);
      if (!its) continue;
      const seriesOf = ({ id }: { id: string }) => series.get(id) ?? [];
      const othersWith = ({ id }: { id: string }) => sharing.get(id)?.filter((one) => one !== server) ?? [];
      const isBusy = ({ id }: { id: string }) => provider === 'rackspace' && busy.has(id);
      const unprovenOf = (wanted: NewVolumeSnapshot) => unprovenBefore(volumeSnapshots, wanted, read);
      const options = { due, now, seriesOf, isBusy, unprovenOf, othersWith };
      steps.set(server, planVolumes(server, its, options));
    }
  }
  return steps;
}

/** The steps of a run: for the images of the servers, and for their volumes. */
interface SetSteps {
  images: readonly SnapshotStep[];
  volumes: ReadonlyMap<Server, VolumeStep[]>;
}

/**
 * Fails the volume snapshots of each set that does not fit into a quota, so that no set is taken in
 * part. The image of such a server is still taken, unless the cloud would make volume snapshots
 * with it.
 *
 * @param steps the steps for the servers of one region, in the order of the run.
 * @param quotas the quotas of volume snapshots there.
 * @param inImage the volumes of which the cloud makes snapshots with the image of a server.
 */
export function withinQuotas(
  { images, volumes }: SetSteps,
  quotas: readonly Quota[],
  inImage: (server: Server) => readonly Volume[],
): { images: SnapshotStep[]; volumes: Map<Server, VolumeStep[]> } {
  const left = new Map(quotas.map(({ kind, limit, used }) => [kind, limit - used]));
  /**
   * Subtracts what volumes need from the remaining quotas; returns a reason if a quota is too
   * small.
   */
  const reserve = (its: readonly Volume[]): Reason<'VOLUMES_OVER_QUOTA'> | undefined => {
    const needs = [
      { kind: 'volumeSnapshots', needed: its.length },
      { kind: 'volumeGigabytes', needed: its.reduce((sum, { sizeGb }) => sum + sizeGb, 0) },
    ] as const;
    const short = needs.find(({ kind, needed }) => needed > (left.get(kind) ?? Infinity));
    if (short) {
      return { code: 'VOLUMES_OVER_QUOTA', ...short, left: Math.max(0, left.get(short.kind)!) };
    }
    for (const { kind, needed } of needs) left.set(kind, (left.get(kind) ?? Infinity) - needed);
    return undefined;
  };
  const fitting = new Map<Server, VolumeStep[]>();
  const fittingImages = images.map((image): SnapshotStep => {
    const { server } = image;
    const its = volumes.get(server) ?? [];
    const noImage = image.action === 'take' ? reserve(inImage(server)) : undefined;
    const noVolumes = reserve(its.flatMap(({ action, volume }) => (action === 'take' ? [volume] : [])));
    fitting.set(
      server,
      its.map((step) =>
        noVolumes && step.action === 'take'
          ? { action: 'fail', volume: step.volume, reason: noVolumes }
          : step,
      ),
    );
    return noImage ? { action: 'fail', server, reason: { ...noImage, isImage: true } } : image;
  });
  return { images: fittingImages, volumes: fitting };
}

/** What a run has done with the parts of one server. */
interface ServerResult {
  server: Server;
  /** The entry for the image. */
  image: Entry;
  volumes: readonly VolumeResult[];
}

/**
 * The results for the volumes of each server, with those for the volumes that another server has,
 * too, of which that server's set takes the snapshot.
 *
 * @param sharing the servers of each volume of several; see {@link sharingServers}.
 * @param sets the steps for the volumes of each server.
 */
export function withSharedVolumes(
  results: readonly ServerResult[],
  sharing: ReadonlyMap<string, readonly Server[]>,
  sets: ReadonlyMap<Server, readonly VolumeStep[]>,
): VolumeResult[][] {
  const resultOf = new Map(results.map((one) => [one.server, one]));
  const shared = [...sharing].flatMap(([id, [first, ...others]]) => {
    const result = first && resultOf.get(first);
    const step = first && sets.get(first)?.find(({ volume }) => volume.id === id);
    if (!result || !step) return [];
    const { outcome } = result.image;
    const reason = { code: 'SHARED_VOLUME_WAITS', server: first.name || first.id } as const;
    const waits = { volume: step.volume, outcome, reason };
    return [{ others, one: result.volumes.find(({ volume }) => volume.id === id) ?? waits }];
  });
  return results.map(({ server, volumes }) => [
    ...volumes,
    ...shared.flatMap(({ others, one }) => (others.includes(server) ? [one] : [])),
  ]);
}

/**
 * The entry for a whole server. A part that failed, was not reached or is busy decides the outcome,
 * so that a set is taken only when each of its parts is.
 *
 * @param image the entry for the image of the server.
 * @param isBusy whether a part with this code is skipped only temporarily.
 */
export function entryOfSet(
  image: Entry,
  volumes: readonly VolumeResult[],
  isBusy: (code: ReasonCode | undefined) => boolean,
): Entry {
  if (volumes.length === 0) return image;
  const entry = { ...image, volumes: volumes.map(lineOf) };
  const isOpen = (outcome: Outcome, code: ReasonCode | undefined) =>
    outcome === 'failed' || outcome === 'deferred' || (outcome === 'skipped' && isBusy(code));
  const open = volumes.filter(({ outcome, reason }) => isOpen(outcome, reason.code));
  const isImageOpen = isOpen(image.outcome, image.code);
  const outcome = worst([...open.map((one) => one.outcome), ...(isImageOpen ? [image.outcome] : [])]);
  const its = open.filter((one) => one.outcome === outcome);
  if (its[0] && !(isImageOpen && image.outcome === outcome)) {
    const names = its.map(({ volume }) => volume.name || volume.id);
    const { reason } = its[0];
    const { code: cause, ...ofVolume } = reasonOf(reason);
    return { ...entry, ...ofVolume, outcome, cause, ...reasonOf({ code: 'WITHOUT_VOLUMES', names, reason }) };
  }
  if (isImageOpen || image.outcome !== 'skipped') return entry;
  const taken = volumes.find((one) => one.outcome === 'taken' || one.outcome === 'planned');
  return taken ? { ...entry, outcome: taken.outcome, ...reasonOf(taken.reason) } : entry;
}

function lineOf({ volume, outcome, reason, snapshot }: VolumeResult): VolumeLine {
  const { id, name } = volume;
  return {
    ...{ volume: id, name: name || id, outcome, ...reasonOf(reason) },
    ...(snapshot === undefined ? {} : { snapshot }),
  };
}
