import { type CloudError, errorFactsOf, isCloudError } from '../openstack/errors.ts';
import type { Session } from '../openstack/session.ts';
import {
  createVolumeSnapshot,
  getVolumeSnapshot,
  listVolumeSnapshots,
  type NewVolumeSnapshot,
  setVolumeSnapshotMetadata,
  type VolumeSnapshot,
} from '../openstack/volume-snapshots.ts';
import { getVolume, type Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Outcome } from '../reporting/report.ts';
import { isSnapshot, type Snapshot } from '../snapshots/snapshot.ts';
import type { VolumeReader } from './marker.ts';
import type { VolumeStep } from './plan.ts';
import { unprovenBefore, unprovenReason } from './unprovable.ts';

interface VolumeTakeContext {
  session: Session;
  region: string;
  /** Reads the marker of a volume snapshot; see marker.ts. */
  read: VolumeReader;
  /** Whether a snapshot is the one that is due. */
  isMet(snapshot: Snapshot): boolean;
}

/** What a run has done with one volume of a server. */
export interface VolumeResult {
  volume: Volume;
  outcome: Outcome;
  reason: Reason;
  /** The id of the volume snapshot that was requested. */
  snapshot?: string;
  /** When the cloud accepted the request, in this run or in an earlier one. */
  at?: Date;
}

/** The result for a volume that gets no snapshot in this run. */
export function unchangedVolume({
  volume,
  action,
  reason,
  takenAt,
}: Extract<VolumeStep, { reason: Reason }>): VolumeResult {
  const existing = reason.code === 'ALREADY_TAKEN' ? { snapshot: reason.image } : {};
  return {
    volume,
    outcome: action === 'skip' ? 'skipped' : 'failed',
    reason,
    ...existing,
    ...(takenAt ? { at: takenAt } : {}),
  };
}

/**
 * Requests the snapshot of a volume. If the answer leaves open whether the cloud made the snapshot,
 * looks for the snapshot first and then repeats the request once.
 */
export async function takeVolume(
  context: VolumeTakeContext,
  { volume, snapshot }: Extract<VolumeStep, { action: 'take' }>,
): Promise<VolumeResult> {
  const { session, read } = context;
  try {
    const made = await createVolumeSnapshotOnce(context, snapshot);
    const at = new Date();
    const found = await withMarker(context, made, snapshot);
    const snapshotMade = read(found);
    if (!isSnapshot(snapshotMade)) {
      const lost = { code: 'MARKER_LOST', image: made.id, isVolumeSnapshot: true } as const;
      return { volume, outcome: 'failed', reason: unprovenReason(found, read) ?? lost };
    }
    if (snapshotMade.state === 'failed') {
      const reason = {
        code: 'IMAGE_FAILED',
        image: made.id,
        isVolumeSnapshot: true,
        status: found.status,
      } as const;
      return { volume, outcome: 'failed', reason };
    }
    const reason = { code: 'TAKEN', name: snapshot.name } as const;
    return { volume, outcome: 'taken', reason, snapshot: made.id, at };
  } catch (error) {
    if (!isCloudError(error)) throw error;
    if (error.code === 'NOT_FOUND' && (await isVolumeGone(session, volume))) {
      return { volume, outcome: 'skipped', reason: { code: 'VOLUME_GONE_BY_NOW' } };
    }
    return { volume, ...refusalOf(error) };
  }
}

/** Whether a volume has been deleted since it was listed. */
async function isVolumeGone(session: Session, { region, id }: Volume): Promise<boolean> {
  try {
    return (await getVolume(session, region, id)) === undefined;
  } catch (error) {
    if (!isCloudError(error)) throw error;
    return false;
  }
}

function refusalOf(error: CloudError): Pick<VolumeResult, 'outcome' | 'reason'> {
  const { code, message } = error;
  if (code === 'OUT_OF_TIME') return { outcome: 'deferred', reason: { code: 'DEADLINE' } };
  if (code === 'CONFLICT') return { outcome: 'skipped', reason: { code: 'CONFLICT', message } };
  return { outcome: 'failed', reason: { code: 'CLOUD', ...errorFactsOf(error) } };
}

async function createVolumeSnapshotOnce(
  { session, region, read, isMet }: VolumeTakeContext,
  wanted: NewVolumeSnapshot,
): Promise<VolumeSnapshot> {
  const create = () => createVolumeSnapshot(session, region, wanted);
  try {
    return await create();
  } catch (error) {
    if (!isCloudError(error, 'NO_ANSWER', 'UNAVAILABLE', 'BAD_ANSWER')) throw error;
    const all = await listVolumeSnapshots(session, region);
    const found = all.find((one) => {
      const snapshot = one.volumeId === wanted.volumeId ? read(one) : undefined;
      return isSnapshot(snapshot) && snapshot.state !== 'failed' && isMet(snapshot);
    });
    if (!found && unprovenBefore(all, wanted, read)) throw error;
    return found ?? (await create());
  }
}

/**
 * The snapshot as the cloud has stored it. Cinder v1 may lose metadata, so those are set again if
 * they are missing; the description may then be the only marker.
 */
async function withMarker(
  { session, region, read }: VolumeTakeContext,
  made: VolumeSnapshot,
  wanted: NewVolumeSnapshot,
): Promise<VolumeSnapshot> {
  const isProven = isSnapshot(read(made));
  if (isProven && hasMetadata(made, wanted)) return made;
  try {
    await setVolumeSnapshotMetadata(session, made, wanted.metadata);
    return (await getVolumeSnapshot(session, region, made.id)) ?? made;
  } catch (error) {
    if (!isProven || !isCloudError(error)) throw error;
    return made;
  }
}

function hasMetadata({ metadata }: VolumeSnapshot, wanted: NewVolumeSnapshot): boolean {
  return Object.entries(wanted.metadata).every(([key, value]) => metadata[key] === value);
}
