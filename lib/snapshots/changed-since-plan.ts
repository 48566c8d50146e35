import type { Reason } from '../reporting/reasons.ts';
import type { Reader } from './ownership.ts';
import { staysBecause } from './retention.ts';
import { isSnapshot, type Snapshot } from './snapshot.ts';

/** Whether two snapshots are of the same series. */
export function sameSeries(a: Snapshot, b: Snapshot): boolean {
  return (
    a.policy === b.policy &&
    (a.volume === undefined ? a.server === b.server : a.volume === b.volume) &&
    (a.volume === undefined) === (b.volume === undefined)
  );
}

/**
 * The current snapshot, or the reason why it must stay: it differs from the plan, is held or is
 * exposed.
 */
export function asPlanned(planned: Snapshot, current: ReturnType<Reader>, now: Date): Snapshot | Reason {
  if (current === undefined) return { code: 'NOT_OURS' };
  if (!isSnapshot(current)) return { code: 'UNREADABLE_MARKER', problem: current.problem };
  const same =
    sameSeries(current, planned) &&
    current.slot.getTime() === planned.slot.getTime() &&
    current.expires?.getTime() === planned.expires?.getTime();
  if (!same) return { code: 'OTHER_MARKER' };
  // The volume snapshots in the plan are deleted, so they must be those of this image.
  if (current.volumeSnapshots.join() !== planned.volumeSnapshots.join())
    return { code: 'OTHER_VOLUME_SNAPSHOTS' };
  if (current.state !== planned.state || current.partial !== planned.partial)
    return { code: 'OTHER_STATUS', status: current.status };
  return staysBecause(current, now) ?? current;
}
