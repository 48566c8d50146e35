import { ADHOC } from '../config/adhoc-event.ts';
import { parseDate } from '../config/dates.ts';
import type { Image } from '../openstack/images.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * The request and the blueprint of an ad-hoc snapshot, which follow the expiry in
 * `autosnap_expires`.
 */
export function readRequest({ properties }: Image): { request: string | undefined; blueprint: string } {
  const [, request, ...blueprint] = properties.autosnap_expires?.split(' ') ?? [];
  return { request, blueprint: blueprint.join(' ') };
}

/**
 * The part between the server's name and the slot in the name of a safety snapshot, which is an
 * ad-hoc snapshot.
 */
export const SAFETY_LABEL = `before-restore-${ADHOC}`;

const SAFETY_NAME = new RegExp(`-${SAFETY_LABEL}-\\d{8}T\\d{6}Z$`);

/**
 * Whether a restore took this ad-hoc snapshot before it replaced the server's disk. A snapshot of a
 * server that was restored from a safety snapshot inherits the property `autosnap_restore`, but not
 * the name, and seldom has the same request.
 */
export function isSafety(image: Image): boolean {
  const { autosnap_policy: policy, autosnap_restore: mark } = image.properties;
  if (policy !== ADHOC || mark === undefined || !SAFETY_NAME.test(image.name)) return false;
  return mark.split(' ')[0] === readRequest(image).request;
}

/**
 * Whether the request of a failed ad-hoc snapshot was repeated, and has a good snapshot of the same
 * server now.
 *
 * @param series the ad-hoc snapshots of the server.
 */
export function isTakenAgain({ request, safety, slot }: Snapshot, series: readonly Snapshot[]): boolean {
  return series.some(
    (other) =>
      request !== undefined &&
      other.request === request &&
      other.safety === safety &&
      other.state === 'good' &&
      other.slot >= slot,
  );
}

/**
 * The expiry and the request of an ad-hoc snapshot. `expires` is undefined if the snapshot never
 * expires, and null if the expiry can't be parsed.
 */
export function readEnd(image: Image): { expires: Date | undefined | null; request: string | undefined } {
  const [end] = image.properties.autosnap_expires?.split(' ') ?? [];
  const expires = end === undefined || end === 'never' ? undefined : (parseDate(end) ?? null);
  return { expires, request: readRequest(image).request };
}
