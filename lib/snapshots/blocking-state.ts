import type { Server } from '../openstack/compute.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Reason } from '../reporting/reasons.ts';

/**
 * The states in which Nova makes no image of a server, and which only a person ends.
 *
 * Source: Nova API guide, "Server concepts"; `createImage` is for ACTIVE, SHUTOFF, PAUSED and
 * SUSPENDED.
 */
const LASTING = ['ERROR', 'RESCUE', 'SHELVED', 'SHELVED_OFFLOADED', 'SOFT_DELETED', 'VERIFY_RESIZE'];

/**
 * Why no image of a server can be made until a person has acted; undefined where waiting may help.
 */
export function lastingState({
  status,
  taskState,
}: Pick<Server, 'status' | 'taskState'>): Reason | undefined {
  return taskState === null && LASTING.includes(status) ? { code: 'SERVER_IN_STATE', status } : undefined;
}

/** {@link lastingState} of a server of which the cloud has just refused to make an image. */
export function lastingRefusal(server: ServerDetail): Reason | undefined {
  if (server.taskState !== null) return undefined;
  return lastingState(server) ?? (server.locked ? { code: 'SERVER_LOCKED' } : undefined);
}
