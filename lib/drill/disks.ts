import { mappedVolumesOf } from '../openstack/mapped-volumes.ts';
import { newVolumeQuotas } from '../openstack/quota.ts';
import type { ServerVolume } from '../openstack/servers.ts';
import type { Session } from '../openstack/session.ts';
import type { MissingVolume, Reason } from '../reporting/reasons.ts';
import type { RestoreInventory } from '../restore/inventory.ts';
import { type VolumePart, volumePartsOf } from '../restore/volume-parts.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { isBackingUp } from '../snapshots/volume-snapshot-status.ts';
import type { Source } from './source.ts';

/** The volumes that a throw-away server boots with. */
export interface DrillDisks {
  /** The volumes that the drill makes and deletes, in the order of their devices. */
  made: VolumePart[];
  /**
   * The volumes that the cloud makes with the server and deletes with it: those of the image of a
   * volume-backed server.
   */
  mapped: BootedVolume[];
  /** The names of the data volumes among both. */
  dataVolumes: string[];
  /** The data volumes of the server that the drill does not boot. */
  without: MissingVolume[];
}

/** A volume of the image of a volume-backed server. */
interface BootedVolume {
  snapshot: string;
  name: string;
  isRoot: boolean;
  sizeGb: number | undefined;
}

/** What a region has of volumes, as far as the run listed it. */
export type DiskInventory = Pick<RestoreInventory, 'images' | 'snapshots' | 'volumes' | 'volumeSnapshots'> & {
  /** The size and the volume of each listed volume snapshot, by its id. */
  snapshotFacts: ReadonlyMap<string, { sizeGb: number | undefined; volumeId: string }>;
};

/**
 * Finds the volumes that a throw-away server boots with: the root volume in any case, the data
 * volumes only if the policy has `drill.volumes`.
 *
 * @returns the volumes, and why the set can't be booted now.
 */
export function disksOf(
  source: Source,
  snapshot: Snapshot,
  {
    inventory,
    server,
    isWithData,
  }: {
    inventory: DiskInventory;
    server: Parameters<typeof volumePartsOf>[1]['server'];
    isWithData: boolean;
  },
): { disks: DrillDisks; obstacle?: Reason } {
  if (source.volumeSnapshotIds.length > 0) return { disks: mappedDisks(source, inventory, isWithData) };
  const origin = { id: snapshot.server, region: snapshot.region, server };
  const { parts, unfinished, without } = volumePartsOf(inventory, origin, snapshot);
  const data = parts.filter(({ position }) => position > 0);
  const missing = without.map(missingVolume);
  if (!isWithData) {
    const made = parts.filter(({ position }) => position === 0);
    const others = [...missing, ...unfinished.map(missingVolume)];
    return {
      disks: {
        made,
        mapped: [],
        dataVolumes: [],
        without: [...data, ...others].map(({ name }) => leftOut(name)),
      },
    };
  }
  const dataVolumes = data.map(({ name }) => name);
  // A volume snapshot that is being backed up is good again afterwards.
  const isWaitedFor = ({ status = '' }: MissingVolume) => isBackingUp({ status });
  const disks = {
    ...{ made: parts, mapped: [], dataVolumes },
    without: missing.filter((one) => !isWaitedFor(one)),
  };
  return unfinished.length > 0 || missing.some(isWaitedFor)
    ? { disks, obstacle: { code: 'DRILL_VOLUMES_UNFINISHED' } }
    : { disks };
}

function missingVolume(reason: Reason): MissingVolume {
  if (reason.code !== 'RESTORE_WITHOUT_VOLUME' && reason.code !== 'RESTORE_VOLUME_UNFINISHED') {
    return { name: '' };
  }
  const { name, snapshot, status } = reason;
  return {
    name,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(status === undefined ? {} : { status }),
  };
}

/** A volume that the drill does not boot, because the policy does not ask for volumes. */
export function leftOut(name: string): MissingVolume {
  return { name, isLeftOut: true };
}

function mappedDisks(source: Source, inventory: DiskInventory, isWithData: boolean): DrillDisks {
  const volumes = mappedVolumesOf(source);
  const root = volumes.find(({ bootIndex }) => bootIndex === 0) ?? volumes[0];
  const mapped = volumes.map((volume): BootedVolume => {
    const { snapshot, device } = volume;
    const facts = inventory.snapshotFacts.get(snapshot);
    const original = inventory.volumes.find(({ id }) => id === facts?.volumeId);
    const name = original?.name || device || facts?.volumeId || snapshot;
    return { snapshot, name, isRoot: volume === root, sizeGb: facts?.sizeGb };
  });
  const data = mapped.filter(({ isRoot }) => !isRoot);
  return isWithData
    ? { made: [], mapped, dataVolumes: data.map(({ name }) => name), without: [] }
    : {
        made: [],
        mapped: mapped.filter(({ isRoot }) => isRoot),
        dataVolumes: [],
        without: data.map(({ name }) => leftOut(name)),
      };
}

/** Whether the server boots from a volume. */
export function isOnVolume({ made, mapped }: DrillDisks): boolean {
  return mapped.length > 0 || made.some(({ position }) => position === 0);
}

/** The volumes of a volume-backed server's image, for the request for the throw-away server. */
export function mappedServerVolumes({ mapped }: DrillDisks): ServerVolume[] {
  return mapped.map(({ snapshot: id, isRoot }) => ({
    ...{ id, source: 'snapshot', isRoot, isDeletedWithServer: true },
  }));
}

/** The volumes that a drill would make, for a dry run. */
export function plannedVolumes({ made, mapped }: DrillDisks): Reason[] {
  const each = [...made.map(({ name, saved }) => ({ name, sizeGb: saved.sizeGb })), ...mapped];
  return each.map(
    ({ name, sizeGb }): Reason => ({
      ...{ code: 'DRILL_VOLUME_PLANNED', name },
      ...(sizeGb === undefined ? {} : { sizeGb }),
    }),
  );
}

/**
 * Why the quotas of a region have no room for the volumes of a drill; undefined if they have, or
 * the cloud shows no quotas.
 */
export async function quotaProblem(
  session: Session,
  region: string,
  { made, mapped }: DrillDisks,
): Promise<Reason | undefined> {
  const sizes = [...made.map(({ saved }) => saved.sizeGb), ...mapped.map(({ sizeGb }) => sizeGb)];
  if (sizes.length === 0) return undefined;
  const needs = {
    volumes: sizes.length,
    volumeGigabytes: sizes.reduce<number>((sum, gb = 0) => sum + gb, 0),
  };
  for (const { kind, limit, used } of await newVolumeQuotas(session, region)) {
    const [needed, left] = [needs[kind], Math.max(0, limit - used)];
    if (needed > left) return { code: 'DRILL_VOLUMES_OVER_QUOTA', kind, needed, left };
  }
  return undefined;
}
