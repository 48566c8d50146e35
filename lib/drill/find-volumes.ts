import type { Session } from '../openstack/session.ts';
import { getVolume, listVolumes, type Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { readDrillVolumeMark } from './volume-mark.ts';
import { volumeProblem } from './volume-ownership.ts';
import type { RecordedVolume, VolumeRecord } from './volume-record.ts';

/** A volume of a drill's record, as it is now. */
export interface FoundVolume {
  part: RecordedVolume;
  /** Undefined if the volume does not exist, or, without an id in the record, was not found. */
  volume: Volume | undefined;
  /** Why nothing proves that the drill made the volume. Then it is never changed or deleted. */
  problem: Reason | undefined;
}

/**
 * Reads each volume of a record. A volume whose id the record lacks, because the drill was
 * interrupted, is searched in the listing. If several volumes have its mark, none is the drill's.
 *
 * @returns the volumes, with the ids that were found in their parts.
 * @throws {CloudError} when they can't be read.
 */
export async function findVolumes(
  session: Session,
  record: VolumeRecord,
  owner: string,
): Promise<FoundVolume[]> {
  const { region, nonce, volumes: parts } = record;
  const isComplete = parts.every(({ id }) => id !== undefined);
  const listed = isComplete ? [] : await listVolumes(session, region);
  return Promise.all(
    parts.map(async (part): Promise<FoundVolume> => {
      const ids = part.id === undefined ? idsWithMark(listed, nonce, part.snapshot) : [part.id];
      const [id] = ids;
      const volume = id === undefined ? undefined : await getVolume(session, region, id);
      if (!volume) return { part, volume, problem: undefined };
      const problem: Reason | undefined =
        ids.length > 1 ? { code: 'DRILL_VOLUME_TWIN' } : volumeProblem(volume, part, record, owner);
      return { part: problem ? part : { ...part, id: volume.id }, volume, problem };
    }),
  );
}

function idsWithMark(volumes: readonly Volume[], nonce: string, snapshot: string): string[] {
  return volumes
    .filter((volume) => {
      const mark = readDrillVolumeMark(volume);
      return mark?.nonce === nonce && mark.snapshot === snapshot;
    })
    .map(({ id }) => id);
}
