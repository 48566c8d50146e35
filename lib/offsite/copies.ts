import { isoSeconds, parseDate } from '../config/dates.ts';
import { BucketError } from './bucket-error.ts';

/** An object of a store, as a listing or a HEAD request shows it. */
export interface Stored {
  key: string;
  bytes: number;
  /** A different value for different bytes. */
  etag: string;
  at: Date;
}

/** The unfinished data of a copy: an S3 multipart upload or an export to Cloud Files. */
export interface Upload {
  key: string;
  id: string;
  at: Date;
}

/** The deployment, account and policy that copies belong to. */
export interface CopyScope {
  owner: string;
  account: string;
  policy: string;
}

/** The snapshot that a copy was made from. */
export interface OriginalImage {
  region: string;
  server: string;
  slot: Date;
  /** The image's id. */
  image: string;
}

/**
 * One copy as a listing shows it. An object may exist although the listing lacks it; see
 * copy-state.ts.
 */
export interface Copy extends OriginalImage {
  /**
   * The key of the copy, with which the keys of all its objects start: `<key>.qcow2`, `<key>.json`,
   * `<key>.progress`.
   */
  key: string;
  data: Stored | undefined;
  /** The manifest, which is written last, after the data were verified. */
  manifest: Stored | undefined;
  /** The saved progress of the verification. */
  progress: Stored | undefined;
  /** The unfinished uploads or exports of the copy, the oldest first. */
  uploads: Upload[];
}

const ID = /^[A-Za-z0-9_-]+$/;
/**
 * The valid names of owners, accounts and regions. They may have more characters than ids, but no
 * slash, and may not consist of dots only.
 */
const NAME = /^(?!\.+$)[\w.+=@-]+$/;

/**
 * Whether `text` may be a part of a key, as the id of a server or an image, or the name of a
 * policy.
 */
export function isKeyId(text: string): boolean {
  return ID.test(text);
}

/** Whether `text` may be a part of a key, as the name of an owner, an account or a region. */
export function isKeyName(text: string): boolean {
  return NAME.test(text);
}

/**
 * The prefix of the keys of all copies that a deployment made of the images of an account; with
 * `region`, of the images in that region.
 *
 * @throws {BucketError} when a name can't be a part of a key.
 */
export function prefixOf({ owner, account }: Omit<CopyScope, 'policy'>, region?: string): string {
  const names = [owner, account, ...(region === undefined ? [] : [region])];
  return `copies/${names.map((name) => part(name, isKeyName)).join('/')}/`;
}

/**
 * The key of a copy, without a suffix:
 * `copies/<owner>/<account>/<region>/<server>/<policy>/<slot>/<image>`.
 *
 * @throws {BucketError} when an id or a name can't be a part of a key: a slash or dots would put
 *   the key into another folder.
 */
export function copyKeyOf(scope: CopyScope, { region, server, slot, image }: OriginalImage): string {
  const [serverPart, policy, imagePart] = [server, scope.policy, image].map((id) => part(id, isKeyId));
  return `${prefixOf(scope, region)}${serverPart}/${policy}/${isoSeconds(slot)}/${imagePart}`;
}

const RESERVED_SUFFIXES = ['json', 'progress', 'export'];

/** The key of a copy's data: the copy's key and the disk format. */
export function dataKeyOf(key: string, diskFormat: string | undefined): string {
  const kind = diskFormat?.replace(/[^a-z0-9]/g, '') ?? '';
  return `${key}.${kind === '' || RESERVED_SUFFIXES.includes(kind) ? 'img' : kind}`;
}

/**
 * The copies of a policy among the listed objects and uploads. Objects whose keys differ from the
 * format of {@link copyKeyOf} are ignored.
 */
export function copiesOf(scope: CopyScope, stored: readonly Stored[], uploads: readonly Upload[]): Copy[] {
  const copies = new Map<string, Copy>();
  const at = (key: string): { copy: Copy; kind: string } | undefined => {
    const { original, kind } = readKey(scope, key) ?? {};
    if (!original || !kind) return undefined;
    const base = copyKeyOf(scope, original);
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

function readKey(scope: CopyScope, key: string): { original: OriginalImage; kind: string } | undefined {
  if (!key.startsWith(prefixOf(scope))) return undefined;
  const [region = '', server = '', policy, slotText, file, ...more] = key
    .slice(prefixOf(scope).length)
    .split('/');
  const [, image = '', kind] = /^([\w-]+)\.([a-z0-9]+)$/.exec(file ?? '') ?? [];
  const slot = parseDate(slotText);
  const isValid =
    isKeyName(region) && isKeyId(server) && isKeyId(image) && policy === scope.policy && more.length === 0;
  return isValid && slot && kind && isoSeconds(slot) === slotText
    ? { original: { region, server, slot, image }, kind }
    : undefined;
}

function part(text: string, isPart: (text: string) => boolean): string {
  if (!isPart(text)) throw new BucketError('FAILED', `"${text}" can't be part of the key of a copy`);
  return text;
}
