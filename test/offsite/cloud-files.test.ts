import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { containerStore } from '../../lib/offsite/cloud-files.ts';
import { type CopyScope, copiesOf, copyKeyOf } from '../../lib/offsite/copies.ts';
import { type CheckedCopy, checkAgain, checkCopy } from '../../lib/offsite/copy-state.ts';
import type { CopyStore } from '../../lib/offsite/copy-store.ts';
import { etagOf } from '../../lib/offsite/export-integrity.ts';
import { type Cloud, startCloud } from '../../local/cloud/cloud.ts';
import type { Files } from '../../local/cloud/files.ts';
import { connected } from '../openstack/connected.ts';

const PLACE: CopyScope = { owner: 'autosnap-test', account: 'rackspace', policy: 'daily' };
const ORIGINAL = { region: 'DFW', server: 's1', slot: new Date('2026-11-22T00:00:00Z'), image: 'i1' };
const KEY = copyKeyOf(PLACE, ORIGINAL);
const CONTAINER = 'exports';

let cloud: Cloud;
let files: Files;
let store: CopyStore;

beforeEach(async () => {
  cloud = await startCloud({ regions: ['DFW'] });
  onTestFinished(() => cloud.close());
  files = cloud.region('DFW').files;
  files.containers.set(CONTAINER, new Map());
  store = containerStore(await connected(cloud), { region: 'DFW', name: CONTAINER });
});

const put = (name: string, text: string) => files.put(CONTAINER, name, Buffer.from(text))!;
const names = () => files.list(CONTAINER)!.map(({ name }) => name);

/** An export of three segments, with the manifest of a copy. */
function addCopy(): void {
  const segments = ['abcd', 'efgh', 'ij'].map((text, i) => put(`i1.vhd-0000${i + 1}`, text));
  files.put(CONTAINER, 'i1.vhd', Buffer.alloc(0), { manifest: `${CONTAINER}/i1.vhd-` });
  const manifest = {
    ...PLACE,
    ...ORIGINAL,
    slot: '2026-11-22T00:00:00Z',
    disk_format: 'vhd',
    sizeBytes: 10,
    etag: etagOf(segments),
    segments: segments.map(({ name, bytes, hash }) => ({ name, bytes, md5: hash })),
  };
  put(`${KEY}.json`, JSON.stringify(manifest));
}

async function copies(): Promise<CheckedCopy[]> {
  const listed = copiesOf(PLACE, await store.list('copies/'), await store.uploads('copies/'));
  return Promise.all(listed.map((copy) => checkCopy(store, PLACE, copy)));
}

const theCopy = async () => (await copies())[0]!;

/** Lists the container without some objects, as Swift does when a listing lags. */
function leaveOut(path: RegExp, times = 99): void {
  const edit = async (answer: Response) => {
    const objects = (await answer.json()) as { name: string }[];
    return Response.json(objects.filter(({ name }) => !path.test(name)));
  };
  const when = (c: { req: { query(name: string): string | undefined } }) => c.req.query('format') === 'json';
  cloud.faults.push({ service: 'object-store', method: 'GET', when, times, answer: { edit } });
}

