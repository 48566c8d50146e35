import { describe, expect } from 'vitest';
import {
  type Container,
  deleteObject,
  getObject,
  listObjects,
  putObject,
  readObject,
} from '../../lib/openstack/objects.ts';
import type { Session } from '../../lib/openstack/session.ts';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { connected, receivedBy, test } from './connected.ts';

const CONTAINER: Container = { region: 'DFW', name: 'exports' };

function fill(cloud: Cloud, names: string[]): void {
  const { files } = cloud.region('DFW');
  files.containers.set(CONTAINER.name, new Map());
  for (const name of names) files.put(CONTAINER.name, name, Buffer.from(name));
}

async function textOf(session: Session, name: string, part = {}): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of await readObject(session, CONTAINER, name, part)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** A large object of three segments. */
function addLarge(cloud: Cloud): void {
  fill(cloud, []);
  const { files } = cloud.region('DFW');
  for (const [i, text] of ['abcd', 'efgh', 'ij'].entries()) {
    files.put(CONTAINER.name, `big-${i}`, Buffer.from(text));
  }
  files.put(CONTAINER.name, 'big', Buffer.alloc(0), { manifest: 'exports/big-' });
}

describe('a listing', () => {
  test('has all pages, and only names with the prefix', async ({ cloud }) => {
    const names = Array.from({ length: 25 }, (_, i) => `a/${String(i).padStart(2, '0')}: x?`);
    fill(cloud, [...names, 'b']);
    cloud.pageSize = 10;
    const found = await listObjects(await connected(cloud), CONTAINER, 'a/');
    expect(found.map(({ name }) => name)).toEqual(names);
    expect(found[0]).toMatchObject({ bytes: 8, hash: expect.stringMatching(/^[0-9a-f]{32}$/) });
    expect(Math.abs(found[0]!.at.getTime() - Date.now())).toBeLessThan(60_000);
  });

  test('is empty if the container does not exist', async ({ cloud }) => {
    expect(await listObjects(await connected(cloud), CONTAINER, '')).toEqual([]);
  });

  test('is complete or an error', async ({ cloud }) => {
    fill(cloud, ['a', 'b', 'c']);
    cloud.pageSize = 2;
    const session = await connected(cloud);
    for (const status of [403, 404]) {
      cloud.faults.push({ service: 'object-store', skip: 1, answer: { status, body: 'no' } });
      await expect(listObjects(session, CONTAINER, '')).rejects.toMatchObject({ status });
    }
  });

  test.for<[string, unknown]>([
    ['names nothing', [{ bytes: 1 }]],
    ['is none', { objects: [] }],
    ['has no date', [{ name: 'a', bytes: 1, hash: 'h', last_modified: 'yesterday' }]],
  ])('causes an error if it %s', async ([, body], { cloud }) => {
    cloud.faults.push({ service: 'object-store', answer: { status: 200, body } });
    await expect(listObjects(await connected(cloud), CONTAINER, '')).rejects.toMatchObject({
      code: 'BAD_ANSWER',
    });
  });

  test('causes an error if its links form a circle', async ({ cloud }) => {
    const body = [{ name: 'a', bytes: 1, hash: 'h', last_modified: '2014-02-28T21:33:46.414840' }];
    cloud.faults.push({ service: 'object-store', times: 9, answer: { status: 200, body } });
    await expect(listObjects(await connected(cloud), CONTAINER, '')).rejects.toThrow('leads back');
  });
});

describe('an object', () => {
  test('is written, read, and deleted, also twice', async ({ cloud }) => {
    const session = await connected(cloud);
    await putObject(session, CONTAINER, 'a/b c', '{"ä": 1}');
    expect(await textOf(session, 'a/b c')).toBe('{"ä": 1}');
    expect(await getObject(session, CONTAINER, 'a/b c')).toMatchObject({ bytes: 9, segments: undefined });
    await deleteObject(session, CONTAINER, 'a/b c');
    await deleteObject(session, CONTAINER, 'a/b c');
    expect(await getObject(session, CONTAINER, 'a/b c')).toBeUndefined();
    await expect(readObject(session, CONTAINER, 'a/b c')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('is written only by an admin', async ({ cloud }) => {
    cloud.account.role = 'creator';
    await expect(putObject(await connected(cloud), CONTAINER, 'a', '1')).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
  });

  test('is one object if it has many segments, with an ETag computed from theirs', async ({ cloud }) => {
    addLarge(cloud);
    const session = await connected(cloud);
    const facts = await getObject(session, CONTAINER, 'big');
    expect(facts).toMatchObject({ bytes: 10, segments: 'exports/big-' });
    expect(facts?.etag).toMatch(/^[0-9a-f]{32}$/);
    expect(await textOf(session, 'big')).toBe('abcdefghij');
    expect((await listObjects(session, CONTAINER, 'big'))[0]).toMatchObject({ name: 'big', bytes: 0 });
  });

  test.for<[object, string]>([
    [{ from: 3 }, 'defghij'],
    [{ from: 3, count: 3 }, 'def'],
    [{ from: 9, count: 1 }, 'j'],
    [{ count: 4 }, 'abcd'],
  ])('is read in part: %j', async ([part, text], { cloud }) => {
    addLarge(cloud);
    expect(await textOf(await connected(cloud), 'big', part)).toBe(text);
  });

  test.for<[string, FaultAnswer]>([
    ['the whole', { status: 200, body: 'abc' }],
    ['another part', { status: 206, headers: { 'content-range': 'bytes 0-9/10' }, body: 'abc' }],
  ])('is an error if %s is sent instead', async ([, answer], { cloud }) => {
    addLarge(cloud);
    cloud.faults.push({ service: 'object-store', answer });
    await expect(readObject(await connected(cloud), CONTAINER, 'big', { from: 3 })).rejects.toMatchObject({
      code: 'BAD_ANSWER',
    });
  });

  test('causes an error if its headers are invalid', async ({ cloud }) => {
    cloud.faults.push({ service: 'object-store', answer: { status: 200, body: '' } });
    await expect(getObject(await connected(cloud), CONTAINER, 'a')).rejects.toMatchObject({
      code: 'BAD_ANSWER',
    });
  });
});

test('the token is sent only to the address in the catalogue', async ({ cloud }) => {
  cloud.faults.push({
    service: 'object-store',
    answer: { status: 302, headers: { location: 'https://elsewhere.invalid/' }, body: '' },
  });
  await expect(getObject(await connected(cloud), CONTAINER, 'a')).rejects.toMatchObject({
    code: 'BAD_ANSWER',
  });
  expect(receivedBy(cloud, 'object-store').map(({ path }) => path)).toEqual(['/v1/MossoCloudFS_0/exports/a']);
});

test('a request that failed temporarily is repeated', async ({ cloud }) => {
  fill(cloud, ['a']);
  cloud.faults.push({ service: 'object-store', answer: answers.unavailable });
  expect(await listObjects(await connected(cloud), CONTAINER, '')).toHaveLength(1);
});
