import { isoSeconds, parseDate } from '../dates.ts';
import type { Stored, Upload } from './copy-store.ts';

/** Whose copies are meant. */
export interface Place {
  owner: string;
  account: string;
  policy: string;
}

/** Which snapshot a copy is of. */
export interface Original {
  region: string;
  server: string;
  slot: Date;
  /** The image's id. */
  image: string;
}

/** All that there is of one copy in the bucket or container. */
export interface Copy extends Original {
  /** Of its objects, without what stands for their kind: `<key>.qcow2`, `<key>.json`, `<key>.progress`. */
  key: string;
  data: Stored | undefined;
  /** Written last, once the data are verified: only with it, and with its data, a copy is good. */
  manifest: Stored | undefined;
  /** How far the verification has come. */
  progress: Stored | undefined;
  /** Those of its data that are not finished, the oldest first. */
  uploads: Upload[];
}

/** Whether a copy can be restored from. */
export function isGood({ data, manifest }: Copy): boolean {
  return data !== undefined && manifest !== undefined;
}

/** All keys of a deployment's copies of an account's images begin so; and with `region`, those of one region. */
export function prefixOf({ owner, account }: Omit<Place, 'policy'>, region?: string): string {
  return `copies/${owner}/${account}/${region === undefined ? '' : `${region}/`}`;
}

/** A copy's key, without the kind of object: `copies/<owner>/<account>/<region>/<server>/<policy>/<slot>/<image>`. */
export function keyOf(place: Place, { region, server, slot, image }: Original): string {
  return `${prefixOf(place, region)}${server}/${place.policy}/${isoSeconds(slot)}/${image}`;
}

/**
 * The copies of a policy, from what is listed in the bucket. A key that is not exactly as {@link keyOf} makes it is
 * nobody's copy.
 */
export function copiesOf(place: Place, stored: readonly Stored[], uploads: readonly Upload[]): Copy[] {
  const copies = new Map<string, Copy>();
  const at = (key: string): { copy: Copy; kind: string } | undefined => {
    const { original, kind } = readKey(place, key) ?? {};
    if (!original || !kind) return undefined;
    const base = keyOf(place, original);
    const none = { data: undefined, manifest: undefined, progress: undefined, uploads: [] };
    const copy = copies.get(base) ?? { ...original, key: base, ...none };
    copies.set(base, copy);
    return { copy, kind };
  };
  for (const object of stored) {
    const { copy, kind } = at(object.key) ?? {};
    if (copy) copy[kind === 'json' ? 'manifest' : kind === 'progress' ? 'progress' : 'data'] = object;
  }
  for (const upload of uploads) at(upload.key)?.copy.uploads.push(upload);
  return [...copies.values()];
}

function readKey(place: Place, key: string): { original: Original; kind: string } | undefined {
  if (!key.startsWith(prefixOf(place))) return undefined;
  const [region, server, policy, slotText, file, ...more] = key.slice(prefixOf(place).length).split('/');
  const [, image, kind] = /^([\w-]+)\.([a-z0-9]+)$/.exec(file ?? '') ?? [];
  const slot = parseDate(slotText);
  const original = region && server && slot && image ? { region, server, slot, image } : undefined;
  return original && kind && policy === place.policy && more.length === 0 && isoSeconds(slot!) === slotText
    ? { original, kind }
    : undefined;
}
