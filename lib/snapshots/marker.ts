import { isoSeconds, parseDate, parseEnd } from '../config/dates.ts';
import { ADHOC } from '../config/policy.ts';
import { intervalMs, type Schedule } from '../config/schedule.ts';
import type { Image } from '../openstack/images.ts';
import type { Reason } from '../reporting/reasons.ts';
import { type Blueprint, fingerprint, readBlueprint, UNKNOWN } from './blueprint.ts';

const HOUR_MS = 3_600_000;
/**
 * How long the servers of an ad-hoc event are tried for, as no next run follows; see work-item.ts.
 */
export const ADHOC_MS = 24 * HOUR_MS;
/** How much earlier than its slot an image may be created: the cloud's clock and ours differ. */
export const EARLY_MS = HOUR_MS;
/** The longest that a run can wait in the queue: the limit where no schedule is known. */
const LONGEST_WAIT_MS = 14 * 24 * HOUR_MS;

/**
 * - good: can be restored from. pending: being made. failed: the cloud gave up. unknown: everything
 *   else, such as a deactivated image or an active one without data; it counts for nothing and is
 *   never touched.
 */
export type SnapshotState = 'good' | 'pending' | 'failed' | 'unknown';

/** The marks of a snapshot that has none: no hold, no verdict of a drill, no expiry. */
export const UNMARKED = {
  hold: undefined,
  exposure: undefined,
  expires: undefined,
  request: undefined,
  proven: undefined,
  drilled: undefined,
  adopted: false,
} satisfies Partial<Snapshot>;

/** An image that is provably ours; see {@link readMarker}. */
export interface Snapshot {
  id: string;
  name: string;
  region: string;
  /** The server's id: with the policy and the region, the series. */
  server: string;
  policy: string;
  /** The moment that the schedule asked for; for an ad-hoc snapshot, of the request. */
  slot: Date;
  createdAt: Date;
  status: string;
  state: SnapshotState;
  /** Failed, and some of its volume snapshots are whole: the data in these can still be had. */
  partial?: boolean;
  sizeBytes: number | undefined;
  /**
   * Where its data lie, if it is of a volume-backed server: deleting the image would leave them
   * behind.
   */
  volumeSnapshots: string[];
  /** Glance's own `protected`, or the operator's hold: forever, or until a moment. */
  hold: 'protected' | 'forever' | Date | undefined;
  /**
   * Who else can see it, or that it is hidden: such a snapshot counts, and stays. Undefined for a
   * private image.
   */
  exposure: string | undefined;
  /** Ad-hoc snapshots: when it may go; undefined is never. */
  expires: Date | undefined;
  /** Ad-hoc snapshots: the request that asked for it, the same for each try. */
  request: string | undefined;
  /** Ad-hoc snapshots: it was taken by a restore, before it replaced the disk. */
  safety?: boolean;
  /** When a server was last booted from it, as a drill, and worked. */
  proven: Date | undefined;
  /** When a drill of it last came to a verdict: later than `proven`, that one failed. */
  drilled: Date | undefined;
  /** Made by the Python script autosnap.py; see ownership.ts. */
  adopted: boolean;
}

/**
 * An image that is marked as ours or is to be adopted, and of which nothing proves that it is ours.
 */
export interface Suspect {
  problem: Reason;
}

/** Whether an image that was read is provably ours. */
export function isSnapshot(read: Snapshot | Suspect | undefined): read is Snapshot {
  return read !== undefined && !('problem' in read);
}

/** What a new snapshot is to carry. */
export type MarkerFields = { owner: string; server: string; slot: Date; blueprint?: string } & (
  | { policy: string }
  | { expires: Date | undefined; request: string }
);

/**
 * The metadata that make an image ours: sent with createImage, never written afterwards. Lower-case
 * keys, because Rackspace makes them so, and six at most.
 *
 * A snapshot inherits the properties of the image that its server was made from. A server that was
 * restored from one of ours would pass on that one's hold, end or blueprint, so each is always
 * written where it means something. For an ad-hoc snapshot the end, the request and the blueprint
 * share one key.
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
 * Whether a text can be an id: ids end up in keys and paths, so there is no dot, slash or space in
 * them.
 */
export function isId(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text);
}

/**
 * How the name of a snapshot ends. A name is not inherited: it tells a snapshot from later images
 * of its server.
 */
