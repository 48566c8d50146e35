import { HOUR_MS } from '../config/dates.ts';
import { errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import { listVolumes, type Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import { createVolumeOnce } from '../volumes/create-once.ts';
import type { FoundVolume } from './find-volumes.ts';
import { LONGEST_REQUEST_MS } from './ownership.ts';
import { drillVolumeMark, readDrillVolumeMark } from './volume-mark.ts';
import type { RecordedVolume, VolumeRecord } from './volume-record.ts';

/** The length of a name to which `-drill` is added; Cinder allows 255 characters. */
const LONGEST_NAME = 249;

/** The volumes that exist or may exist, and why the cloud made none of the others. */
export interface RequestedVolumes {
  volumes: RecordedVolume[];
  refusal?: Reason;
}

/**
 * Requests the volumes of a record one after the other, up to the first one that the cloud refuses.
 * A volume whose request had no answer stays without an id; a later check finds it.
 */
export async function requestVolumes(
  session: Session,
  record: VolumeRecord,
  owner: string,
): Promise<RequestedVolumes> {
  const { region, policy, image, nonce } = record;
  const requested: RequestedVolumes = { volumes: [] };
  for (const part of record.volumes) {
    const { snapshot: snapshotId, name, sizeGb, type } = part;
    const mark = drillVolumeMark({ owner, policy, image, nonce, snapshot: snapshotId });
    const wanted = {
      source: { snapshotId },
      name: `${name.slice(0, LONGEST_NAME)}-drill`,
      sizeGb,
      type,
      ...mark,
    };
    const isIt = (volume: Volume) => {
      const found = readDrillVolumeMark(volume);
      return found?.nonce === nonce && found.snapshot === snapshotId;
    };
    try {
      const sent = await createVolumeOnce(session, region, wanted, isIt);
      // A volume that was found by its mark is judged by the next check.
      const id = 'done' in sent ? sent.done.id : undefined;
      requested.volumes.push(id === undefined ? part : { ...part, id });
    } catch (error) {
      if (!isCloudError(error)) throw error;
      // A cloud may make a volume, and say that it does not.
      const isMade = (await listVolumes(session, region).catch(() => [])).some(isIt);
      if (isMade) requested.volumes.push(part);
      return { ...requested, refusal: { code: 'DRILL_VOLUME_REFUSED', name, ...errorFactsOf(error) } };
    }
  }
  return requested;
}

/** The state of a drill's volumes before its server is requested. */
export type FillingState =
  | { state: 'ready' | 'waiting' }
  /** `isVerdict`: the snapshots are bad, as far as the cloud says. */
  | { state: 'failed'; reason: Reason; isVerdict: boolean };

/** Judges the volumes of a drill that has no server yet. */
export function judgeVolumes(
  found: readonly FoundVolume[],
  { at }: VolumeRecord,
  { now, limitHours }: { now: Date; limitHours: number },
): FillingState {
  const ageMs = now.getTime() - at.getTime();
  for (const { part, volume, problem } of found) {
    const { name } = part;
    if (!volume) {
      if (part.id === undefined && ageMs < LONGEST_REQUEST_MS) continue;
      return { state: 'failed', reason: { code: 'DRILL_VOLUME_GONE', name }, isVerdict: false };
    }
    const which = { volume: volume.id, name };
    if (problem) {
      const reason: Reason = { code: 'DRILL_VOLUME_UNUSABLE', ...which, because: problem };
      return { state: 'failed', reason, isVerdict: false };
    }
    const { status } = volume;
    if (/^error/.test(status)) {
      return { state: 'failed', reason: { code: 'DRILL_VOLUME_FAILED', ...which, status }, isVerdict: true };
    }
  }
  if (found.every(({ volume }) => volume?.status === 'available')) return { state: 'ready' };
  if (ageMs < limitHours * HOUR_MS) return { state: 'waiting' };
  return { state: 'failed', reason: { code: 'DRILL_VOLUMES_LATE', hours: limitHours }, isVerdict: true };
}
