import { MOST_DRILL_HOURS, type Policy } from '../config/policy.ts';
import { slotBegin } from '../drill/plan.ts';
import { readRecords } from '../drill/record.ts';
import type { Server } from '../openstack/compute.ts';
import type { Image } from '../openstack/images.ts';
import type { Reason } from '../reporting/reasons.ts';
import { readRestoredMark, readSafetyMark } from '../restore/marks.ts';
import type { RegionInventory } from './region-inventory.ts';

const HOUR_MS = 3_600_000;
const RESTORE_MS = 24 * HOUR_MS;
/**
 * A server that is not up in time is deleted by the next hourly run, or by the one after that if
 * the first one fails.
 */
const DRILL_GRACE_MS = 2 * HOUR_MS;
/** The statuses in which Nova is writing a server's disk from its image. */
const BUILDING = ['BUILD', 'REBUILD'];

/**
 * Why a server that is being made, a drill or a restore still needs an image; undefined when none
 * does.
 */
export type InUse = (image: Image) => Reason | undefined;

/**
 * Finds the images of a region that must stay because a server is being made from them: those of
 * servers that the cloud is building or rebuilding, those that restores of the last 24 hours
 * started from, and those whose drill was started within its `hours` and two more. A verdict does
 * not end a drill: until its server is deleted, the image is all that proves whose server it is.
 * Until the next slot of the drills, the image is also all that shows that the current slot had its
 * drill.
 *
 * Drills are read from the image that is asked about, so an image that was read a moment ago also
 * shows the drills that have started since the survey.
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

/** The images that servers are being made or rebuilt from at this moment, by whomever. */
export function beingBuilt(servers: readonly Pick<Server, 'status' | 'imageId'>[]): Set<string> {
  return new Set(
    servers.flatMap(({ status, imageId }) => (BUILDING.includes(status) && imageId ? [imageId] : [])),
  );
}

/**
 * The images that restores to new servers have begun with in the last 24 hours: these servers name
 * them.
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
 * The images that restores in place have begun with in the last 24 hours: their safety snapshots
 * name them.
 */
export function restoredInPlace(images: readonly Image[], now: Date): Set<string> {
  return new Set(
    images.flatMap((image) => {
      const mark = readSafetyMark(image);
      return mark && now.getTime() - image.createdAt.getTime() < RESTORE_MS ? [mark.image] : [];
    }),
  );
}
