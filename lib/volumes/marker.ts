import { ADHOC } from '../config/adhoc-event.ts';
import { isoSeconds, parseDate } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import type { NewVolumeSnapshot, VolumeSnapshot } from '../openstack/volume-snapshots.ts';
import type { Reason } from '../reporting/reasons.ts';
import { drillResultsIn } from '../snapshots/drill-marks.ts';
import {
  EARLY_MS,
  isId,
  latestCreation,
  type MarkerFields,
  type MarkerReading,
  nameEnding,
  parseHoldMark,
  suspect,
} from '../snapshots/marker.ts';
import {
  type SharingServer,
  type Snapshot,
  type SnapshotState,
  type Suspect,
  UNMARKED,
} from '../snapshots/snapshot.ts';
import {
  descriptionOf,
  type Fields,
  fieldsInDescription,
  fieldsInMetadata,
  isSameOwner,
  KEYS,
  LONGEST_TEXT,
} from './marker-fields.ts';

const GIGABYTE = 2 ** 30;

/** What a restore needs to make a volume like the original, when that is gone. */
export interface VolumePlace {
  /** Where the volume was attached: "/dev/vdb". */
  device?: string | undefined;
  /** The name of the volume type. */
  type?: string | undefined;
  /** The other servers that the volume is attached to. Only metadata have room for them. */
  alsoOf?: readonly SharingServer[];
}

/**
 * The name, the description and the metadata of a new volume snapshot. The marker is in the
 * metadata and in the description, because Cinder v1 may lose metadata.
 *
 * @param volume the volume, with the name that the snapshot's name begins with.
 * @param fields with the hold of the set, if it has one already.
 */
export function newVolumeSnapshot(
  volume: VolumePlace & { id: string; name: string },
  fields: MarkerFields & { hold?: 'forever' | Date | undefined },
): NewVolumeSnapshot {
  const policy = 'policy' in fields ? fields.policy : ADHOC;
  const marker: Fields = {
    owner: fields.owner,
    policy,
    server: fields.server,
    slot: isoSeconds(fields.slot),
    ...('policy' in fields
      ? {}
      : { expires: fields.expires ? isoSeconds(fields.expires) : 'never', request: fields.request }),
    ...(fields.hold ? { hold: fields.hold === 'forever' ? fields.hold : isoSeconds(fields.hold) } : {}),
    ...placeOf(volume),
  };
  return {
    volumeId: volume.id,
    name: volumeSnapshotName(volume, policy, fields.slot),
    description: descriptionOf(marker),
    metadata: {
      ...Object.fromEntries(Object.entries(marker).map(([key, value]) => [`autosnap_${key}`, value])),
      ...sharingMetadata(volume),
    },
  };
}

/** A new volume snapshot whose marker has the number of parts of its set as well. */
export function withPartsInMarker(wanted: NewVolumeSnapshot, parts: number): NewVolumeSnapshot {
  const fields = fieldsInMetadata(wanted.metadata);
  if (!fields) return wanted;
  return {
    ...wanted,
    description: descriptionOf({ ...fields, parts: String(parts) }),
    metadata: { ...wanted.metadata, autosnap_parts: String(parts) },
  };
}

/** `autosnap_server_2`: "<server> <device>", one item for each further server of the volume. */
function sharingMetadata({ alsoOf = [] }: VolumePlace): VolumeSnapshot['metadata'] {
  return Object.fromEntries(
    alsoOf.map(({ server, device }, i) => [
      `autosnap_server_${i + 2}`,
      device === undefined ? server : `${server} ${device}`,
    ]),
  );
}

function sharingServersIn(metadata: VolumeSnapshot['metadata']): SharingServer[] {
  const found: SharingServer[] = [];
  for (let i = 2; ; i++) {
    const [server = '', device] = metadata[`autosnap_server_${i}`]?.split(' ') ?? [];
    if (!isId(server)) return found;
    found.push({ server, device });
  }
}

/** The place of a volume, without values that are too long or have spaces, such as some types. */
function placeOf({ device = '', type = '' }: VolumePlace): Pick<Fields, 'device' | 'type'> {
  const isShort = (text: string) => /^[\w/.-]{2,20}$/.test(text);
  return { ...(isShort(device) ? { device } : {}), ...(isShort(type) ? { type } : {}) };
}

/** The place in the marker of a volume snapshot, or of a backup, of this deployment. */
export function volumePlaceIn({
  metadata,
  description,
}: Pick<VolumeSnapshot, 'metadata' | 'description'>): VolumePlace {
  const { device, type } = fieldsInMetadata(metadata) ?? fieldsInDescription(description) ?? {};
  return { device, type };
}

/** The name of a snapshot: starts with the name of the volume, ends with {@link nameEnding}. */
function volumeSnapshotName({ id, name }: { id: string; name: string }, policy: string, slot: Date): string {
  const ending = nameEnding(policy, slot);
  const printable = name.replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '').trim() || id;
  return printable.slice(0, LONGEST_TEXT - ending.length).toWellFormed() + ending;
}

/**
 * The description of a volume snapshot with another hold, for a cloud that does not keep metadata.
 *
 * @returns undefined if the description is not a marker.
 */
export function descriptionWithHold(
  { description }: Pick<VolumeSnapshot, 'description'>,
  hold: string,
): string | undefined {
  const fields = fieldsInDescription(description);
  return fields && descriptionOf({ ...fields, hold });
}

/** Classifies a volume snapshot; see {@link readVolumeMarker}. */
export type VolumeReader = (one: VolumeSnapshot) => Snapshot | Suspect | undefined;

