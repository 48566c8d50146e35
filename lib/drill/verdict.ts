import type { Server } from '../openstack/compute.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { setVolumeSnapshotMetadata } from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import { verdictMarks } from '../snapshots/marker.ts';
import { type Source, setSourceProperty } from './source.ts';
import type { DrillTarget } from './targets.ts';
import type { VolumeRecord } from './volume-record.ts';

/** The volumes with which a snapshot was booted, and those without which. */
export interface BootedVolumes {
  /** The names of the data volumes that the throw-away server had. */
  names: readonly string[];
  /** The number of data volumes of the original that it did not have. */
  without: number;
  /** The volume snapshots that the drill made volumes from. */
  snapshots: readonly string[];
}

/** The volumes of a throw-away server. */
export function bootedVolumes(
  { target, record }: { target: DrillTarget | undefined; record: VolumeRecord | undefined },
  { volumeIds }: Pick<Server, 'volumeIds'>,
): BootedVolumes {
  const { dataVolumes = [], mapped = [], without = 0 } = target?.disks ?? {};
  if (record) {
    const names = record.volumes.filter(({ position }) => position > 0).map(({ name }) => name);
    const absent = Math.max(0, dataVolumes.length + without - names.length);
    return { names, without: absent, snapshots: record.volumes.map(({ snapshot }) => snapshot) };
  }
  // The policy may have changed since the server was requested.
  const hasData = mapped.length > 0 && volumeIds.length > 1;
  const names = hasData ? dataVolumes : [];
  return { names, without: dataVolumes.length + without - names.length, snapshots: [] };
}

/** What the result of a drill says of the volumes. */
export function verdictFacts({ names, without }: BootedVolumes): Reason[] {
  return [
    ...(names.length > 0 ? [{ code: 'DRILL_WITH_VOLUMES', names } as const] : []),
    ...(without > 0 ? [{ code: 'DRILL_WITHOUT_VOLUMES', count: without } as const] : []),
  ];
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
): Promise<Reason | undefined> {
  const [now, { region }] = [new Date(), source];
  const volumes = without > 0 ? 'without' : names.length > 0 ? 'with' : undefined;
  try {
    for (const [key, value] of verdictMarks(source.id, passed, now, volumes)) {
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