export function nameEnding(policy: string, slot: Date): string {
  return `-${policy}-${isoSeconds(slot).replace(/[-:]/g, '')}`;
}

/**
 * What the server of a snapshot was called when the snapshot was taken, as far as the snapshot's
 * name tells.
 */
export function serverNameIn({ name, policy, slot }: Pick<Snapshot, 'name' | 'policy' | 'slot'>): string {
  const ending = nameEnding(policy, slot);
  return name.endsWith(ending) ? name.slice(0, -ending.length) : name;
}

/** Whose snapshots are looked for, and when their policies ask for them. */
export interface MarkerReading {
  owner: string;
  projectId: string;
  /** Undefined for a policy that is not known. */
  scheduleOf(policy: string): Schedule | undefined;
}

/**
 * Reads an image's marker. Every image that anybody makes of a server has all properties of the
 * image that the server was made or rebuilt from, a marker of ours among them. So an image is ours
 * only if
 *
 * - our project owns it, and every part of the marker parses;
 * - its name is the one that we have given it, and ends as we end names;
 * - it was created between its slot and the next one;
 * - `instance_uuid` is the marked server, unless its data lie in volume snapshots: then these tell,
 *   see ownership.ts;
 * - it does not say that something else has made it.
 *
 * @returns undefined for an image that is not marked as ours.
 */
export function readMarker(image: Image, reading: MarkerReading): Snapshot | Suspect | undefined {
  if (image.properties.autosnap_owner !== reading.owner) return undefined;
  const read = readMarked(image, reading);
  return 'code' in read ? suspect(image, read) : read;
}

/** An image that is marked as ours, and why it is not provably ours. */
export function suspect({ id, name }: Pick<Image, 'id' | 'name'>, reason: Reason): Suspect {
  return { problem: { code: 'MARKED_AS_OURS', image: id, name, reason } };
}

function readMarked(image: Image, { projectId, scheduleOf }: MarkerReading): Snapshot | Reason {
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
    // An image whose data lie in volume snapshots may have inherited its type.
    if (properties.image_type === 'backup') return { code: 'BACKUP' };
  }
  return snapshotOf(image, { server, policy, slot });
}

/**
 * An image whose maker is known, as a snapshot.
 *
 * @returns what is wrong with its hold or its end, where one of them can't be read.
 */
export function snapshotOf(
  image: Image,
  { server, policy, slot }: Pick<Snapshot, 'server' | 'policy' | 'slot'>,
): Snapshot | Reason {
  const hold = readHold(image);
  if (hold === null) return { code: 'HOLD_INVALID' };
  const { expires, request } = policy === ADHOC ? readEnd(image) : {};
  if (expires === null) return { code: 'EXPIRES_INVALID' };
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
    proven: readVerdict(image, 'autosnap_proven'),
    drilled: readVerdict(image, 'autosnap_drilled'),
    adopted: false,
  };
}

/**
 * What stands in {@link CREATED_BY_KEY} of those of our snapshots that would otherwise inherit it.
 */
export const CREATED_BY = 'autosnap';
/**
 * The property by which Rackspace's own schedule knows its images; it deletes the oldest of them.
 */
export const CREATED_BY_KEY = 'org.openstack__1__created_by';

/**
 * The moment before which the image of a slot is created: the next slot, by the schedule as it is
 * now. A slot of an earlier schedule gets as long as the interval around it.
 */
function latestCreation(policy: string, slot: Date, schedule: Schedule | undefined): Date {
  const intervalOf = () => schedule && intervalMs(schedule, slot);
  const ms = policy === ADHOC ? ADHOC_MS : (intervalOf() ?? LONGEST_WAIT_MS);
  return new Date(slot.getTime() + ms);
}

/**
 * What an image that is ours says of the server that it was made from; undefined for those that do
 * not say it.
 */
export function blueprintIn(image: Image): Blueprint | undefined {
  const { autosnap_policy: policy, autosnap_restore_as: text = '' } = image.properties;
  return readBlueprint(policy === ADHOC ? readRequest(image).blueprint : text);
}

/**
 * The request of an ad-hoc snapshot and its blueprint, which stand behind its end in
 * `autosnap_expires`.
 */
function readRequest({ properties }: Image): { request: string | undefined; blueprint: string } {
  const [, request, ...blueprint] = properties.autosnap_expires?.split(' ') ?? [];
  return { request, blueprint: blueprint.join(' ') };
}

