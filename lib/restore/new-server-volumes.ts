import type { Session } from '../openstack/session.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { RestoreContext } from './context.ts';
import type { NewServerEvent } from './event.ts';
import { refuse } from './refusal.ts';
import { type VolumeParts, volumePartsOf } from './volume-parts.ts';

/**
 * Checks whether the volumes of the region could be listed. A server without attached volumes is
 * restored in any case, because it probably had none.
 *
 * @returns the reason that the volumes could not be listed, if the restore goes on.
 * @throws {ValidationError} when the server may have had volumes.
 */
export function checkVolumesRead(
  session: Session,
  { event, origin: { region, server }, inventory }: RestoreContext<NewServerEvent>,
): Reason[] {
  const problem = inventory.volumesUnread.get(region);
  if (!problem || event.volumes === 'none' || session.missingEndpoint('volume', region)) return [];
  const reason = { code: 'RESTORE_VOLUMES_UNREAD', where: region, problem } as const;
  // Rackspace's servers do not show their volumes.
  const hasNone = session.provider !== 'rackspace' && server?.volumeIds.length === 0;
  return hasNone ? [reason] : refuse(reason);
}

/**
 * The volumes that a new server gets, and the reasons for them. The root volume of a server that
 * boots from one is always among them.
 *
 * @throws {ValidationError} when snapshots of the volumes are still being made.
 */
export function newServerVolumes(
  { event, origin, inventory }: RestoreContext<NewServerEvent>,
  image: string,
): Pick<VolumeParts, 'parts' | 'without'> & { plan: Reason[] } {
  const found = volumePartsOf(inventory, origin, image);
  if (event.volumes === 'none') {
    const parts = found.parts.filter(({ position }) => position === 0);
    return { parts, without: [], plan: [] };
  }
  if (found.unfinished.length > 0) refuse(...found.unfinished);
  const plan = found.parts.map(
    ({ copy, name, position }): Reason => ({
      ...{ code: 'RESTORE_VOLUME', name, snapshot: copy.id, isRoot: position === 0 },
      ...(copy.sizeGb === undefined ? {} : { sizeGb: copy.sizeGb }),
    }),
  );
  return { ...found, plan: [...plan, ...found.without] };
}
