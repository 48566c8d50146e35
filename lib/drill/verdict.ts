import type { Server } from '../openstack/compute.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { setVolumeSnapshotMetadata } from '../openstack/volume-snapshots.ts';
import type { MissingVolume, Reason } from '../reporting/reasons.ts';
import { type RecoveryTime, verdictMarks } from '../snapshots/drill-marks.ts';
import { leftOut } from './disks.ts';
import { type Source, setSourceProperty } from './source.ts';
import type { DrillTarget } from './targets.ts';
import type { VolumeRecord } from './volume-record.ts';

/** The volumes with which a snapshot was booted, and those without which. */
export interface BootedVolumes {
  /** The names of the data volumes that the throw-away server had. */
  names: readonly string[];
  /** The data volumes of the original that it did not have. */
  without: readonly MissingVolume[];
  /** The volume snapshots that the drill made volumes from. */
  snapshots: readonly string[];
}

/** The volumes of a throw-away server. */
export function bootedVolumes(
  { target, record }: { target: DrillTarget | undefined; record: VolumeRecord | undefined },
  { volumeIds }: Pick<Server, 'volumeIds'>,
): BootedVolumes {
  const { dataVolumes = [], mapped = [], without = [] } = target?.disks ?? {};
  if (record) {
    const names = record.volumes.filter(({ position }) => position > 0).map(({ name }) => name);
    const known = [...dataVolumes.map((name) => leftOut(name)), ...without];
    const snapshots = record.volumes.map(({ snapshot }) => snapshot);
    return { names, without: withoutNames(known, names), snapshots };
  }
  // The policy may have changed since the server was requested.
  const hasData = mapped.length > 0 && volumeIds.length > 1;
  return hasData
    ? { names: dataVolumes, without, snapshots: [] }
    : { names: [], without: [...dataVolumes.map((name) => leftOut(name)), ...without], snapshots: [] };
}

/**
 * The volumes that are not among the booted ones, whose names may have changed since the drill
 * began: so never more than there can be.
 */
function withoutNames(known: readonly MissingVolume[], names: readonly string[]): MissingVolume[] {
  const booted = [...names];
  const rest = known.filter(({ name }) => {
    const index = booted.indexOf(name);
    if (index >= 0) booted.splice(index, 1);
    return index < 0;
  });
  return rest.slice(Math.min(booted.length, rest.length));
}

/** What the result of a drill says of the volumes. */
export function verdictFacts({ names, without }: BootedVolumes): Reason[] {
  return [
    ...(names.length > 0 ? [{ code: 'DRILL_WITH_VOLUMES', names } as const] : []),
    ...withoutVolumes(without),
  ];
}

/** The reason that names the volumes that a drill does not boot; none without any. */
export function withoutVolumes(volumes: readonly MissingVolume[]): Reason[] {
  return volumes.length > 0 ? [{ code: 'DRILL_WITHOUT_VOLUMES', volumes }] : [];
}

/**
 * Writes a verdict on the image or the volume snapshot that was booted, and on the volume snapshots
 * of the same set that were booted with it.
 *
 * @returns the reason if the cloud refused it; undefined on success.
 */
export async function writeVerdict(
  session: Session,
  source: Source,
  passed: boolean,
  { names, without, snapshots }: BootedVolumes,
  recovery?: RecoveryTime,
): Promise<Reason | undefined> {
  const [now, { region }] = [new Date(), source];
  const volumes = without.length > 0 ? 'without' : names.length > 0 ? 'with' : undefined;
  try {
    for (const [key, value] of verdictMarks(source.id, passed, now, volumes, recovery)) {
      await setSourceProperty(session, source, key, value);
    }
    for (const id of snapshots.filter((one) => one !== source.id)) {
      const marks = Object.fromEntries(verdictMarks(id, passed, now));
      await setVolumeSnapshotMetadata(session, { region, id }, marks);
    }
    return undefined;
  } catch (error) {
    if (!isCloudError(error) || error.code === 'OUT_OF_TIME') throw error;
    return { code: 'DRILL_VERDICT_UNWRITTEN', ...errorFactsOf(error) };
  }
}
