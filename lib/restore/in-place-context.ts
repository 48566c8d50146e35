import type { Image } from '../openstack/images.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Reason } from '../reporting/reasons.ts';
import { eventToResume, type RestoreContext, restoreReport } from './context.ts';
import type { RebuildEvent } from './event.ts';
import type { VolumeSwap } from './in-place-volumes.ts';
import { statusReasons } from './made-volumes.ts';
import { replacedReasons, volumesBack } from './replaced-volumes.ts';
import type { Restoration, RestoreState } from './restoration.ts';
import type { Safety } from './safety.ts';

/** The context of an in-place restore before its rebuild. */
export interface InPlaceContext extends RestoreContext<RebuildEvent> {
  /** The safety snapshots of this request, the newest first. */
  safetySnapshots: readonly Safety[];
  /** The ids of the safety snapshots that no longer exist. */
  missing: readonly string[];
}

/** The context of an in-place restore, with the server and the image for its disk. */
export interface InPlaceRestore extends InPlaceContext {
  server: ServerDetail;
  image: Image;
  /** The volumes that are replaced, all of which are available; none with `"volumes": "none"`. */
  swaps: readonly VolumeSwap[];
  /** Whether the server was running before the restore stopped it. */
  wasRunning: boolean;
}

/**
 * The ids of all safety snapshots of the request: the existing ones, the newest first, then the
 * missing ones.
 */
export const safetySnapshotIds = ({ safetySnapshots, missing }: InPlaceContext): string[] => [
  ...safetySnapshots.map(({ snapshot }) => snapshot.id),
  ...missing,
];

/** What a restore has made and replaced so far, for the text of a refusal. */
export function leftBehind(restore: InPlaceRestore): Reason[] {
  const made = restore.swaps.flatMap((swap) => (swap.made ? [swap.made] : []));
  return [...statusReasons({ made, twins: [] }), ...replacedReasons(restore), ...volumesBack(restore)];
}

/** The reason with the event that puts the disk of a safety snapshot back. */
export function diskBack({ id, name }: Pick<ServerDetail, 'id' | 'name'>, safety: string): Reason {
  const event = { server: id, to: 'in-place', at: safety, volumes: 'none', confirm: name };
  return { code: 'RESTORE_WAY_BACK', event };
}

/**
 * The report of a call that has not requested the rebuild; `safety` is the id of the safety
 * snapshot that the call relies on.
 */
export function inPlaceReport(
  restore: InPlaceRestore,
  state: RestoreState,
  reasons: readonly Reason[],
  safety?: string,
  next: object = eventToResume(restore, restore.image.id, {
    safetySnapshots: [...new Set([...(safety ? [safety] : []), ...safetySnapshotIds(restore)])],
  }),
): Restoration {
  return restoreReport(restore, restore.image.id, { state, reasons, ...(safety ? { safety } : {}), next });
}
