import type { ServerDetail } from '../openstack/servers.ts';
import type { Progress } from './context.ts';
import type { Beginning } from './marks.ts';

/**
 * The progress of a server that a restore has requested. It is done only if its disk is still of
 * the image that the restore began with.
 */
export function progressOf(
  server: ServerDetail | undefined,
  { to, image }: Pick<Beginning, 'to' | 'image'>,
): Pick<Progress, 'state' | 'reasons'> {
  // Nova lists a deleted server for a moment.
  if (!server || /DELETED$/.test(server.status))
    return { state: 'failed', reasons: [{ code: 'RESTORE_DELETED_SINCE' }] };
  const { id, name, status, addresses, fault, imageId } = server;
  const which = { name, server: id };
  // The image is undefined for a server with a root volume.
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
          { code: 'RESTORE_IN_ERROR', ...which, fault: fault ?? 'the cloud does not say why' },
          { code: 'RESTORE_AFTER_ERROR', server: id, to },
        ],
      };
    case 'SHUTOFF':
      return { state: 'done', reasons: [{ code: 'RESTORED_SHUTOFF', ...which }] };
    default:
      return { state: 'done', reasons: [{ code: 'RESTORED', ...which, status, addresses }] };
  }
}
