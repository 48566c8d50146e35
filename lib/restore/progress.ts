import type { ServerDetail } from '../openstack/servers.ts';
import type { Progress } from './context.ts';
import type { Beginning } from './marks.ts';

/**
 * How far the cloud is with a server that a restore has asked for. Done is only a server whose disk is still of the image
 * that the restore has begun with.
 */
export function progressOf(
  server: ServerDetail | undefined,
  { to, image }: Pick<Beginning, 'to' | 'image'>,
): Pick<Progress, 'state' | 'reasons'> {
  // Nova shows it a moment longer than it is there.
  if (!server || /DELETED$/.test(server.status))
    return { state: 'failed', reasons: [{ code: 'RESTORE_DELETED_SINCE' }] };
  const { id, name, status, addresses, fault, imageId } = server;
  const which = { name, server: id };
  // Undefined for a root that is a volume.
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
