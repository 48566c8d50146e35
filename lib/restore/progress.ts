import type { ServerDetail } from '../openstack/servers.ts';
import type { Progress } from './context.ts';
import type { ServerRestoreEvent } from './event.ts';
import type { RestoreParameters } from './marks.ts';

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
