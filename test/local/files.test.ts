import { createHash } from 'node:crypto';
import { describe, expect } from 'vitest';
import type { Cloud } from '../../local/cloud/cloud.ts';
import type { CloudClient } from './client.ts';
import { test } from './embedded.ts';

/** Cloud Files, which no real cloud of the tests has, as Swift's documentation describes it. */

const HOUR_MS = 3_600_000;
const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** Requests to the object store of the account; a string is sent as the body. */
function storeOf(cloud: Cloud, { token }: CloudClient, account = 'MossoCloudFS_0') {
  return async (method: string, path: string, headers: Record<string, string> = {}, data?: string) => {
    const url = `${cloud.catalogue[0]!.filesUrl}/v1/${account}${path}`;
    const body = data === undefined ? {} : { body: data };
    const answer = await fetch(url, { method, headers: { 'x-auth-token': token, ...headers }, ...body });
    const text = await answer.text();
    return { status: answer.status, text, headers: Object.fromEntries(answer.headers) };
  };
}

test('the account lists its containers, and other accounts are refused', async ({ cloud, client }) => {
  const store = storeOf(cloud, client);
  await store('PUT', '/b');
  await store('PUT', '/a');
  await store('PUT', '/a/x', {}, '12345');
  expect(await store('HEAD', '')).toMatchObject({
    status: 204,
    headers: {
      'x-account-container-count': '2',
      'x-account-object-count': '1',
      'x-account-bytes-used': '5',
    },
  });
  expect(JSON.parse((await store('GET', '?format=json')).text)).toEqual([
    { name: 'a', count: 1, bytes: 5 },
    { name: 'b', count: 0, bytes: 0 },
  ]);
  expect(await storeOf(cloud, client, 'AUTH_123456')('GET', '/a')).toMatchObject({
    status: 200,
    text: 'x\n',
  });
  expect(await storeOf(cloud, client, 'MossoCloudFS_1')('GET', '/a')).toMatchObject({ status: 403 });
});

describe('a container', () => {
  test('can be deleted once it is empty', async ({ cloud, client }) => {
    const store = storeOf(cloud, client);
    const statuses: number[] = [];
    for (const [method, path] of [
      ['DELETE', '/a'],
      ['PUT', '/a'],
      ['PUT', '/a'],
      ['PUT', '/a/x'],
      ['DELETE', '/a'],
      ['DELETE', '/a/x'],
      ['DELETE', '/a'],
      ['HEAD', '/a'],
      ['PUT', '/a/x'],
    ] as const) {
      statuses.push((await store(method, path)).status);
    }
    expect(statuses).toEqual([404, 201, 202, 201, 409, 204, 204, 404, 404]);
  });

  test('has metadata, and the number and size of its objects', async ({ cloud, client }) => {
    const store = storeOf(cloud, client);
    await store('PUT', '/a', { 'X-Container-Meta-Tier': 'gold' });
    await store('POST', '/a', { 'X-Container-Meta-Owner': 'o' });
    await store('POST', '/a', { 'X-Remove-Container-Meta-Tier': 'x' });
    await store('PUT', '/a/x', {}, '12345');
    const { headers } = await store('HEAD', '/a');
    expect(headers).toMatchObject({
      'x-container-meta-owner': 'o',
      'x-container-object-count': '1',
      'x-container-bytes-used': '5',
    });
    expect(headers).not.toHaveProperty('x-container-meta-tier');
  });

  test('lists names in the order of UTF-8, with a delimiter, between two markers, or in reverse', async ({
    cloud,
    client,
  }) => {
    const store = storeOf(cloud, client);
    await store('PUT', '/a');
    // By their UTF-16 code units, the last two would be in the other order.
    const names = ['b', 'd/1', 'd/2', 'ü', '\uff5e', '\u{1f600}'];
    for (const name of names.toReversed()) await store('PUT', `/a/${encodeURIComponent(name)}`);
    const listed = async (query: string) => (await store('GET', `/a?${query}`)).text.split('\n').slice(0, -1);
    for (const [query, found] of [
      ['', names],
      ['reverse=true', names.toReversed()],
      ['delimiter=/', ['b', 'd/', 'ü', '\uff5e', '\u{1f600}']],
      ['prefix=d/&delimiter=/', ['d/1', 'd/2']],
      ['marker=b&end_marker=d/2', ['d/1']],
      ['limit=2', ['b', 'd/1']],
      [`marker=${encodeURIComponent('\uff5e')}`, ['\u{1f600}']],
    ] as const) {
      expect(await listed(query), query).toEqual(found);
    }
    const { text } = await store('GET', '/a?format=json&delimiter=/&prefix=d');
    expect(JSON.parse(text)).toEqual([{ subdir: 'd/' }]);
    expect(await store('GET', '/a?prefix=none')).toMatchObject({ status: 204, text: '' });
  });
});

