import type { ServerDetail } from '../openstack/servers.ts';
import type { RestoreEvent } from './event.ts';
import type { Restoration } from './restoration.ts';

/** How far the cloud is with a server that a restore has asked for. */
export function progressOf(
  server: ServerDetail | undefined,
  to: RestoreEvent['to'],
): Pick<Restoration, 'state' | 'lines'> {
  // Nova shows it a moment longer than it is there.
  if (!server || /DELETED$/.test(server.status))
    return { state: 'failed', lines: ['the server has been deleted since: begin anew, without "request"'] };
  const { id, name, status, addresses, fault } = server;
  switch (status) {
    case 'BUILD':
    case 'REBUILD':
      return { state: 'building', lines: [`${name} (${id}) is in ${status}`] };
    case 'ERROR':
      return {
        state: 'failed',
        lines: [
          `${name} (${id}) is in ERROR: ${fault ?? 'the cloud does not say why'}`,
          to === 'new'
            ? `delete it (openstack server delete ${id}), and begin anew, without "request"`
            : 'its snapshots are all there: restore one with "to": "new", or this one again, without "request"',
        ],
      };
    default:
      return {
        state: 'done',
        lines: [`${name} (${id}) is ${status}, at ${addresses.join(', ') || 'no address'}`],
      };
  }
}
