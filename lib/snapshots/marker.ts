import { ADHOC } from '../config/adhoc-event.ts';
import { DAY_MS, HOUR_MS, isoSeconds, parseDate, parseEnd } from '../config/dates.ts';
import { intervalMs, type Schedule } from '../config/schedule.ts';
import type { Image } from '../openstack/images.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isSafety, readEnd, readRequest } from './adhoc-snapshot.ts';
import { type Blueprint, fingerprint, readBlueprint, UNKNOWN } from './blueprint.ts';
import { drillResultsIn } from './drill-marks.ts';
import type { Snapshot, Suspect } from './snapshot.ts';
import { stateOf } from './snapshot-state.ts';

/**
 * For how long the servers of an ad-hoc event are retried, because no scheduled run follows; see
 * work-item.ts.
 */
export const ADHOC_MS = DAY_MS;
/**
 * How much earlier than its slot an image may be created, because the cloud's clock and Lambda's
 * differ.
 */
export const EARLY_MS = HOUR_MS;
/** The longest time that a message can wait in the queue: the limit where no schedule is known. */
const LONGEST_PENDING_MS = 14 * DAY_MS;

/** The values in the marker of a new snapshot. */
export type MarkerFields = { owner: string; server: string; slot: Date; blueprint?: string } & (
  | { policy: string }
  | { expires: Date | undefined; request: string }
);

/**
 * The marker: the metadata that name this deployment as the owner of an image. They are sent with
 * createImage and never written afterwards. The keys are in lower case, because Rackspace converts
 * all keys to lower case, and a marker has at most six keys.
 *
 * A snapshot inherits the properties of the image that its server was made from. If that image is a
 * snapshot of this deployment, the new snapshot would inherit its hold, expiry and blueprint. So
 * the marker always contains the hold, and the expiry or the blueprint, even without a value. For
 * an ad-hoc snapshot the expiry, the request and the blueprint share one key.
 */
export function markerOf(fields: MarkerFields): Record<string, string> {
  const { owner, server, slot, blueprint = UNKNOWN } = fields;
  const common = {
    autosnap_owner: owner,
    autosnap_server: server,
    autosnap_slot: isoSeconds(slot),
    autosnap_hold: 'none',
  };
  if ('policy' in fields)
    return { ...common, autosnap_policy: fields.policy, autosnap_restore_as: blueprint };
  const end = fields.expires ? isoSeconds(fields.expires) : 'never';
  return {
    ...common,
    autosnap_policy: ADHOC,
    autosnap_expires: `${end} ${fields.request} ${blueprint}`,
  };
}

/**
 * Whether a text is a valid id. Ids become parts of object keys and URL paths, so an id contains no
 * dot, slash or space.
 */
export function isId(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text);
}

/**
 * How the name of a snapshot ends. Images inherit properties, but not names, so the name
 * distinguishes a snapshot from later images of its server.
 */
export function nameEnding(policy: string, slot: Date): string {
  return `-${policy}-${isoSeconds(slot).replace(/[-:]/g, '')}`;
}

/**
 * The name of the server when the snapshot was taken, from the name of the snapshot. A long server
 * name is truncated there.
 */
export function serverNameIn({ name, policy, slot }: Pick<Snapshot, 'name' | 'policy' | 'slot'>): string {
  const ending = nameEnding(policy, slot);
  return name.endsWith(ending) ? name.slice(0, -ending.length) : name;
}

/** The owner and the project whose snapshots are read, and the schedules of their policies. */
export interface MarkerReading {
  owner: string;
  projectId: string;
  /** The schedule of a policy; undefined for an unknown policy. */
  scheduleOf(policy: string): Schedule | undefined;
}

/**
 * Reads an image's marker. Every image of a server inherits all properties of the image that the
 * server was made or rebuilt from, including a marker. So an image is a snapshot of this deployment
 * only if
 *
 * - the project of the session owns the image, and every part of the marker parses;
 * - its name is the one that the snapshot was given, and has the ending of {@link nameEnding};
 * - it was created between its slot and the next one;
 * - `instance_uuid` is the server in the marker; the owner of an image with volume snapshots is
 *   decided by these instead, see ownership.ts;
 * - its properties do not name another maker.
 *
 * @returns undefined for an image without the marker of this deployment.
 */
export function readMarker(image: Image, reading: MarkerReading): Snapshot | Suspect | undefined {
  if (image.properties.autosnap_owner !== reading.owner) return undefined;
  const read = readMarkedImage(image, reading);
  return 'code' in read ? suspect(image, read) : read;
}

/**
 * A {@link Suspect}: an image with the marker of this deployment, and why that marker does not
 * prove ownership.
 */
export function suspect({ id, name }: Pick<Image, 'id' | 'name'>, reason: Reason): Suspect {
  return { problem: { code: 'MARKED_AS_OURS', image: id, name, reason } };
}

