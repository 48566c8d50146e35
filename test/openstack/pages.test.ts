import { describe, expect } from 'vitest';
import { listServers } from '../../lib/openstack/compute.ts';
import { listImages } from '../../lib/openstack/images.ts';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { connected, type Replay, receivedBy, test } from './connected.ts';

const server = (id: string, name = `web-${id}`) => ({ id, name, metadata: {}, image: { id: 'base' } });
const image = (id: string) => ({
  id,
  status: 'active',
  visibility: 'private',
  created_at: '2026-01-02T03:04:05Z',
});

/** Nova with these pages, each with its number as the marker; `next` is the target of each link. */
function novaWith(replay: Replay, pages: object[][], next: (page: number) => string | undefined): void {
  replay.app.get('/compute/servers/detail', (c) => {
    const number = Number(c.req.query('marker') ?? 0);
    const href = next(number);
    return c.json({
      servers: pages[number] ?? [],
      ...(href ? { servers_links: [{ rel: 'next', href }] } : {}),
    });
  });
}

/** Glance with the same pages. */
function glanceWith(replay: Replay, pages: object[][], next: (page: number) => string | undefined): void {
  replay.app.get('/image/v2/images', (c) => {
    const number = Number(c.req.query('marker') ?? 0);
    return c.json({ images: pages[number] ?? [], first: '/v2/images', next: next(number) });
  });
}

describe('every item of every page is listed', () => {
  const cases = [
    ['nothing', 0, 2, 1],
    ['less than a page', 1, 2, 1],
    ['exactly one page, and an empty one after it', 2, 2, 2],
    ['a page and a half', 3, 2, 2],
    ['exactly two pages, and an empty one after them', 4, 2, 3],
    ['pages of one', 3, 1, 4],
  ] as const;

  test.for(cases)('servers: %s', async ([, count, pageSize, pages], { cloud }) => {
    cloud.pageSize = pageSize;
    const ids = Array.from(
      { length: count },
      (_, i) => cloud.region('DFW').addServer({ name: `web-${i}` }).id,
    );
    const servers = await listServers(await connected(cloud), 'DFW');
    expect(servers.map(({ id }) => id)).toEqual(ids);
    expect(receivedBy(cloud, 'compute')).toHaveLength(pages);
  });

  test.for(cases)('images: %s', async ([, count, pageSize, pages], { cloud }) => {
    cloud.pageSize = pageSize;
    const owner = cloud.account.projectId;
    const ids = Array.from({ length: count }, (_, i) => {
      const createdAt = new Date(Date.UTC(2026, 0, 10 - i));
      return cloud.region('DFW').addImage({ name: 'same', owner, createdAt }).id;
    });
    const images = await listImages(await connected(cloud), 'DFW', 'same');
    expect(images.map(({ id }) => id)).toEqual(ids);
    const asked = receivedBy(cloud, 'image').map(({ query }) => query);
    const [own, hidden] = [
      `?owner=${owner}&name=same&limit=1000`,
      `?owner=${owner}&name=same&os_hidden=true&limit=1000`,
    ];
    expect(asked.filter((query) => query.startsWith(own))).toHaveLength(pages);
    expect(asked.filter((query) => query.startsWith(hidden))).toHaveLength(1);
    expect(asked).toHaveLength(pages + 1);
  });

  test('an item that moved from one page to the next counts once, as it was read last', async ({
    replay,
  }) => {
    const pages = [
      [server('1'), server('2', 'old')],
      [server('2', 'new'), server('3')],
    ];
    novaWith(replay, pages, (page) => (page < 1 ? '/servers/detail?marker=1' : undefined));
    const servers = await listServers(await replay.connect(), 'DFW');
    expect(servers.map(({ name }) => name)).toEqual(['web-1', 'new', 'web-3']);
  });
});

