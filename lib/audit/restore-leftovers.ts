import { DAY_MS, parseDate } from '../config/dates.ts';
import type { Image } from '../openstack/images.ts';
import type { Finding } from '../reporting/reasons.ts';
import { replacedAt } from '../restore/marks.ts';
import { isSafety } from '../snapshots/adhoc-snapshot.ts';
import { parseHoldMark } from '../snapshots/marker.ts';
import type { RegionInventory } from '../snapshots/region-inventory.ts';

/** After this time, people are reminded of what a restore in place has left. */
const REMIND_AFTER_MS = 7 * DAY_MS;

/**
 * The warnings about what restores in place have left in a region for more than a week: safety
 * snapshots, and volumes that were replaced and are attached to no server. A safety snapshot with a
 * hold stays on purpose, and is not named.
 */
export function restoreLeftoversIn(
  { region, images, volumes }: Pick<RegionInventory, 'region' | 'images' | 'volumes'>,
  { owner, now }: { owner: string; now: Date },
): Finding[] {
  const daysSince = (at: Date) => Math.floor((now.getTime() - at.getTime()) / DAY_MS);
  const isOld = (at: Date | undefined): at is Date =>
    at !== undefined && now.getTime() - at.getTime() > REMIND_AFTER_MS;
  const isHeld = ({ protected: isProtected, properties }: Image) =>
    isProtected || parseHoldMark(properties.autosnap_hold) !== undefined;
  const safetySnapshots = images.flatMap((image) => {
    const { id, name, createdAt, properties } = image;
    const isOurs = properties.autosnap_owner === owner && isSafety(image);
    return isOurs && isOld(createdAt) && !isHeld(image) ? [{ id, name, days: daysSince(createdAt) }] : [];
  });
  const replaced = volumes.flatMap(({ id, name, attachments }) => {
    const at = parseDate(replacedAt(name));
    return attachments.length === 0 && isOld(at) ? [{ id, name, days: daysSince(at) }] : [];
  });
  return [
    ...(safetySnapshots.length > 0
      ? [{ code: 'SAFETY_SNAPSHOTS_LEFT', region, images: safetySnapshots } as const]
      : []),
    ...(replaced.length > 0 ? [{ code: 'REPLACED_VOLUMES_LEFT', region, volumes: replaced } as const] : []),
  ];
}
