import type { Server } from './compute.ts';
import type { Session } from './session.ts';

/**
 * Stops a server. The cloud does so asynchronously: the server is then `SHUTOFF`.
 *
 * `POST /servers/{id}/action` os-stop:
 * https://docs.openstack.org/api-ref/compute/#stop-server-os-stop-action and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference
 *
 * @throws {CloudError} CONFLICT if the server is busy, locked or off. After an error without an
 *   answer, the status of the server shows whether the cloud stops it.
 */
export async function stopServer(session: Session, server: Pick<Server, 'region' | 'id'>): Promise<void> {
  await act(session, server, 'os-stop');
}

/**
 * Starts a server that is `SHUTOFF`. The cloud does so asynchronously: the server is then `ACTIVE`.
 *
 * `POST /servers/{id}/action` os-start:
 * https://docs.openstack.org/api-ref/compute/#start-server-os-start-action and
 * https://docs.rackspace.com/docs/cloud-servers/v2/api-reference
 *
 * @throws {CloudError} as {@link stopServer}.
 */
export async function startServer(session: Session, server: Pick<Server, 'region' | 'id'>): Promise<void> {
  await act(session, server, 'os-start');
}

async function act(
  session: Session,
  { region, id }: Pick<Server, 'region' | 'id'>,
  action: 'os-stop' | 'os-start',
): Promise<void> {
  await session.request({
    service: 'compute',
    region,
    method: 'POST',
    path: `/servers/${encodeURIComponent(id)}/action`,
    json: { [action]: null },
    expect: [202],
  });
}