describe('the link to the next page', () => {
  test.for([
    ['another host', (url: string) => `${url}/v2/424242/servers/detail?limit=2&marker=1`],
    ['another scheme', (url: string) => `${url.replace('http:', 'https:')}/servers/detail?limit=2&marker=1`],
    ['no host at all', () => '/v2/424242/servers/detail?limit=2&marker=1'],
    ['nothing but a query', () => '?limit=2&marker=1'],
  ] as const)('only its query is used: %s', async ([, link], { replay, elsewhere }) => {
    elsewhere.app.get('*', (c) => c.json({ servers: [server('stolen')] }));
    novaWith(replay, [[server('1')], [server('2')]], (page) =>
      page === 0 ? link(elsewhere.url) : undefined,
    );
    const servers = await listServers(await replay.connect(), 'DFW');
    expect(servers.map(({ id }) => id)).toEqual(['1', '2']);
    expect(elsewhere.asked).toEqual([]);
    expect(replay.askedOfServices()).toMatchObject([
      { path: '/compute/servers/detail', query: 'limit=1000' },
      { path: '/compute/servers/detail', query: 'limit=2&marker=1' },
    ]);
  });

  test.for([
    ['a path from the origin', () => '/v2/images?visibility=private&marker=1'],
    ['another host', (url: string) => `${url}/v2/images?visibility=private&marker=1`],
  ] as const)('only its query is used for images: %s', async ([, link], { replay, elsewhere }) => {
    glanceWith(replay, [[image('1')], [image('2')]], (page) =>
      page === 0 ? link(elsewhere.url) : undefined,
    );
    const images = await listImages(await replay.connect(), 'DFW');
    expect(images.map(({ id }) => id)).toEqual(['1', '2']);
    expect(elsewhere.asked).toEqual([]);
    expect(replay.askedOfServices().map(({ path, query }) => `${path}?${query}`)).toEqual([
      '/image/v2/images?owner=424242&limit=1000',
      '/image/v2/images?visibility=private&marker=1',
      '/image/v2/images?owner=424242&os_hidden=true&limit=1000',
      '/image/v2/images?visibility=private&marker=1',
    ]);
  });

  test('links other than "next" are ignored', async ({ replay }) => {
    replay.app.get('/compute/servers/detail', (c) =>
      c.json({
        servers: [server('1')],
        servers_links: [{ rel: 'previous', href: '/servers/detail?marker=0' }],
      }),
    );
    await expect(listServers(await replay.connect(), 'DFW')).resolves.toHaveLength(1);
    expect(replay.askedOfServices()).toHaveLength(1);
  });

  test.for([
    ['itself', () => '?marker=1', 2],
    ['the page before', (page: number) => `?marker=${(page + 1) % 2}`, 3],
    ['the beginning', (page: number) => (page === 0 ? '?marker=1' : '?limit=1000'), 2],
  ] as const)('a link that leads back to %s is an error', async ([, next, requests], { replay }) => {
    novaWith(replay, [[server('1')], [server('2')]], next);
    await expect(listServers(await replay.connect(), 'DFW')).rejects.toMatchObject({
      name: 'CloudError',
      code: 'BAD_ANSWER',
      message: expect.stringMatching(/leads back/),
    });
    expect(replay.askedOfServices()).toHaveLength(requests);
  });

  test('a link that is not a URL is an error', async ({ replay }) => {
    novaWith(replay, [[server('1')]], () => 'http://[nowhere');
    await expect(listServers(await replay.connect(), 'DFW')).rejects.toMatchObject({
      name: 'CloudError',
      code: 'BAD_ANSWER',
    });
  });
});

