import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { containerStore } from '../../lib/offsite/cloud-files.ts';
import { type Copy, copiesOf, keyOf, type Place } from '../../lib/offsite/copies.ts';
import type { CopyStore } from '../../lib/offsite/copy-store.ts';
import { etagOf } from '../../lib/offsite/exported.ts';
import { type Cloud, startCloud } from '../../local/cloud.ts';
import type { Files } from '../../local/files.ts';
import { connected } from '../openstack/connected.ts';

const PLACE: Place = { owner: 'autosnap-test', account: 'rackspace', policy: 'daily' };
const ORIGINAL = { region: 'DFW', server: 's1', slot: new Date('2026-11-22T00:00:00Z'), image: 'i1' };
const KEY = keyOf(PLACE, ORIGINAL);
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
    etag: etagOf(segments),
    segments: segments.map(({ name, bytes, hash }) => ({ name, bytes, md5: hash })),
  };
  put(`${KEY}.json`, JSON.stringify(manifest));
}

async function copies(): Promise<Copy[]> {
  return copiesOf(PLACE, await store.list('copies/'), await store.uploads('copies/'));
}

const theCopy = async () => (await copies())[0]!;

describe('a container', () => {
  test('shows the data of a copy below its key, with the size and ETag of its segments', async () => {
    addCopy();
    const copy = await theCopy();
    expect(copy).toMatchObject({ ...ORIGINAL, uploads: [], data: { key: `${KEY}.vhd`, bytes: 10 } });
    expect(copy.data?.etag).toBe(files.get(CONTAINER, 'i1.vhd')?.hash);
  });

  test("shows what is being exported as unfinished, and an export without either as nobody's", async () => {
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

  test('that is not there is empty, and is made by what is put into it', async () => {
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
  test('takes all of them, and leaves the manifest', async () => {
    addCopy();
    await store.deleteData(await theCopy());
    expect(names()).toEqual([`${KEY}.json`]);
  });

  test.each([
    ['another size', 'ABCDEF'],
    ['other bytes', 'ABCD'],
  ])('leaves an export whose segment has %s, as another export would have', async (_, text) => {
    addCopy();
    put('i1.vhd-00001', text);
    const before = names();
    await expect(store.deleteData(await theCopy())).rejects.toThrow('i1.vhd is not what');
    expect(names()).toEqual(before);
    // What is left of an export that is no image any more: only what the manifest names goes.
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
  ])('is refused when the manifest %s', async (_, text) => {
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
])('a %d is %s, in words', async (status, code, words) => {
  cloud.faults.push({ service: 'object-store', times: 9, answer: { status, body: 'no' } });
  await expect(store.list('copies/')).rejects.toMatchObject({
    code,
    message: expect.stringContaining(words),
  });
});
