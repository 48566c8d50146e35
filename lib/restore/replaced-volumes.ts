import type { Volume } from '../openstack/volumes.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { RestoreContext } from './context.ts';
import type { RestoreEvent } from './event.ts';
import { isReplaced, readVolumeMark } from './marks.ts';
import { predecessorsOf } from './predecessors.ts';

type Context = RestoreContext<RestoreEvent>;

/** The volumes that this restore has replaced, or is about to detach, by their names. */
export function replacedVolumes({ inventory, origin, request }: Context): Volume[] {
  return inventory.volumes.filter((one) => one.region === origin.region && isReplaced(one, request));
}

/** The volumes that this in-place restore has made, in the order of the originals. */
function newVolumes({ inventory, origin, request }: Context): Volume[] {
  const positionOf = (volume: Volume) => {
    const mark = readVolumeMark(volume);
    const isNew = mark?.to === 'in-place' && mark.request === request && mark.server === origin.id;
    return isNew ? mark.position : undefined;
  };
  return inventory.volumes
    .filter((volume) => volume.region === origin.region && positionOf(volume) !== undefined)
    .sort((a, b) => positionOf(a)! - positionOf(b)!);
}

/**
 * The originals of the new volumes that somebody has detached by hand, before the restore did: no
 * restore has renamed them.
 */
function detachedByHand(context: Context): Volume[] {
  const { inventory, origin } = context;
  const originals = newVolumes(context).map((volume) => predecessorsOf(volume, inventory)[1]);
  return inventory.volumes.filter(
    (one) =>
      originals.includes(one.id) && one.region === origin.region && !isReplaced(one) && !isOn(origin.id, one),
  );
}

function isOn(server: string, { attachments }: Volume): boolean {
  return attachments.some(({ serverId }) => serverId === server);
}

/**
 * The reasons that name the volumes that this restore has replaced, or whose places it has given to
 * new ones. They are never deleted.
 */
export function replacedReasons(context: Context): Reason[] {
  return [...replacedVolumes(context), ...detachedByHand(context)].map(({ id, name, attachments }) => ({
    ...{ code: 'RESTORE_OLD_VOLUME', volume: id, name },
    servers: attachments.map(({ serverId }) => serverId),
  }));
}

/**
 * The reason with the commands that put the replaced volumes back in the place of the new ones;
 * none before a volume was detached, and without the server.
 */
export function volumesBack(context: Context): Reason[] {
  const { inventory, origin } = context;
  const made = newVolumes(context);
  const attached = made.filter((volume) => isOn(origin.id, volume));
  const old = replacedVolumes(context).filter(({ attachments }) => attachments.length === 0);
  if (!origin.server || old.length === 0) return [];
  const successorOf = ({ id }: Volume) => made.find((one) => predecessorsOf(one, inventory).includes(id));
  const rankOf = (volume: Volume) => made.findIndex(({ id }) => id === successorOf(volume)?.id);
  return [
    {
      code: 'RESTORE_VOLUMES_BACK',
      server: origin.id,
      detach: attached.map(({ id }) => id),
      attach: old
        .sort((a, b) => rankOf(a) - rankOf(b))
        .map((volume) => {
          const at = successorOf(volume)?.attachments.find(({ serverId }) => serverId === origin.id);
          return { volume: volume.id, ...(at?.device ? { device: at.device } : {}) };
        }),
    },
  ];
}