describe('a container', () => {
  test('shows the data of a copy under its key, with the size and ETag of its segments', async () => {
    addCopy();
    const copy = await theCopy();
    expect(copy).toMatchObject({
      ...ORIGINAL,
      state: 'good',
      uploads: [],
      data: { key: `${KEY}.vhd`, bytes: 10 },
    });
    expect(copy.data?.etag).toBe(files.get(CONTAINER, 'i1.vhd')?.hash);
  });

  test.each([
    ['is there, and its data are', () => {}, 'good'],
    ['is there, and its large object is gone', () => files.delete(CONTAINER, 'i1.vhd'), 'disputed'],
    ['is gone', () => files.delete(CONTAINER, `${KEY}.json`), 'unfinished'],
    ['is of other data', () => put('i1.vhd-00003', 'xy'), 'disputed'],
    ['can not be read', () => put(`${KEY}.json`, '{'), 'disputed'],
  ])('a copy whose manifest %s has this state, whatever the listing shows', async (_, change, state) => {
    addCopy();
    const [copy] = copiesOf(PLACE, await store.list('copies/'), []);
    change();
    const hidden = { ...copy!, manifest: undefined };
    expect((await checkCopy(store, PLACE, copy!)).state).toBe(state);
    expect((await checkCopy(store, PLACE, hidden)).state).toBe(state);
    expect((await checkAgain(store, PLACE, copy!)).state).toBe(state);
  });

  test('shows running exports as unfinished, and ignores exports without a record', async () => {
    addCopy();
    files.delete(CONTAINER, `${KEY}.json`);
    expect(await copies()).toEqual([]);
    put(`${KEY}.export`, '{}');
    expect(await theCopy()).toMatchObject({
      manifest: undefined,
      data: { bytes: 10 },
      uploads: [{ key: `${KEY}.vhd`, id: 'i1' }],
    });
  });

  test('that does not exist is empty, and is created by the first object', async () => {
    files.containers.clear();
    expect(await copies()).toEqual([]);
    expect(await store.readText('x')).toBeUndefined();
    await store.put('x', '1');
    expect(await store.readText('x')).toBe('1');
    await store.delete('x');
    expect(names()).toEqual([]);
  });
});

describe("the deletion of a copy's data", () => {
  test('deletes all of them, and leaves the manifest', async () => {
    addCopy();
    await store.deleteData(await theCopy());
    expect(names()).toEqual([`${KEY}.json`]);
  });

  test('deletes all of them even if a listing lacks some', async () => {
    addCopy();
    const copy = await theCopy();
    leaveOut(/vhd-00002/);
    await store.deleteData(copy);
    expect(names()).toEqual([`${KEY}.json`]);
  });

  test('deletes nothing but segments of its image, whatever the manifest names', async () => {
    addCopy();
    const other = put('i2.vhd-00001', 'abcd');
    const manifest = JSON.parse(String(files.get(CONTAINER, `${KEY}.json`)!.read(0, 9_999)));
    const segments = ['i2.vhd-00001', '../other/i1.vhd-00001'].map((name) => ({
      name,
      bytes: 4,
      md5: other.hash,
    }));
    put(`${KEY}.json`, JSON.stringify({ ...manifest, segments: [...manifest.segments, ...segments] }));
    await store.deleteData(await theCopy());
    expect(names()).toEqual([`${KEY}.json`, 'i2.vhd-00001']);
  });

  test.each([
    ['another size', 'ABCDEF'],
    ['other bytes', 'ABCD'],
  ])('keeps an export whose segment has %s, as another export would', async (_, text) => {
    addCopy();
    put('i1.vhd-00001', text);
    const before = names();
    await expect(store.deleteData(await theCopy())).rejects.toThrow('i1.vhd is not what');
    expect(names()).toEqual(before);
    // The rest of an export whose image was deleted: only objects that the manifest names are
    // deleted.
    files.delete(CONTAINER, 'i1.vhd');
    put('i1.vhd-00004', 'theirs');
    await store.deleteData(await theCopy());
    expect(names()).toEqual([`${KEY}.json`, 'i1.vhd-00001', 'i1.vhd-00004']);
  });

  test.each([
    ['is gone', undefined],
    ['is no JSON', '{'],
    ['names no segments', '{"etag": "x", "segments": []}'],
    ['names no ETag', '{"segments": [{"name": "i1.vhd-00001", "bytes": 4, "md5": "x"}]}'],
  ])('is refused if the manifest %s', async (_, text) => {
    addCopy();
    const copy = await theCopy();
    if (text === undefined) files.delete(CONTAINER, `${KEY}.json`);
    else put(`${KEY}.json`, text);
    const before = names();
    await expect(store.deleteData(copy)).rejects.toThrow('does not say what its data are');
    expect(names()).toEqual(before);
  });
});

test.each([
  [403, 'FORBIDDEN', 'object-store:admin'],
  [400, 'FAILED', '400'],
])('a %d is %s, as text', async (status, code, words) => {
  cloud.faults.push({ service: 'object-store', times: 9, answer: { status, body: 'no' } });
  await expect(store.list('copies/')).rejects.toMatchObject({
    code,
    message: expect.stringContaining(words),
  });
});
