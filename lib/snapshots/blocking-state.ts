import type { Server } from '../openstack/compute.ts';
import type { ServerDetail } from '../openstack/servers.ts';
import type { Reason } from '../reporting/reasons.ts';

/**
 * The states in which Nova makes no image of a server, and which only an operator can end.
 *
 * Source: Nova API guide, "Server concepts"; `createImage` is for ACTIVE, SHUTOFF, PAUSED and
 * SUSPENDED.
 */
const BLOCKING = ['ERROR', 'RESCUE', 'SHELVED', 'SHELVED_OFFLOADED', 'SOFT_DELETED', 'VERIFY_RESIZE'];

/**
 * Why the cloud makes no image of a server until an operator acts; undefined if waiting may help.
 */
export function blockingState({
  status,
  taskState,
}: Pick<Server, 'status' | 'taskState'>): Reason | undefined {
  return taskState === null && BLOCKING.includes(status) ? { code: 'SERVER_IN_STATE', status } : undefined;
}

/**
 * Like {@link blockingState}, for a server of which the cloud has just refused to make an image:
 * the reason may also be that the server is locked.
 */
export function blockingRefusal(server: ServerDetail): Reason | undefined {
  if (server.taskState !== null) return undefined;
  return blockingState(server) ?? (server.locked ? { code: 'SERVER_LOCKED' } : undefined);
}
