import type { Context } from 'hono';
import type { Env } from './faults.ts';
import { fault } from './nova-fault.ts';
import type { CloudServer, Region } from './state.ts';

/** Nova's refusal of an action on a locked server. */
export function refuseLock(c: Context<Env>, { id, locked }: CloudServer): Response | undefined {
  return locked ? c.json(fault('conflictingRequest', 409, `Instance ${id} is locked`), 409) : undefined;
}

/**
 * The message with which Nova refuses to create a server of this flavor from this image; undefined
 * if it does not.
 */
export function refuseImageFor(
  flavorRef: string | undefined,
  imageRef: string | undefined,
  region: Region,
): string | undefined {
  const image = region.images.find(({ id }) => id === imageRef);
  if (!image) return 'Can not find requested image';
  if (image.status !== 'active') return `Image ${image.id} is not active.`;
  const flavor = region.flavors.find(({ id }) => id === flavorRef);
  if (!flavor) return `Flavor ${flavorRef} could not be found.`;
  if (flavor.ram < image.minRam) return "Flavor's memory is too small for requested image.";
  if (flavor.disk > 0 && flavor.disk < image.minDisk)
    return "Flavor's disk is too small for requested image.";
  return undefined;
}