function readMarkedImage(image: Image, { projectId, scheduleOf }: MarkerReading): Snapshot | Reason {
  const { properties, name } = image;
  if (image.owner !== projectId) return { code: 'OWNED_BY_OTHER_PROJECT' };
  const { autosnap_policy: policy, autosnap_server: server } = properties;
  if (!policy || !/^[a-z0-9-]{1,40}$/.test(policy)) return { code: 'POLICY_INVALID' };
  if (!server || !isId(server)) return { code: 'SERVER_INVALID' };
  const slot = parseDate(properties.autosnap_slot);
  if (!slot) return { code: 'SLOT_INVALID' };

  const ending = nameEnding(policy, slot);
  if (!name.endsWith(ending)) return { code: 'NAME_ENDING_CHANGED', ending };
  const named = blueprintIn(image)?.named;
  if (named !== undefined && named !== fingerprint(name)) return { code: 'NAME_CHANGED' };
  const { createdAt } = image;
  const end = latestCreation(policy, slot, scheduleOf(policy));
  if (createdAt.getTime() < slot.getTime() - EARLY_MS || createdAt >= end) {
    return { code: 'CREATED_OUTSIDE_SLOT', created: isoSeconds(createdAt), slot: isoSeconds(slot) };
  }
  const maker = properties[CREATED_BY_KEY];
  if (maker !== undefined && maker !== CREATED_BY) return { code: 'MADE_BY_OTHER', maker };
  if (image.volumeSnapshotIds.length === 0) {
    if (properties.instance_uuid !== server) return { code: 'MADE_FROM_OTHER_SERVER' };
    // An image with volume snapshots may have inherited its `image_type`.
    if (properties.image_type === 'backup') return { code: 'NOVA_BACKUP_IMAGE' };
  }
  return snapshotOf(image, { server, policy, slot });
}

/**
 * Converts an image, whose ownership the caller has proven, to a snapshot.
 *
 * @returns a reason if the image's hold or expiry can't be parsed.
 */
export function snapshotOf(
  image: Image,
  { server, policy, slot }: Pick<Snapshot, 'server' | 'policy' | 'slot'>,
): Snapshot | Reason {
  const hold = readHold(image);
  if (hold === null) return { code: 'HOLD_INVALID' };
  const { expires, request } = policy === ADHOC ? readEnd(image) : {};
  if (expires === null) return { code: 'EXPIRES_INVALID' };
  const { parts } = blueprintIn(image) ?? {};
  return {
    id: image.id,
    name: image.name,
    region: image.region,
    server,
    policy,
    slot,
    createdAt: image.createdAt,
    status: image.status,
    state: stateOf(image),
    sizeBytes: image.sizeBytes,
    volumeSnapshots: image.volumeSnapshotIds,
    hold,
    exposure: image.visibility === 'private' ? (image.hidden ? 'hidden' : undefined) : image.visibility,
    expires,
    request,
    ...(isSafety(image) ? { safety: true } : {}),
    ...(parts === undefined ? {} : { parts }),
    ...drillResultsIn(image),
    adopted: false,
  };
}

/** The value of {@link CREATED_BY_KEY} in snapshots that would otherwise inherit another value. */
export const CREATED_BY = 'autosnap';
/**
 * The property that marks the images of Rackspace's own image schedule. That schedule deletes the
 * oldest images with its mark.
 */
export const CREATED_BY_KEY = 'org.openstack__1__created_by';

/**
 * The time before which the image of a slot must be created: one interval of the current schedule
 * after the slot. For an earlier schedule's slot, the interval is that of the current schedule at
 * that time.
 */
export function latestCreation(policy: string, slot: Date, schedule: Schedule | undefined): Date {
  const intervalOf = () => schedule && intervalMs(schedule, slot);
  const ms = policy === ADHOC ? ADHOC_MS : (intervalOf() ?? LONGEST_PENDING_MS);
  return new Date(slot.getTime() + ms);
}

/** The {@link Blueprint} in the marker of a snapshot; undefined if the marker has none. */
export function blueprintIn(image: Image): Blueprint | undefined {
  const { autosnap_policy: policy, autosnap_restore_as: text = '' } = image.properties;
  return readBlueprint(policy === ADHOC ? readRequest(image).blueprint : text);
}

/** @returns undefined without a hold; null for a hold that can't be parsed. */
function readHold(image: Image): Snapshot['hold'] | null {
  return image.protected ? 'protected' : parseHoldMark(image.properties.autosnap_hold);
}

/** @returns undefined without a hold; null for a hold that can't be parsed. */
export function parseHoldMark(hold: string | undefined): 'forever' | Date | undefined | null {
  if (hold === undefined || hold === 'none') return undefined;
  if (hold === 'forever') return 'forever';
  return parseEnd(hold) ?? null;
}
