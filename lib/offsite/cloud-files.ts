import pMap from 'p-map';
import * as v from 'valibot';
import { explain, isCloudError } from '../openstack/errors.ts';
import type { Image } from '../openstack/images.ts';
import {
  type Container,
  deleteObject,
  getObject,
  type ListedObject,
  listObjects,
  putObject,
  readObject,
} from '../openstack/objects.ts';
import type { Session } from '../openstack/session.ts';
import type { Offsite } from '../policy.ts';
import { BucketError } from './bucket-error.ts';
import type { CopyStore, Stored } from './copy-store.ts';
import { abandon, memoOf } from './export.ts';
import { etagOf, nameOf } from './exported.ts';

const DATA = '.vhd';
const MEMO = memoOf('');
/** Copies whose data are listed one by one; for more, the whole container is. */
const FEW = 5;

/** What a manifest has to say for its copy's data to be deleted. */
const DataOf = v.object({
  etag: v.string(),
  segments: v.pipe(v.array(v.object({ name: v.string(), bytes: v.number(), md5: v.string() })), v.nonEmpty()),
});

/**
 * A container of Cloud Files as a store of copies. An export writes an image's data as `<image>.vhd`; here they appear
 * below the key of the copy, which is what has a manifest or is being exported: any other export is nobody's.
 */
export function containerStore(session: Session, container: Container): CopyStore {
  const store: CopyStore = {
    list: (prefix) =>
      translated(async () => {
        const named = await listObjects(session, container, prefix);
        const bases = [
          ...new Set(named.flatMap(({ name }) => /^(.*)\.(json|export)$/.exec(name)?.[1] ?? [])),
        ];
        const of = (part: string) => listObjects(session, container, part);
        const objects =
          bases.length > FEW ? await of('') : (await pMap(bases, (base) => of(nameOf(imageIn(base))))).flat();
        return [...named.filter(({ name }) => !name.endsWith(MEMO)).map(asStored), ...dataOf(bases, objects)];
      }),

    uploads: (prefix) =>
      translated(async () =>
        (await listObjects(session, container, prefix))
          .filter(({ name }) => name.endsWith(MEMO))
          .map(({ name, at }) => {
            const key = name.slice(0, -MEMO.length);
            return { key: key + DATA, id: imageIn(key), at };
          })
          .sort((a, b) => a.at.getTime() - b.at.getTime()),
      ),

    abort: ({ key, id }) =>
      translated(() => abandon({ session, container, store }, key.slice(0, -DATA.length), id)),

    readText: (key) =>
      translated(async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of await readObject(session, container, key)) chunks.push(chunk);
        return Buffer.concat(chunks).toString();
      }).catch((error: BucketError) => {
        if (error.code !== 'GONE') throw error;
        return undefined;
      }),

    put: (key, text) => translated(() => putObject(session, container, key, text)),

    delete: (key) => translated(() => deleteObject(session, container, key)),

    deleteData: ({ key, image }) =>
      translated(async () => {
        const found = v.safeParse(DataOf, parsed(await store.readText(`${key}.json`)));
        if (!found.success) {
          throw new BucketError('FAILED', `${key}.json does not say what its data are: they are left alone`);
        }
        const { etag, segments } = found.output;
        const name = nameOf(image);
        const object = await getObject(session, container, name);
        if (object && object.etag !== etag) {
          throw new BucketError('FAILED', `${name} is not what ${key}.json says: it is left alone`);
        }
        // First what makes an image of the segments, so that none that lacks some is ever taken for a copy.
        if (object) await deleteObject(session, container, name);
        for (const one of await listObjects(session, container, `${name}-`)) {
          const isIts = segments.some(
            (segment) => segment.name === one.name && segment.bytes === one.bytes && segment.md5 === one.hash,
          );
          if (isIts) await deleteObject(session, container, one.name);
        }
      }),
  };
  return store;
}

/** The containers of that name in some regions, to be listed together. */
export function containersIn(
  session: Session,
  regions: readonly string[],
  name: string,
): Pick<CopyStore, 'list'> {
  const stores = regions.map((region) => containerStore(session, { region, name }));
  return { list: async (prefix) => (await pMap(stores, (store) => store.list(prefix))).flat() };
}

/** Whether a policy's copies go to Cloud Files: at Rackspace, unless it says otherwise. */
export function isToCloudFiles(
  { provider }: Pick<Session, 'provider'>,
  { to }: Pick<Offsite, 'to'>,
): boolean {
  return provider === 'rackspace' && to !== 's3';
}

/** What may not be exported, because Rackspace answers for its license: Cloud Images FAQ. */
export function licenseOf({ properties }: Image): string | undefined {
  const options = properties['com.rackspace__1__options'];
  return options === undefined || options === '0'
    ? undefined
    : `Rackspace does not let images with its own licenses leave, such as those of Windows and Red Hat (its com.rackspace__1__options is ${options})`;
}

/** The data of those copies of which there are any; as large as their segments are, and with an ETag of theirs. */
function dataOf(bases: readonly string[], objects: readonly ListedObject[]): Stored[] {
  const byName = new Map(objects.map((object) => [object.name, object]));
  const segments = Map.groupBy(objects, ({ name }) => /^(.*)\.vhd-/.exec(name)?.[1]);
  return bases.flatMap((base) => {
    const image = imageIn(base);
    const object = byName.get(nameOf(image));
    if (!object) return [];
    const its = segments.get(image);
    return {
      ...asStored(object),
      key: base + DATA,
      ...(its ? { bytes: its.reduce((sum, { bytes }) => sum + bytes, 0), etag: etagOf(its) } : {}),
    };
  });
}

function asStored({ name, bytes, hash, at }: ListedObject): Stored {
  return { key: name, bytes, etag: hash, at };
}

function imageIn(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isCloudError(error)) throw error;
    const { code } = error;
    throw new BucketError(
      code === 'NOT_FOUND' ? 'GONE' : code === 'FORBIDDEN' || code === 'OUT_OF_TIME' ? code : 'FAILED',
      explain(error),
    );
  }
}