describe('an object', () => {
  test('whose bytes do not match its ETag is not stored', async ({ cloud, client }) => {
    const store = storeOf(cloud, client);
    await store('PUT', '/a');
    expect(await store('PUT', '/a/x', { etag: md5('old') }, 'old')).toMatchObject({ status: 201 });
    expect(await store('PUT', '/a/x', { etag: md5('other') }, 'new')).toMatchObject({ status: 422 });
    expect(await store('PUT', '/a/y', { etag: md5('other') }, 'new')).toMatchObject({ status: 422 });
    expect(await store('GET', '/a/x')).toMatchObject({ text: 'old', headers: { etag: md5('old') } });
    expect(await store('GET', '/a/y')).toMatchObject({ status: 404 });
  });

  test('has metadata, which POST replaces', async ({ cloud, client }) => {
    const store = storeOf(cloud, client);
    await store('PUT', '/a');
    await store('PUT', '/a/x', { 'X-Object-Meta-Tier': 'gold', 'Content-Type': 'text/plain' }, 'x');
    expect((await store('HEAD', '/a/x')).headers).toMatchObject({ 'x-object-meta-tier': 'gold' });
    expect(await store('POST', '/a/x', { 'X-Object-Meta-Owner': 'o' })).toMatchObject({ status: 202 });
    const { headers } = await store('HEAD', '/a/x');
    expect(headers).toMatchObject({ 'x-object-meta-owner': 'o', 'content-type': 'text/plain' });
    expect(headers).not.toHaveProperty('x-object-meta-tier');
  });

  test('disappears when it expires', async ({ cloud, client }) => {
    const store = storeOf(cloud, client);
    await store('PUT', '/a');
    await store('PUT', '/a/x', { 'X-Delete-After': '3600' }, 'x');
    await store('PUT', '/a/y', {}, 'y');
    const endsAt = Math.floor(cloud.now().getTime() / 1000) + 7200;
    await store('POST', '/a/y', { 'X-Delete-At': String(endsAt) });
    expect((await store('HEAD', '/a/y')).headers).toMatchObject({ 'x-delete-at': String(endsAt) });
    const statuses = async () => [(await store('GET', '/a/x')).status, (await store('HEAD', '/a/y')).status];
    expect(await statuses()).toEqual([200, 200]);
    cloud.advance(HOUR_MS);
    expect(await statuses()).toEqual([404, 200]);
    // Listings show an expired object for a while.
    expect((await store('GET', '/a')).text).toBe('x\ny\n');
    cloud.advance(2 * HOUR_MS);
    expect(await statuses()).toEqual([404, 404]);
    expect((await store('GET', '/a')).text).toBe('');
  });

  test('is copied with its metadata, by COPY or by PUT', async ({ cloud, client }) => {
    const store = storeOf(cloud, client);
    await store('PUT', '/a');
    await store('PUT', '/a/x', { 'X-Object-Meta-Tier': 'gold' }, 'data');
    const copied = await store('COPY', '/a/x', { destination: '/a/y', 'X-Object-Meta-Made': 'by-hand' });
    expect(copied).toMatchObject({ status: 201, headers: { 'x-copied-from': 'a/x', etag: md5('data') } });
    expect(await store('PUT', '/a/z', { 'X-Copy-From': '/a/x' })).toMatchObject({ status: 201 });
    expect(await store('GET', '/a/y')).toMatchObject({
      text: 'data',
      headers: { 'x-object-meta-tier': 'gold', 'x-object-meta-made': 'by-hand' },
    });
    expect(await store('GET', '/a/z')).toMatchObject({
      text: 'data',
      headers: { 'x-object-meta-tier': 'gold' },
    });
    expect(await store('COPY', '/a/x', { destination: '/none/y' })).toMatchObject({ status: 404 });
    expect(await store('PUT', '/a/z', { 'X-Copy-From': '/a/none' })).toMatchObject({ status: 404 });
    expect(await store('COPY', '/a/x', { destination: 'a' })).toMatchObject({ status: 412 });
  });

  test('supports conditional requests', async ({ cloud, client }) => {
    const store = storeOf(cloud, client);
    await store('PUT', '/a');
    await store('PUT', '/a/x', {}, 'data');
    const modified = (await store('HEAD', '/a/x')).headers['last-modified']!;
    const before = new Date(Date.parse(modified) - HOUR_MS).toUTCString();
    for (const [headers, status] of [
      [{ 'if-match': md5('data') }, 200],
      [{ 'if-match': '"other"' }, 412],
      [{ 'if-none-match': `"${md5('data')}"` }, 304],
      [{ 'if-none-match': '"other"' }, 200],
      [{ 'if-modified-since': modified }, 304],
      [{ 'if-modified-since': before }, 200],
      [{ 'if-unmodified-since': modified }, 200],
      [{ 'if-unmodified-since': before }, 412],
      [{ range: 'bytes=-2' }, 206],
      [{ range: 'bytes=4-' }, 416],
    ] as [Record<string, string>, number][]) {
      expect((await store('GET', '/a/x', headers)).status, JSON.stringify(headers)).toBe(status);
    }
    expect(await store('PUT', '/a/x', { 'if-none-match': '*' }, 'new')).toMatchObject({ status: 412 });
    expect(await store('PUT', '/a/y', { 'if-none-match': '*' }, 'new')).toMatchObject({ status: 201 });
  });
});

