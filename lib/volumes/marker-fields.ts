import { createHash } from 'node:crypto';
import type { VolumeSnapshot } from '../openstack/volume-snapshots.ts';

/** The maximum length of a name and of a description in Cinder. */
export const LONGEST_TEXT = 255;
/** The first word of the marker in a description. */
const SIGNATURE = 'autosnap';
/** A missing field in a description. */
const NONE = '-';

/** The fields of the marker in the order of the description. */
export const KEYS = [
  'owner',
  'policy',
  'server',
  'slot',
  'expires',
  'request',
  'hold',
  'device',
  'type',
  'parts',
] as const;
/** The number of fields in a description without `parts`. */
const FEWEST = KEYS.length - 1;
/** The fields of a marker, as texts. */
export type Fields = Partial<Record<(typeof KEYS)[number], string>>;

/**
 * The marker as a description: `autosnap <owner> <policy> <server> <slot> <expires> <request>
 * <hold> <device> <type>`, and `<parts>` if it is known and fits. If it were too long for Cinder,
 * it has the hash of the owner id instead. With the hash, the longest policy or request and the
 * longest hold fit.
 */
export function descriptionOf(fields: Fields): string {
  const { parts, ...others } = fields;
  const text = (all: Fields) =>
    [SIGNATURE, ...KEYS.slice(0, all.parts ? KEYS.length : FEWEST).map((key) => all[key] ?? NONE)].join(' ');
  const short = { ...others, owner: hashOf(fields.owner!) };
  const texts = [fields, { ...short, ...(parts ? { parts } : {}) }].map(text);
  return texts.find(({ length }) => length <= LONGEST_TEXT) ?? text(short);
}

/** Whether the owner in a marker is this one, by its id or by the hash of the id. */
export function isSameOwner(owner: string, marked: string | undefined): boolean {
  return marked === owner || marked === hashOf(owner);
}

/** A hash of 128 bits. The ":" shows that it is not an owner id itself. */
function hashOf(owner: string): string {
  return `sha256:${createHash('sha256').update(owner).digest('base64url').slice(0, 22)}`;
}

/** The fields of a marker in a description; undefined if it is not a marker. */
export function fieldsInDescription(description: string): Fields | undefined {
  const [signature, ...values] = description.split(' ');
  if (signature !== SIGNATURE || ![FEWEST, KEYS.length].includes(values.length)) return undefined;
  const fields: Fields = {};
  for (const [i, key] of KEYS.entries())
    if (values[i] !== undefined && values[i] !== NONE) fields[key] = values[i];
  return fields;
}

/** Whether a volume snapshot has a marker of any deployment in its metadata or its description. */
export function hasMarker({
  metadata,
  description,
}: Pick<VolumeSnapshot, 'metadata' | 'description'>): boolean {
  return (fieldsInMetadata(metadata) ?? fieldsInDescription(description)) !== undefined;
}

/** The fields of a marker in metadata; undefined without an owner. */
export function fieldsInMetadata(metadata: VolumeSnapshot['metadata']): Fields | undefined {
  const fields: Fields = {};
  for (const key of KEYS) {
    const value = metadata[`autosnap_${key}`];
    if (value !== undefined) fields[key] = value;
  }
  return fields.owner === undefined ? undefined : fields;
}
