import { DAY_MS, HOUR_MS } from '../config/dates.ts';
import { MOST_DRILL_HOURS } from '../config/drill-field.ts';
import type { Policy } from '../config/policy.ts';
import { slotBegin } from '../drill/plan.ts';
import { readRecords } from '../drill/record.ts';
import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { Reason } from '../reporting/reasons.ts';
import { readRestoredMark, readSafetyMark } from '../restore/marks.ts';
import type { RegionInventory } from './region-inventory.ts';

const RESTORE_MS = DAY_MS;
/**
 * How long a drill may exceed its `hours`: the next hourly run deletes a server that did not start
 * in time, or the run after that if the first one fails.
 */
const DRILL_GRACE_MS = 2 * HOUR_MS;
/** The statuses in which Nova is writing a server's disk from its image. */
const BUILDING = ['BUILD', 'REBUILD'];

/**
 * Why an image is in use: by a server that is being built, by a drill or by a restore. Undefined if
 * the image is not in use.
 */
export type InUse = (image: Image) => Reason | undefined;

/**
 * Finds the images of a region that must stay because servers are being made from them:
 * - images from which the cloud is building or rebuilding a server;
 * - images that restores of the last 24 hours use;
 * - images whose drill started less than the policy's `drill.hours` plus two hours ago, even if the
 *   drill already has a result: until its server is deleted, only the image proves who owns the
 *   server;
 * - images that were drilled in the current slot of the drills: until the next slot, only the image
 *   shows that this slot had its drill.
 *
 * The drills are read from the image that is passed to the returned function. So an image that was
 * requested again also shows drills that started after the inventory was listed.
 */
export function inUseIn(
  { servers, images }: Pick<RegionInventory, 'servers' | 'images'>,
  { drill }: Pick<Policy, 'drill'>,
  now: Date,
): InUse {
  const inPlace = restoredInPlace(images, now);
  const asNew = restoredAsNew(servers, now);
  const building = beingBuilt(servers);
  const drillMs = (drill?.hours ?? MOST_DRILL_HOURS) * HOUR_MS + DRILL_GRACE_MS;
  const since = drill && slotBegin(drill.schedule, now);
  return (image) => {
    const records = readRecords(image);
    if (records.some(({ at }) => now.getTime() - at.getTime() < drillMs)) {
      return { code: 'DRILL_RUNNING' };
    }
    if (since && records.some(({ at }) => at >= since)) return { code: 'DRILL_OF_SLOT' };
    if (building.has(image.id)) return { code: 'SERVER_BUILDING' };
    if (asNew.has(image.id)) return { code: 'RESTORED_AS_NEW' };
    return inPlace.has(image.id) ? { code: 'RESTORED_IN_PLACE' } : undefined;
  };
}

/** The ids of the images from which any server is being built or rebuilt now. */
export function beingBuilt(servers: readonly Pick<Server, 'status' | 'imageId'>[]): Set<string> {
  return new Set(
    servers.flatMap(({ status, imageId }) => (BUILDING.includes(status) && imageId ? [imageId] : [])),
  );
}

/**
 * The ids of the images from which restores created new servers in the last 24 hours, from the
 * metadata of these servers.
 */
export function restoredAsNew(servers: readonly Pick<Server, 'metadata'>[], now: Date): Set<string> {
  return new Set(
    servers.flatMap(({ metadata }) => {
      const mark = readRestoredMark(metadata);
      return mark?.to === 'new' && now.getTime() - mark.at.getTime() < RESTORE_MS ? [mark.image] : [];
    }),
  );
}

/**
 * The ids of the images that restores in place used in the last 24 hours, from the properties of
 * their safety snapshots.
 */
export function restoredInPlace(images: readonly Image[], now: Date): Set<string> {
  return new Set(
    images.flatMap((image) => {
      const mark = readSafetyMark(image);
      return mark && now.getTime() - image.createdAt.getTime() < RESTORE_MS ? [mark.image] : [];
    }),
  );
}