test('a static large object has the segments of its manifest, which are deleted with it', async ({
  cloud,
  client,
}) => {
  const store = storeOf(cloud, client);
  await store('PUT', '/a');
  for (const [name, data] of Object.entries({ s1: 'first ', s2: 'second' }))
    await store('PUT', `/a/${name}`, {}, data);
  const segment = (name: string, data: string) => ({
    path: `/a/${name}`,
    etag: md5(data),
    size_bytes: data.length,
  });
  const segments = [segment('s1', 'first '), segment('s2', 'second')];
  const put = (manifest: unknown) =>
    store(
      'PUT',
      '/a/large?multipart-manifest=put',
      {},
      typeof manifest === 'string' ? manifest : JSON.stringify(manifest),
    );
  for (const wrong of [
    '{',
    '{}',
    [],
    [segment('s3', 'third')],
    [{ ...segments[0], size_bytes: 1 }],
    [segment('s1', 'x')],
  ]) {
    expect(await put(wrong), JSON.stringify(wrong)).toMatchObject({ status: 400 });
  }
  const etag = `"${md5(md5('first ') + md5('second'))}"`;
  expect(await put(segments)).toMatchObject({ status: 201, headers: { etag } });
  expect(await store('GET', '/a/large')).toMatchObject({
    text: 'first second',
    headers: { etag, 'x-static-large-object': 'True', 'content-length': '12' },
  });
  expect(await store('GET', '/a/large', { range: 'bytes=4-8' })).toMatchObject({
    status: 206,
    text: 't sec',
  });
  expect(JSON.parse((await store('GET', '/a/large?multipart-manifest=get')).text)).toMatchObject([
    { name: '/a/s1', hash: md5('first '), bytes: 6 },
    { name: '/a/s2', hash: md5('second'), bytes: 6 },
  ]);
  expect(await store('DELETE', '/a/large?multipart-manifest=delete')).toMatchObject({ status: 200 });
  expect((await store('GET', '/a')).text).toBe('');
});
