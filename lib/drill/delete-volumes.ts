import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { deleteVolume, getVolume, type Volume } from '../openstack/volumes.ts';
import type { Finding, Reason } from '../reporting/reasons.ts';
import { type FoundVolume, findVolumes } from './find-volumes.ts';
import { LONGEST_REQUEST_MS } from './ownership.ts';
import { volumeProblem } from './volume-ownership.ts';
import type { RecordedVolume, VolumeRecord } from './volume-record.ts';

/** How far the deletion of a drill's volumes is. */
export interface DeletionStep {
  /** The volumes that may still exist. */
  left: RecordedVolume[];
  /** Whether a further step of this run may delete more. */
  isOpen: boolean;
  /** Why volumes could not be deleted in this run. */
  problems: Reason[];
  /** The volumes that nothing proves to be the drill's. They are no longer followed. */
  abandoned: Finding<'DRILL_VOLUME_ABANDONED'>[];
}

/**
 * Takes the next step of deleting the volumes of a drill whose server is gone: requests the
 * deletion of each volume that the drill provably made, and checks the others. A volume counts as
 * deleted when the cloud answers 404.
 *
 * @throws {CloudError} when the volumes can't be read.
 */
export async function deleteVolumes(
  session: Session,
  record: VolumeRecord,
  owner: string,
): Promise<DeletionStep> {
  const found = await findVolumes(session, record, owner);
  const step: DeletionStep = { left: [], isOpen: false, problems: [], abandoned: [] };
  for (const one of found) {
    const { part, volume, problem } = one;
    if (problem && mayBeOfOwnServer(problem, record)) {
      step.left.push(part);
      continue;
    }
    if (volume && problem) {
      // A volume without the mark is somebody's who has removed the mark.
      if (problem.code !== 'DRILL_VOLUME_METADATA_CHANGED') step.abandoned.push(abandoned(volume, problem));
      continue;
    }
    if (!mayExist(one, record)) continue;
    step.left.push(part);
    if (!volume) continue;
    const failure = await deleteOne(session, volume, { part, record, owner });
    if (failure) step.problems.push({ code: 'DRILL_VOLUME_DELETED_LATER', ...whichOf(volume), ...failure });
    else step.isOpen = true;
  }
  return step;
}

/** A volume without an id in the record may exist while its request may still be carried out. */
function mayExist({ part, volume }: FoundVolume, { at }: VolumeRecord): boolean {
  return volume !== undefined || (part.id === undefined && Date.now() - at.getTime() < LONGEST_REQUEST_MS);
}

/**
 * Whether the server that has a volume may be the drill's: the cloud has refused to make it, or has
 * not answered, and a listing lacked it.
 */
function mayBeOfOwnServer({ code }: Reason, { server, requestedAt }: VolumeRecord): boolean {
  return (
    code === 'DRILL_VOLUME_ELSEWHERE' &&
    server === undefined &&
    requestedAt !== undefined &&
    Date.now() - requestedAt.getTime() < LONGEST_REQUEST_MS
  );
}

/**
 * Deletes one volume, if its status allows it. Reads the volume again first.
 *
 * @returns the error if the cloud refuses the deletion.
 */
async function deleteOne(
  session: Session,
  { region, id }: Volume,
  { part, record, owner }: { part: RecordedVolume; record: VolumeRecord; owner: string },
): Promise<ReturnType<typeof errorFactsOf> | undefined> {
  try {
    const volume = await getVolume(session, region, id);
    // The cloud is still detaching or filling the volume, or deletes it already.
    if (!volume || volume.attachments.length > 0 || !/^(available|error)$/.test(volume.status))
      return undefined;
    if (volumeProblem(volume, part, record, owner)) return undefined;
    await deleteVolume(session, volume);
    return undefined;
  } catch (error) {
    if (!isCloudError(error) || error.code === 'OUT_OF_TIME') throw error;
    return errorFactsOf(error as CloudError);
  }
}

/** The finding about a volume that may be of a drill and is not deleted, with the reason. */
export function abandoned(volume: Volume, reason: Reason): Finding<'DRILL_VOLUME_ABANDONED'> {
  return { code: 'DRILL_VOLUME_ABANDONED', where: volume.region, ...whichOf(volume), reasons: [reason] };
}

function whichOf({ id: volume, name }: Volume): { volume: string; name: string } {
  return { volume, name };
}
