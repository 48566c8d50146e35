import { isoSeconds } from '../config/dates.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Progress, RestoreContext } from './context.ts';
import type { ServerRestoreEvent } from './event.ts';
import type { RestoredMark, RestoreParameters } from './marks.ts';

/** A server that an earlier call of this restore has made or rebuilt. */
export interface Restored {
  id: string;
  /** Undefined when the server is gone. */
  server: ServerDetail | undefined;
  begun: RestoredMark & { to: 'new' | 'in-place' };
  /** The ids of other servers with the same request in their metadata. */
  twins: string[];
}

/** The reason that names the snapshot that a restore began with. */
export function sourceOf({ inventory }: RestoreContext, { image, region, at }: Restored['begun']): Reason {
  const snapshot = inventory.snapshots.find((s) => s.id === image && s.region === region);
  const slot = snapshot ? { slot: isoSeconds(snapshot.slot) } : {};
  return { code: 'RESTORE_SOURCE', image, ...slot, at: isoSeconds(at) };
}

/**
 * The progress of a server that a restore has requested or rebuilt. The restore is done only if the
 * server is still on the image that the restore began with.
 */
export function progressOf(
  server: ServerDetail | undefined,
  { to, image }: Pick<RestoreParameters, 'image'> & Pick<ServerRestoreEvent, 'to'>,
): Pick<Progress, 'state' | 'reasons'> {
  // Nova still shows a deleted server for a moment.
  if (!server || /DELETED$/.test(server.status))
    return { state: 'failed', reasons: [{ code: 'RESTORE_DELETED_SINCE' }] };
  const { id, name, status, addresses, fault, imageId } = server;
  const which = { name, server: id };
  // A server with a root volume shows no image.
  if (imageId !== undefined && imageId !== image) {
    return { state: 'failed', reasons: [{ code: 'RESTORE_REBUILT_SINCE', ...which, image: imageId }] };
  }
  switch (status) {
    case 'BUILD':
    case 'REBUILD':
      return { state: 'building', reasons: [{ code: 'RESTORE_RUNNING', ...which, status }] };
    case 'UNKNOWN':
      return { state: 'building', reasons: [{ code: 'RESTORE_STATE_UNKNOWN', ...which }] };
    case 'ERROR':
      return {
        state: 'failed',
        reasons: [
          { code: 'RESTORE_IN_ERROR', ...which, ...(fault === undefined ? {} : { fault }) },
          { code: 'RESTORE_AFTER_ERROR', server: id, to },
        ],
      };
    case 'SHUTOFF':
      return { state: 'done', reasons: [{ code: 'RESTORED_SHUTOFF', ...which }] };
    default:
      return { state: 'done', reasons: [{ code: 'RESTORED', ...which, status, addresses }] };
  }
}
