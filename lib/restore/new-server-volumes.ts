import type { Image } from '../openstack/images.ts';
import type { Reason } from '../reporting/reasons.ts';
import { checkBackupsRead } from './backups-of-volumes.ts';
import type { RestoreContext } from './context.ts';
import type { NewServerEvent } from './event.ts';
import type { MadeVolumes } from './made-volumes.ts';
import { refuse } from './refusal.ts';
import { type VolumeParts, volumePartsOf } from './volume-parts.ts';

/**
 * The volumes that a new server gets, and the reasons for them. The root volume of a server that
 * boots from one is always among them.
 *
 * @throws {ValidationError} when snapshots of the volumes are still being made.
 */
export function newServerVolumes(
  { event, origin, inventory }: RestoreContext<NewServerEvent>,
  image: Image,
  { made }: Pick<MadeVolumes, 'made'>,
): Pick<VolumeParts, 'parts' | 'without'> & { plan: Reason[] } {
  const found = volumePartsOf(inventory, origin, inventory.read(image), made);
  if (event.volumes === 'none') {
    const parts = found.parts.filter(({ position }) => position === 0);
    return { parts, without: [], plan: [] };
  }
  if (found.unfinished.length > 0) refuse(...found.unfinished);
  const plan = found.parts.map(
    ({ saved, name, position }): Reason => ({
      ...{ code: 'RESTORE_VOLUME', name, snapshot: saved.id, isRoot: position === 0 },
      ...(saved.sizeGb === undefined ? {} : { sizeGb: saved.sizeGb }),
      ...(saved.isBackup ? { isBackup: true } : {}),
    }),
  );
  const mayLack = found.without.length > 0 || !origin.server;
  const without = [...found.without, ...(mayLack ? checkBackupsRead(inventory, origin.region) : [])];
  return { ...found, without, plan: [...plan, ...without] };
}
