import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { RestoreContext } from './context.ts';
import type { RestoreEvent } from './event.ts';
import { isReplaced } from './marks.ts';

/** The volumes that this restore has replaced, or is about to detach, by their names. */
export function replacedVolumes({ inventory, origin, request }: RestoreContext<RestoreEvent>): Volume[] {
  return inventory.volumes.filter((one) => one.region === origin.region && isReplaced(one, request));
}

/** The reasons that name the volumes that this restore has replaced. They are never deleted. */
export function replacedReasons(context: RestoreContext<RestoreEvent>): Reason[] {
  return replacedVolumes(context).map(({ id, name, attachments }) => ({
    ...{ code: 'RESTORE_OLD_VOLUME', volume: id, name },
    servers: attachments.map(({ serverId }) => serverId),
  }));
}