/** An idle server's image that is still pending after this long will never finish. */
const STUCK_AFTER_MS = 3_600_000;
/** The server of volume snapshots is idle from the first moment on. */
const VOLUMES_STUCK_AFTER_MS = 24 * HOUR_MS;

/**
 * Whether a snapshot is pending and will stay so: the server is idle, so the cloud has given up
 * without saying it (its token ran out, its host was restarted). It must not stop the next snapshot
 * for ever. Young ones are given time: the server is idle for a moment between the request and the
 * work.
 */
export function isStuck(
  { state, createdAt, volumeSnapshots }: Snapshot,
  taskState: string | null,
  now: Date,
): boolean {
  const afterMs = volumeSnapshots.length > 0 ? VOLUMES_STUCK_AFTER_MS : STUCK_AFTER_MS;
  return state === 'pending' && taskState === null && now.getTime() - createdAt.getTime() > afterMs;
}

/**
 * The properties to write on a snapshot once a drill has come to a verdict on it. They name the
 * image, because the snapshots of a server that was restored from it inherit them and are not
 * proven by that.
 */
export function verdictMarks(id: string, passed: boolean, at: Date): [key: string, value: string][] {
  const value = `${id} ${isoSeconds(at)}`;
  return passed
    ? [
        ['autosnap_proven', value],
        ['autosnap_drilled', value],
      ]
    : [['autosnap_drilled', value]];
}

/** When a drill said so of this very image; undefined when none did, or it can't be read. */
function readVerdict(
  { id, properties }: Image,
  key: 'autosnap_proven' | 'autosnap_drilled',
): Date | undefined {
  const [, of, at] = /^(\S+) (\S+)$/.exec(properties[key] ?? '') ?? [];
  return of === id ? parseDate(at) : undefined;
}

/**
 * What stands between the server's name and the slot in the name of a safety snapshot; it is an
 * ad-hoc one.
 */
export const SAFETY_LABEL = `before-restore-${ADHOC}`;
const SAFETY_NAME = new RegExp(`-${SAFETY_LABEL}-\\d{8}T\\d{6}Z$`);

/**
 * Whether an ad-hoc snapshot was taken by a restore, before it replaced the disk. A snapshot of a
 * server that was restored from a safety snapshot inherits the mark of that one, but not the name,
 * and seldom has the same request.
 */
export function isSafety(image: Image): boolean {
  const { autosnap_policy: policy, autosnap_restore: mark } = image.properties;
  if (policy !== ADHOC || mark === undefined || !SAFETY_NAME.test(image.name)) return false;
  return mark.split(' ')[0] === readRequest(image).request;
}

function stateOf({ status, sizeBytes, properties, volumeSnapshotIds }: Image): SnapshotState {
  switch (status) {
    case 'active':
      if (volumeSnapshotIds.length > 0) return 'good';
      // A mapping that names no volume snapshot can't be read: where the data lie is not known.
      return (sizeBytes ?? 0) > 0 && (properties.block_device_mapping ?? '[]') === '[]' ? 'good' : 'unknown';
    case 'queued':
    case 'saving':
    case 'uploading':
    case 'importing':
      return 'pending';
    case 'killed':
    case 'error':
      return 'failed';
    default:
      return 'unknown';
  }
}

/**
 * Whether an image is finished and has no data that anybody can find: it never will, so it stands
 * for no snapshot. Volume snapshots that can't be read may be whole.
 */
export function isEmpty({ state, status, volumeSnapshots }: Snapshot): boolean {
  return state === 'unknown' && status === 'active' && volumeSnapshots.length === 0;
}

/** undefined: no hold. null: not readable. */
function readHold(image: Image): Snapshot['hold'] | null {
  const hold = image.properties.autosnap_hold;
  if (image.protected) return 'protected';
  if (hold === undefined || hold === 'none') return undefined;
  if (hold === 'forever') return 'forever';
  return parseEnd(hold) ?? null;
}

/**
 * The end of an ad-hoc snapshot, undefined for never and null where it can't be read; and its
 * request.
 */
function readEnd(image: Image): { expires: Date | undefined | null; request: string | undefined } {
  const [end] = image.properties.autosnap_expires?.split(' ') ?? [];
  const expires = end === undefined || end === 'never' ? undefined : (parseDate(end) ?? null);
  return { expires, request: readRequest(image).request };
}
