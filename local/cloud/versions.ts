import type { Context, Hono } from 'hono';
import type { Env } from './faults.ts';
import { HIGHEST } from './microversions.ts';

/** The version documents of each service. They need no token, and clients read them first. */

const originOf = (c: Context<Env>) => new URL(c.req.url).origin;
const self = (c: Context<Env>, path: string) => ({ rel: 'self', href: `${originOf(c)}${path}` });
const describedBy = { rel: 'describedby', type: 'text/html', href: 'https://docs.openstack.org/' };
const media = (type: string, version: string) => ({
  base: 'application/json',
  type: `application/vnd.openstack.${type}+json;version=${version}`,
});

/** Nova 26: api-ref/source/versions.inc. */
export function addComputeVersions(app: Hono<Env>): void {
  const old = (c: Context<Env>) => ({
    id: 'v2.0',
    status: 'SUPPORTED',
    version: '',
    min_version: '',
    updated: '2011-01-21T11:33:21Z',
    links: [self(c, '/v2/')],
  });
  const current = (c: Context<Env>) => ({
    id: 'v2.1',
    status: 'CURRENT',
    version: HIGHEST.compute,
    min_version: '2.1',
    updated: '2013-07-23T11:33:21Z',
    links: [self(c, '/v2.1/')],
  });
  app.get('/', (c) => c.json({ versions: [old(c), current(c)] }));
  app.on('GET', ['/v2', '/v2/'], (c) => c.json({ version: old(c) }));
  app.on('GET', ['/v2.1', '/v2.1/'], (c) =>
    c.json({
      version: {
        ...current(c),
        links: [self(c, '/v2.1/'), describedBy],
        'media-types': [media('compute', '2.1')],
      },
    }),
  );
}

/** Glance 25: api-ref/source/versions/versions.inc. */
export function addImageVersions(app: Hono<Env>): void {
  app.on('GET', ['/', '/versions'], (c) => {
    const minors = [15, 9, 7, 6, 5, 4, 3, 2, 1, 0];
    const versions = minors.map((minor, i) => ({
      id: `v2.${minor}`,
      status: i === 0 ? 'CURRENT' : 'SUPPORTED',
      links: [self(c, '/v2/')],
    }));
    return c.json({ versions }, c.req.path === '/' ? 300 : 200);
  });
}

/** Cinder 21: api-ref/source/v3/api-versions.inc. Everything below /v3/ requires a token. */
export function addVolumeVersions(app: Hono<Env>): void {
  const versions = (c: Context<Env>) => [
    {
      id: 'v3.0',
      status: 'CURRENT',
      version: HIGHEST.volume,
      min_version: '3.0',
      updated: '2022-08-31T00:00:00Z',
      links: [describedBy, self(c, '/v3/')],
      'media-types': [media('volume', '3')],
    },
  ];
  app.get('/', (c) => c.json({ versions: versions(c) }, 300));
  app.get('/v3/', (c) => c.json({ versions: versions(c) }));
}