describe('an incomplete listing is never returned:', () => {
  test.for<[string, FaultAnswer, string]>([
    ['is refused', answers.forbidden, 'FORBIDDEN'],
    ['is over a quota', answers.quota, 'OVER_QUOTA'],
    ['ends in the middle', 'truncate', 'BAD_ANSWER'],
    ['has no items', { status: 200, body: {} }, 'BAD_ANSWER'],
    ['is empty', { status: 200, body: '' }, 'BAD_ANSWER'],
    ['is of another kind', { status: 200, body: { images: 'none', servers: null } }, 'BAD_ANSWER'],
  ])('the second page %s', async ([, answer, code], { cloud }) => {
    cloud.pageSize = 1;
    const owner = cloud.account.projectId;
    for (const name of ['1', '2']) {
      cloud.region('DFW').addServer({ name });
      cloud.region('DFW').addImage({ name, owner });
    }
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', skip: 1, answer }, { service: 'image', skip: 1, answer });
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ name: 'CloudError', code });
    await expect(listImages(session, 'DFW')).rejects.toMatchObject({ name: 'CloudError', code });
    expect(receivedBy(cloud, 'compute')).toHaveLength(2);
    expect(receivedBy(cloud, 'image')).toHaveLength(2);
  });

  const GONE: [string, { status: number; body: object }, string][] = [
    ['400', { status: 400, body: { badRequest: { message: 'marker [1] not found' } } }, 'BAD_REQUEST'],
    ['404', { status: 404, body: { itemNotFound: { message: 'Gone.' } } }, 'NOT_FOUND'],
  ];

  test.for(GONE)(
    'if the last item of a page was deleted (%s), the listing begins again',
    async ([, answer], { cloud }) => {
      cloud.pageSize = 1;
      for (const name of ['1', '2', '3']) cloud.region('DFW').addServer({ name });
      const session = await connected(cloud);
      cloud.faults.push({
        service: 'compute',
        skip: 1,
        answer: {
          edit: () => {
            cloud.region('DFW').servers.shift();
            return Response.json(answer.body, { status: answer.status });
          },
        },
      });
      const names = (await listServers(session, 'DFW')).map(({ name }) => name);
      expect(names.sort()).toEqual(['2', '3']);
    },
  );

  test.for(GONE)('the listing begins again only once (%s)', async ([, answer, code], { cloud }) => {
    cloud.pageSize = 1;
    for (const name of ['1', '2']) cloud.region('DFW').addServer({ name });
    const session = await connected(cloud);
    cloud.faults.push({
      service: 'compute',
      when: (c) => c.req.query('marker') !== undefined,
      times: Number.POSITIVE_INFINITY,
      answer,
    });
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ name: 'CloudError', code });
    expect(receivedBy(cloud, 'compute')).toHaveLength(4);
  });

  test.for<[string, object, string]>([
    ['no id', { name: 'web' }, 'servers.1.id'],
    ['an empty id', { ...server(''), name: 'web' }, 'servers.1.id'],
    ['no name', { id: '2' }, 'servers.1.name'],
    ['metadata that are no texts', { ...server('2'), metadata: { a: 1 } }, 'servers.1.metadata.a'],
  ])('a server with %s', async ([, item, path], { replay }) => {
    novaWith(replay, [[server('1'), item]], () => undefined);
    await expect(listServers(await replay.connect(), 'DFW')).rejects.toMatchObject({
      code: 'BAD_ANSWER',
      message: `The compute answer of DFW to /servers/detail can't be read: ${path}.`,
    });
  });

  test.for<[string, object, string]>([
    ['no status', { ...image('2'), status: undefined }, 'images.1.status'],
    ['no date', { ...image('2'), created_at: undefined }, 'images.1.created_at'],
    ['a date that is none', { ...image('2'), created_at: 'yesterday' }, 'images.1.created_at'],
    ['a protection that is neither', { ...image('2'), protected: 'maybe' }, 'images.1.protected'],
  ])('an image with %s', async ([, item, path], { replay }) => {
    glanceWith(replay, [[image('1'), item]], () => undefined);
    await expect(listImages(await replay.connect(), 'DFW')).rejects.toMatchObject({
      code: 'BAD_ANSWER',
      message: `The image answer of DFW to /images can't be read: ${path}.`,
    });
  });
});