/** Whether a volume snapshot has a marker of this deployment, complete or not. */
export function isMarkedBy(owner: string, one: Pick<VolumeSnapshot, 'metadata' | 'description'>): boolean {
  return [fieldsInMetadata(one.metadata), fieldsInDescription(one.description)].some((fields) =>
    isSameOwner(owner, fields?.owner),
  );
}

/**
 * Reads the marker of a volume snapshot. Unlike images, volume snapshots inherit nothing. So a
 * volume snapshot is one of this deployment if
 *
 * - every part of the marker parses, in the metadata or in the description, and where both have a
 *   marker, they agree;
 * - its name has the ending that it was given;
 * - it was created between its slot and the next one.
 *
 * @returns undefined for a volume snapshot without the marker of this deployment.
 */
function readVolumeMarker(
  one: VolumeSnapshot,
  { owner, scheduleOf }: Pick<MarkerReading, 'owner' | 'scheduleOf'>,
): Snapshot | Suspect | undefined {
  if (!isMarkedBy(owner, one)) return undefined;
  const read = readMarkedVolumeSnapshot(one, scheduleOf);
  return 'code' in read ? suspect(one, read) : read;
}

/** Creates a {@link VolumeReader} for the policies of a deployment. */
export function volumeReaderOf({
  owner,
  policies,
}: {
  owner: string;
  policies: readonly (Pick<Policy, 'policy'> & Partial<Pick<Policy, 'schedule'>>)[];
}): VolumeReader {
  const schedules = new Map(policies.map(({ policy, schedule }) => [policy, schedule]));
  return (one) => readVolumeMarker(one, { owner, scheduleOf: (name) => schedules.get(name) });
}

function readMarkedVolumeSnapshot(
  one: VolumeSnapshot,
  scheduleOf: MarkerReading['scheduleOf'],
): Snapshot | Reason {
  const [inMetadata, inDescription] = [fieldsInMetadata(one.metadata), fieldsInDescription(one.description)];
  const fields = (inMetadata ?? inDescription)!;
  const isSame = (key: (typeof KEYS)[number]) =>
    !inMetadata ||
    !inDescription ||
    key === 'hold' ||
    key === 'parts' ||
    // A description may lack what proves nothing.
    ((key === 'device' || key === 'type') && inDescription[key] === undefined) ||
    inMetadata[key] === inDescription[key] ||
    (key === 'owner' && isSameOwner(inMetadata.owner!, inDescription.owner));
  if (!KEYS.every(isSame)) return { code: 'MARKERS_DIFFER' };
  const { policy, server } = fields;
  if (!policy || !/^[a-z0-9-]{1,40}$/.test(policy)) return { code: 'POLICY_INVALID' };
  if (!server || !isId(server)) return { code: 'SERVER_INVALID' };
  const slot = parseDate(fields.slot);
  if (!slot) return { code: 'SLOT_INVALID' };
  const ending = nameEnding(policy, slot);
  if (!one.name.endsWith(ending)) return { code: 'NAME_ENDING_CHANGED', ending };
  const { createdAt } = one;
  const isEarly = createdAt.getTime() < slot.getTime() - EARLY_MS;
  if (isEarly || createdAt >= latestCreation(policy, slot, scheduleOf(policy))) {
    return { code: 'CREATED_OUTSIDE_SLOT', created: isoSeconds(createdAt), slot: isoSeconds(slot) };
  }
  const holds = [inMetadata?.hold, inDescription?.hold].map(parseHoldMark);
  if (holds.includes(null)) return { code: 'HOLD_INVALID' };
  const expires = policy === ADHOC ? readEnd(fields.expires) : undefined;
  if (expires === null) return { code: 'EXPIRES_INVALID' };
  const { id, name, region, status, volumeId: volume, sizeGb } = one;
  const alsoOf = sharingServersIn(one.metadata);
  const parts = Math.max(...[inMetadata, inDescription].map((marker) => Number(marker?.parts) || 0));
  return {
    ...UNMARKED,
    id,
    name,
    region,
    server,
    volume,
    ...(alsoOf.length > 0 ? { alsoOf } : {}),
    ...(parts > 0 ? { parts } : {}),
    policy,
    slot,
    createdAt,
    status,
    state: stateOfVolumeSnapshot(one),
    sizeBytes: sizeGb === undefined ? undefined : sizeGb * GIGABYTE,
    volumeSnapshots: [],
    hold: longestOf(holds as ('forever' | Date | undefined)[]),
    expires,
    request: fields.request,
    ...drillResultsIn({ id, properties: one.metadata }),
  };
}

/** @returns undefined without an end; null for an end that can't be parsed. */
function readEnd(end: string | undefined): Date | undefined | null {
  return end === undefined || end === 'never' ? undefined : (parseDate(end) ?? null);
}

function longestOf(holds: readonly ('forever' | Date | undefined)[]): 'forever' | Date | undefined {
  if (holds.includes('forever')) return 'forever';
  const ends = holds.filter((hold) => hold instanceof Date);
  return ends.toSorted((a, b) => b.getTime() - a.getTime())[0];
}

/**
 * The state of a volume snapshot. One that is being backed up, restored or deleted, or that could
 * not be deleted, is unknown: it never counts and is never deleted.
 */
function stateOfVolumeSnapshot({ status }: VolumeSnapshot): SnapshotState {
  if (status === 'available') return 'good';
  if (status === 'creating') return 'pending';
  return status === 'error' ? 'failed' : 'unknown';
}
