import { DAY_MS, isoSeconds } from '../config/dates.ts';
import type { Server } from '../openstack/compute.ts';
import type { NewVolumeSnapshot } from '../openstack/volume-snapshots.ts';
import type { Volume } from '../openstack/volumes.ts';
import type { Reason, SnapshotId } from '../reporting/reasons.ts';
import type { DueSnapshots } from '../snapshots/due-snapshots.ts';
import { endOf } from '../snapshots/retention.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { isEmpty } from '../snapshots/snapshot-state.ts';
import { newVolumeSnapshot } from './marker.ts';

/** What a run does with one volume of a server. */
export type VolumeStep =
  | { action: 'take'; volume: Volume; snapshot: NewVolumeSnapshot }
  | {
      action: 'skip' | 'fail';
      volume: Volume;
      reason: Reason;
      /** When an earlier run took the snapshot that is due. */
      takenAt?: Date;
    };

/** The statuses in which Cinder makes a snapshot of a volume. */
const USABLE = ['available', 'in-use'];
/** The statuses that end only when an operator acts. */
const BROKEN = /^error|^maintenance$|^awaiting-transfer$/;
/**
 * A volume snapshot that is still `creating` after this time will never be finished. A large volume
 * takes hours at Rackspace.
 */
const STUCK_AFTER_MS = DAY_MS;

interface VolumePlanOptions {
  due: Pick<DueSnapshots, 'policy' | 'slot' | 'isMet' | 'isOfSameCall' | 'endsTooSoon' | 'marker'>;
  now: Date;
  /** The deployment's snapshots of the policy by the id of their volume. */
  seriesOf(volume: Volume): readonly Snapshot[];
  /**
   * Whether another snapshot of a volume is being created or deleted, so that the cloud would not
   * make a further one.
   */
  isBusy(volume: Volume): boolean;
  /** See unprovenBefore in unprovable.ts. */
  unprovenOf(wanted: NewVolumeSnapshot): Reason | undefined;
  /** The other servers of the run that have a volume. */
  othersWith(volume: Volume): readonly Server[];
}

/**
 * Plans a step for each volume of a server. A volume is skipped when the snapshot that is due
 * exists and has not failed, or while the volume or another snapshot of it is in a transition. It
 * fails in a status that only an operator ends or that is unknown, when an earlier run of the same
 * ad-hoc call has made a snapshot that failed, and when an earlier request has made one that
 * nothing proves.
 */
export function planVolumes(
  server: Server,
  volumes: readonly Volume[],
  { due, now, seriesOf, isBusy, unprovenOf, othersWith }: VolumePlanOptions,
): VolumeStep[] {
  return volumes.map((volume): VolumeStep => {
    const alive = seriesOf(volume).filter(
      (one) => one.state !== 'failed' && !isEmpty(one) && !isStuckCreating(one, now),
    );
    const taken = alive.find(due.isMet);
    if (taken) {
      const end = endOf(taken);
      if (end && due.endsTooSoon?.(taken)) {
        const reason = { code: 'REQUEST_ENDS_SOONER', image: taken.id, until: isoSeconds(end) } as const;
        return { action: 'fail', volume, reason };
      }
      const reason = { code: 'ALREADY_TAKEN', ...snapshotId(taken), status: taken.status } as const;
      return { action: 'skip', volume, reason, takenAt: taken.createdAt };
    }
    const failed = seriesOf(volume).find((one) => due.isOfSameCall?.(one));
    if (failed) {
      const reason = { code: 'REQUEST_FAILED', ...snapshotId(failed), status: failed.status } as const;
      return { action: 'fail', volume, reason };
    }
    const { id, type, status } = volume;
    const device = deviceOf(volume, server.id);
    const name = volume.name || `${server.name || server.id}-${device?.split('/').at(-1) || id}`;
    const alsoOf = othersWith(volume).map((other) => ({
      server: other.id,
      device: deviceOf(volume, other.id),
    }));
    const snapshot = newVolumeSnapshot({ id, name, device, type, alsoOf }, due.marker(server));
    const unproven = unprovenOf(snapshot);
    if (unproven) return { action: 'fail', volume, reason: unproven };
    // Cinder v1 makes a snapshot with `force` of a volume in any status, also of a broken one.
    if (status === '') return { action: 'fail', volume, reason: { code: 'VOLUME_UNKNOWN' } };
    if (BROKEN.test(status)) return { action: 'fail', volume, reason: { code: 'VOLUME_IN_STATE', status } };
    if (!USABLE.includes(status)) {
      return { action: 'skip', volume, reason: { code: 'VOLUME_BUSY', status } };
    }
    const pending = alive.find(({ state }) => state === 'pending');
    if (pending) {
      const reason = { code: 'SNAPSHOT_PENDING', ...snapshotId(pending), status: pending.status } as const;
      return { action: 'skip', volume, reason };
    }
    if (isBusy(volume)) return { action: 'skip', volume, reason: { code: 'VOLUME_SNAPSHOT_IN_PROGRESS' } };
    return { action: 'take', volume, snapshot };
  });
}

/** An image or a volume snapshot in a reason. */
export function snapshotId({ id, volume }: Pick<Snapshot, 'id' | 'volume'>): SnapshotId {
  return volume === undefined ? { image: id } : { image: id, isVolumeSnapshot: true };
}

/** Whether a volume snapshot has been `creating` for so long that it will never be finished. */
export function isStuckCreating({ state, createdAt }: Snapshot, now: Date): boolean {
  return state === 'pending' && now.getTime() - createdAt.getTime() > STUCK_AFTER_MS;
}

/** "/dev/vdb"; undefined if the cloud does not say where the volume is attached. */
export function deviceOf({ attachments }: Pick<Volume, 'attachments'>, server: string): string | undefined {
  return attachments.find(({ serverId }) => serverId === server)?.device;
}
