import { type Blueprint, readBlueprint, UNKNOWN } from './blueprint.ts';
import { isoSeconds, parseDate, parseEnd } from './dates.ts';
import type { Image } from './openstack/images.ts';
import { ADHOC } from './policy.ts';

/**
 * - good: can be restored from. pending: being made. failed: the cloud gave up. unknown: everything else, such as a
 *   deactivated image or an active one without data; it counts for nothing and is never touched.
 */
export type State = 'good' | 'pending' | 'failed' | 'unknown';

/** An image that is provably ours: its marker parses and agrees with all that the cloud says of the image. */
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
  state: State;
  sizeBytes: number | undefined;
  /** Where its data lie, if it is of a volume-backed server: deleting the image would leave them behind. */
  volumeSnapshots: string[];
  /** Glance's own `protected`, or the operator's hold: for ever, or until a moment. */
  hold: 'protected' | 'forever' | Date | undefined;
  /** Ad-hoc snapshots: when it may go; undefined is never. */
  expires: Date | undefined;
  /** Ad-hoc snapshots: the invocation that asked for it. */
  request: string | undefined;
  /** When a server was last booted from it, as a drill, and worked. */
  proven: Date | undefined;
  /** When a drill of it last came to a verdict: later than `proven`, that one failed. */
  drilled: Date | undefined;
  /** Made by the Python script autosnap.py; see belonging.ts. */
  adopted: boolean;
}

/** What a new snapshot is to carry. */
export type MarkerFields = { owner: string; server: string; slot: Date; blueprint?: string } & (
  | { policy: string }
  | { expires: Date | undefined; request: string }
);

/**
 * The metadata that make an image ours: sent with createImage, never written afterwards. Lower-case keys, because
 * Rackspace makes them so, and six at most, because it allows few.
 *
 * A snapshot inherits the properties of the image that its server was made from. A server that was restored from
 * one of ours would pass on that one's hold, end or blueprint, so each is always written where it means something. The
 * blueprint of an ad-hoc snapshot stands behind the request, where it takes up no key.
 */
export function markerOf(fields: MarkerFields): Record<string, string> {
  const { owner, server, slot, blueprint = UNKNOWN } = fields;
  const common = { autosnap_owner: owner, autosnap_server: server, autosnap_slot: isoSeconds(slot) };
  return 'policy' in fields
    ? { ...common, autosnap_policy: fields.policy, autosnap_hold: 'none', autosnap_restore_as: blueprint }
    : {
        ...common,
        autosnap_policy: ADHOC,
        autosnap_expires: fields.expires ? isoSeconds(fields.expires) : 'never',
        autosnap_request: `${fields.request} ${blueprint}`,
      };
}

/**
 * Reads an image's marker. An image is ours only if our project owns it, it is private, every part of the marker
 * parses, `autosnap_owner` is us, and its own `instance_uuid`, where the cloud shows one, is the marked server.
 *
 * @returns the snapshot; a sentence on what is wrong with an image that claims to be ours and is not; undefined for
 *   an image that makes no such claim.
 */
export function readMarker(image: Image, owner: string, projectId: string): Snapshot | string | undefined {
  const { properties } = image;
  if (properties.autosnap_owner !== owner) return undefined;
  const claim = (problem: string) =>
    `${image.name || image.id} (${image.id}) is marked as ours, but ${problem}`;

  if (image.owner !== projectId) return claim('another project owns it');
  if (image.visibility !== 'private') return claim(`it is ${image.visibility}, not private`);
  const { autosnap_policy: policy, autosnap_server: server } = properties;
  if (!policy || !/^[a-z0-9-]{1,40}$/.test(policy)) return claim('its autosnap_policy is no policy name');
  if (!server) return claim('it names no server');
  if (properties.instance_uuid !== undefined && properties.instance_uuid !== server) {
    return claim('it was made from another server');
  }
  const source = sourceOf(properties.autosnap_source);
  if (source && source.id !== image.id && source.of === seriesAndSlot(properties)) {
    return claim(`its marker is only inherited, from image ${source.id} that its server was restored from`);
  }
  const slot = parseDate(properties.autosnap_slot);
  if (!slot) return claim('its autosnap_slot is no time');
  const hold = readHold(image);
  if (hold === null) return claim('its autosnap_hold is neither "forever", "none" nor a date');
  const expires = policy === ADHOC ? readExpires(properties.autosnap_expires) : undefined;
  if (expires === null) return claim('its autosnap_expires is no time');

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
    expires,
    request: policy === ADHOC ? readRequest(image).request : undefined,
    proven: readVerdict(image, 'autosnap_proven'),
    drilled: readVerdict(image, 'autosnap_drilled'),
    adopted: false,
  };
}

/** What an image that is ours says of the server that it was made from; undefined for those that do not say it. */
export function blueprintIn(image: Image): Blueprint | undefined {
  const { autosnap_policy: policy, autosnap_restore_as: text = '' } = image.properties;
  return readBlueprint(policy === ADHOC ? readRequest(image).blueprint : text);
}

/** The two parts of an ad-hoc snapshot's `autosnap_request`. */
export function readRequest({ properties }: Image): { request: string | undefined; blueprint: string } {
  const [request, ...blueprint] = properties.autosnap_request?.split(' ') ?? [];
  return { request, blueprint: blueprint.join(' ') };
}

/** An idle server's image that is still pending after this long will never finish. */
const STUCK_AFTER_MS = 3_600_000;

/**
 * Whether a snapshot is pending and will stay so: the server is idle, so the cloud has given up without saying it
 * (its token ran out, its host was restarted). It must not stop the next snapshot for ever. Young ones are given
 * time: the server is idle for a moment between the request and the work.
 */
export function isStuck({ state, createdAt }: Snapshot, taskState: string | null, now: Date): boolean {
  return state === 'pending' && taskState === null && now.getTime() - createdAt.getTime() > STUCK_AFTER_MS;
}

/**
 * The property to write on a snapshot of ours before its own server is rebuilt from it. Whatever image anybody makes of
 * that server from then on inherits the whole marker, and is told from the snapshot by this alone: it names another
 * image, for the same slot. The snapshots that we take of the server write slots of their own.
 */
export function sourceMark({ id, properties }: Image): [key: string, value: string] {
  return ['autosnap_source', `${seriesAndSlot(properties)} ${id}`];
}

/**
 * The properties to write on a snapshot once a drill has come to a verdict on it. They name the image, because the
 * snapshots of a server that was restored from it inherit them and are not proven by that.
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

function seriesAndSlot({ autosnap_policy: policy, autosnap_slot: slot }: Image['properties']): string {
  return `${policy} ${slot}`;
}

function sourceOf(source: string | undefined): { of: string; id: string } | undefined {
  const [, of, id] = /^(\S+ \S+) (\S+)$/.exec(source ?? '') ?? [];
  return of && id ? { of, id } : undefined;
}

function stateOf({ status, sizeBytes, properties, volumeSnapshotIds }: Image): State {
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

/** undefined: no hold. null: not readable. */
function readHold(image: Image): Snapshot['hold'] | null {
  const hold = image.properties.autosnap_hold;
  if (image.protected) return 'protected';
  if (hold === undefined || hold === 'none') return undefined;
  if (hold === 'forever') return 'forever';
  return parseEnd(hold) ?? null;
}

function readExpires(expires: string | undefined): Date | undefined | null {
  return expires === undefined || expires === 'never' ? undefined : (parseDate(expires) ?? null);
}
