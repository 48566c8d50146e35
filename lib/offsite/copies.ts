import { isoSeconds, parseDate } from '../config/dates.ts';
import { BucketError } from './bucket-error.ts';

/** An object, as a listing or the object itself shows it. */
export interface Stored {
  key: string;
  bytes: number;
  /** Changes with the object's bytes. */
  etag: string;
  at: Date;
}

/** What is to become a copy's data, and is not finished: a multipart upload, or an export. */
export interface Upload {
  key: string;
  id: string;
  at: Date;
}

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

/** All that a listing shows of one copy. What a listing lacks may be there all the same; see check.ts. */
export interface Copy extends Original {
  /** Of its objects, without what stands for their kind: `<key>.qcow2`, `<key>.json`, `<key>.progress`. */
  key: string;
  data: Stored | undefined;
  /** Written last, once the data are verified. */
  manifest: Stored | undefined;
  /** How far the verification has come. */
  progress: Stored | undefined;
  /** Those of its data that are not finished, the oldest first. */
  uploads: Upload[];
}

const ID = /^[A-Za-z0-9_-]+$/;
/** Accounts and regions may have more characters than ids, but no slash, and no segment may be only dots. */
const NAME = /^(?!\.+$)[\w.+=@-]+$/;

/** Whether a text can be the id of a server or image, or the name of a policy, in a key. */
export function isKeyId(text: string): boolean {
  return ID.test(text);
}

/** Whether a text can be the name of an owner, account or region in a key. */
export function isKeyName(text: string): boolean {
  return NAME.test(text);
}

/**
 * The prefix of all keys of a deployment's copies of an account's images; with `region`, of one region's.
 *
 * @throws {BucketError} when a name can't be part of a key.
 */
export function prefixOf({ owner, account }: Omit<Place, 'policy'>, region?: string): string {
  const names = [owner, account, ...(region === undefined ? [] : [region])];
  return `copies/${names.map((name) => part(name, isKeyName)).join('/')}/`;
}

/**
 * A copy's key, without the kind of object: `copies/<owner>/<account>/<region>/<server>/<policy>/<slot>/<image>`.
 *
 * @throws {BucketError} when an id or a name can't be part of a key: with a slash or dots in it the key would be in
 *   another place.
 */
export function keyOf(place: Place, { region, server, slot, image }: Original): string {
  const [serverPart, policy, imagePart] = [server, place.policy, image].map((id) => part(id, isKeyId));
  return `${prefixOf(place, region)}${serverPart}/${policy}/${isoSeconds(slot)}/${imagePart}`;
}

const KINDS_OF_OURS = ['json', 'progress', 'export'];

/** The key of a copy's data: the copy's key and the disk format. */
export function dataKeyOf(key: string, diskFormat: string | undefined): string {
  const kind = diskFormat?.replace(/[^a-z0-9]/g, '') ?? '';
  return `${key}.${kind === '' || KINDS_OF_OURS.includes(kind) ? 'img' : kind}`;
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
  const [region = '', server = '', policy, slotText, file, ...more] = key
    .slice(prefixOf(place).length)
    .split('/');
  const [, image = '', kind] = /^([\w-]+)\.([a-z0-9]+)$/.exec(file ?? '') ?? [];
  const slot = parseDate(slotText);
  const isOurs =
    isKeyName(region) && isKeyId(server) && isKeyId(image) && policy === place.policy && more.length === 0;
  return isOurs && slot && kind && isoSeconds(slot) === slotText
    ? { original: { region, server, slot, image }, kind }
    : undefined;
}

function part(text: string, isPart: (text: string) => boolean): string {
  if (!isPart(text)) throw new BucketError('FAILED', `"${text}" can't be part of the key of a copy`);
  return text;
}
