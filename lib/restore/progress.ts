import type { ServerDetail } from '../openstack/servers.ts';
import type { Beginning } from './marks.ts';
import type { Restoration } from './restoration.ts';

/**
 * How far the cloud is with a server that a restore has asked for. Done is only a server whose disk is still of the image
 * that the restore has begun with.
 */
export function progressOf(
  server: ServerDetail | undefined,
  { to, image }: Pick<Beginning, 'to' | 'image'>,
): Pick<Restoration, 'state' | 'lines'> {
  // Nova shows it a moment longer than it is there.
  if (!server || /DELETED$/.test(server.status))
    return { state: 'failed', lines: ['the server has been deleted since: begin anew, without "request"'] };
  const { id, name, status, addresses, fault, imageId } = server;
  const where = `${name} (${id})`;
  // Undefined for a root that is a volume.
  if (imageId !== undefined && imageId !== image) {
    return {
      state: 'failed',
      lines: [
        `${where} has been rebuilt since, from image ${imageId}: to restore it once more, begin anew, without "request"`,
      ],
    };
  }
  switch (status) {
    case 'BUILD':
    case 'REBUILD':
      return { state: 'building', lines: [`${where} is in ${status}`] };
    case 'UNKNOWN':
      return { state: 'building', lines: [`the cloud can't tell now how far ${where} is: call again later`] };
    case 'ERROR':
      return {
        state: 'failed',
        lines: [
          `${where} is in ERROR: ${fault ?? 'the cloud does not say why'}`,
          to === 'new'
            ? `delete it (openstack server delete ${id}), and begin anew, without "request"`
            : 'its snapshots are all there: restore one with "to": "new", or this one again, without "request"',
        ],
      };
    case 'SHUTOFF':
      return {
        state: 'done',
        lines: [`${where} is SHUTOFF, as it was before: start it (openstack server start ${id})`],
      };
    default:
      return {
        state: 'done',
        lines: [`${where} is ${status}, at ${addresses.join(', ') || 'no address'}`],
      };
  }
}
