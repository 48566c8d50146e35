import { expect } from 'vitest';
import type { CloudClient, Exchange } from './client.ts';

/** Requests and mistakes of other clients, with the answers that every cloud gives. */

const NOWHERE = '9a4f0d3e-0000-4000-8000-000000000001';
const OCTETS = { 'content-type': 'application/octet-stream' };
const compute = (version: string) => ({ 'openstack-api-version': `compute ${version}` });

const bad = (message: RegExp) => ({
  status: 400,
  body: { badRequest: { code: 400, message: expect.stringMatching(message) } },
});
const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`key-${n}`, 'x'] as const));

/** The error of both createImage and POST /servers for invalid metadata. */
const WRONG_METADATA: [metadata: unknown, refusal: object][] = [
  [[], bad(/field\/attribute metadata\. Value: \[\]\. \[\] is not of type 'object'/)],
  [null, bad(/field\/attribute metadata\. Value: None\. None is not of type 'object'/)],
  [{ k: 5 }, bad(/field\/attribute k\. Value: 5\. 5 is not of type 'string'/)],
  [{ k: 'x'.repeat(256) }, bad(/field\/attribute k\. .*'x+' is too long/)],
  [{ 'a/b': 'x' }, bad(/'a\/b' does not match any of the regexes/)],
];

const LOGINS: Exchange[] = [
  [
    'Keystone lists its versions, and accepts users and projects by ids or names',
    async (cloud) => {
      expect(await cloud.identity('GET', '/')).toMatchObject({
        status: 300,
        body: { versions: { values: [{ id: expect.stringMatching(/^v3\./), status: 'stable' }] } },
      });
      const found = await cloud.identity('GET', '');
      expect(found).toMatchObject({ status: 200, body: { version: { id: expect.stringMatching(/^v3\./) } } });
      expect(found.body.version.links[0].href).toMatch(/\/v3\/$/);
      for (const auth of [cloud.authById, cloud.authByName]) {
        const { status, body, headers } = await cloud.identity('POST', '/auth/tokens', { auth });
        expect(status).toBe(201);
        expect(headers.get('x-subject-token')).toMatch(/./);
        expect(body.token).toMatchObject({
          methods: ['password'],
          user: { id: cloud.authById.identity.password.user.id, domain: { id: expect.any(String) } },
          project: { id: cloud.project, domain: { id: expect.any(String) } },
          issued_at: expect.stringMatching(/T[\d:]+\.\d{6}Z$/),
          expires_at: expect.stringMatching(/T[\d:]+\.\d{6}Z$/),
        });
        const types = body.token.catalog.map(({ type }: { type: string }) => type);
        expect(types).toEqual(expect.arrayContaining(['identity', 'compute', 'image']));
      }
    },
  ],
  [
    'Keystone refuses invalid requests, and names the problem',
    async (cloud) => {
      const { identity, scope } = cloud.authById;
      const { user } = identity.password;
      const withUser = (change: object) => ({
        scope,
        identity: { ...identity, password: { user: { ...user, ...change } } },
      });
      for (const auth of [
        withUser({ password: 'x' }),
        withUser({ id: NOWHERE }),
        { identity, scope: { project: { id: NOWHERE } } },
      ]) {
        const { status, body, headers } = await cloud.identity('POST', '/auth/tokens', { auth });
        expect({ status, body }, JSON.stringify(auth)).toMatchObject({
          status: 401,
          body: {
            error: { code: 401, title: 'Unauthorized', message: expect.stringMatching(/authentication/) },
          },
        });
        expect(headers.get('www-authenticate')).toMatch(/^Keystone uri="http/);
      }
      for (const [json, message] of [
        ['{', /^Expecting to find/],
        ['', /^Expecting to find/],
        [{ auth: {} }, /'identity' is a required property/],
      ] as const) {
        expect(await cloud.identity('POST', '/auth/tokens', json)).toMatchObject({
          status: 400,
          body: { error: { code: 400, title: 'Bad Request', message: expect.stringMatching(message) } },
        });
      }
    },
  ],
  [
    'Nova and Glance list their versions without a token, and answer nothing else without one',
    async (cloud) => {
      const { status, body } = await cloud.version('compute');
      expect(status).toBe(200);
      expect(body.versions).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ id: 'v2.1', status: 'CURRENT', min_version: '2.1' }),
        ]),
      );
      expect(await cloud.version('compute', '/v2.1')).toMatchObject({
        status: 200,
        body: { version: { id: 'v2.1', version: expect.stringMatching(/^2\.\d+$/) } },
      });
      const glance = await cloud.version('image');
      expect(glance.status).toBe(300);
      expect(glance.body.versions[0]).toMatchObject({
        status: 'CURRENT',
        id: expect.stringMatching(/^v2\./),
      });
      expect(await cloud.version('compute', '/v2.1/servers')).toMatchObject({
        status: 401,
        body: {
          error: { code: 401, title: 'Unauthorized', message: expect.stringMatching(/authentication/) },
        },
      });
      expect(await cloud.version('image', '/v2/images')).toMatchObject({
        status: 401,
        body: { code: '401 Unauthorized' },
      });
    },
  ],
];

const MICROVERSIONS: Exchange[] = [
  [
    'Nova answers in the requested microversion, and refuses unsupported ones',
    async (cloud) => {
      const get = (headers: Record<string, string>) =>
        cloud.send('compute', 'GET', '/servers', undefined, headers);
      const named = (answer: { headers: Headers }) => [
        answer.headers.get('openstack-api-version'),
        answer.headers.get('x-openstack-nova-api-version'),
      ];
      expect(named(await get({}))).toEqual(['compute 2.1', '2.1']);
      expect(named(await get(compute('2.37')))).toEqual(['compute 2.37', '2.37']);
      const old = await get({ 'x-openstack-nova-api-version': '2.45' });
      expect(named(old)).toEqual(['compute 2.45', '2.45']);
      expect(named(await get({ 'openstack-api-version': 'volume 3.44' }))).toEqual(['compute 2.1', '2.1']);
      const message =
        /^Version 2\.999 is not supported by the API\. Minimum is 2\.1 and maximum is 2\.\d+\.$/;
      expect(await get(compute('2.999'))).toMatchObject({
        status: 406,
        body: { computeFault: { code: 406, message: expect.stringMatching(message) } },
      });
      expect(await get(compute('x'))).toMatchObject(bad(/^API Version String x is of invalid format/));
    },
  ],
  [
    'from 2.36 on Nova has no image API, from 2.37 on networks are required, from 2.45 on createImage returns the id in the body',
    async (cloud) => {
      const server = await cloud.makeServer('a');
      const { status } = await cloud.send('compute', 'GET', '/images', undefined, compute('2.36'));
      expect(status).toBe(404);
      expect(await cloud.send('compute', 'GET', '/images/detail')).toMatchObject({ status: 200 });
      const wanted = { name: 'b', imageRef: cloud.imageRef, flavorRef: cloud.flavorRef };
      const post = (json: object) =>
        cloud.send('compute', 'POST', '/servers', { server: json }, compute('2.37'));
      expect(await post(wanted)).toMatchObject(bad(/'networks' is a required property/));
      const path = `/servers/${server}/action`;
      const asked = { createImage: { name: 'a-daily' } };
      const made = await cloud.send('compute', 'POST', path, asked, compute('2.45'));
      expect(made).toMatchObject({ status: 202, location: null, body: { image_id: expect.any(String) } });
      cloud.noteImage(made.body.image_id);
      await cloud.reach(server, 'ACTIVE');
      const shown = async (version: string) =>
        (await cloud.send('compute', 'GET', `/servers/${server}`, undefined, compute(version))).body.server;
      expect(await shown('2.1')).toMatchObject({ flavor: { id: cloud.flavorRef } });
      expect(await shown('2.1')).not.toHaveProperty('locked');
      expect(await shown('2.47')).toMatchObject({
        flavor: { vcpus: expect.any(Number), original_name: expect.any(String) },
        locked: false,
      });
    },
  ],
];

const STRICT: Exchange[] = [
  [
    'createImage accepts only what its schema allows',
    async (cloud) => {
      const server = await cloud.makeServer('a');
      const image = (more: object) => ({ createImage: { name: 'n', ...more } });
      const refused: [json: object, refusal: object][] = [
        [
          { createImage: null },
          bad(/field\/attribute createImage\. Value: None\. None is not of type 'object'/),
        ],
        [{ createImage: {} }, bad(/'name' is a required property/)],
        [image({ name: 'n'.repeat(256) }), bad(/field\/attribute name\. .*'n+' is too long/)],
        [image({ name: '' }), bad(/'' is too short/)],
        [image({ name: ' n' }), bad(/^An invalid 'name' value was provided/)],
        [image({ bogus: 1 }), bad(/Additional properties are not allowed \('bogus' was unexpected\)/)],
        ...WRONG_METADATA.map(([metadata, refusal]): [object, object] => [image({ metadata }), refusal]),
        [
          image({ metadata: { owner: 'x' } }),
          { status: 403, body: { forbidden: { message: expect.stringMatching(/create images owned by/) } } },
        ],
        [
          image({ metadata: many(129) }),
          { status: 403, body: { forbidden: { code: 403, message: 'Image metadata limit exceeded' } } },
        ],
        [{ createImages: {} }, bad(/^There is no such action: createImages$/)],
      ];
      for (const [json, refusal] of refused) {
        expect(await cloud.action(server, json), JSON.stringify(json)).toMatchObject(refusal);
      }
      expect(await cloud.makeImage(server, 'most', many(110))).toMatchObject({ 'key-109': 'x' });
    },
  ],
  [
    'POST /servers accepts only what its schema allows',
    async (cloud) => {
      const wanted = { name: 'n', imageRef: cloud.imageRef, flavorRef: cloud.flavorRef, networks: 'none' };
      const { name: _, ...nameless } = wanted;
      const { flavorRef: __, ...flavorless } = wanted;
      const refused: [server: unknown, refusal: object][] = [
        [null, bad(/None is not of type 'object'/)],
        [nameless, bad(/'name' is a required property/)],
        [flavorless, bad(/'flavorRef' is a required property/)],
        [{ ...wanted, name: 'n'.repeat(256) }, bad(/'n+' is too long/)],
        [{ ...wanted, bogus: 1 }, bad(/Additional properties are not allowed \('bogus' was unexpected\)/)],
        ...WRONG_METADATA.map(([metadata, refusal]): [object, object] => [{ ...wanted, metadata }, refusal]),
        [
          { ...wanted, metadata: many(129) },
          { status: 403, body: { forbidden: { message: 'Maximum number of metadata items exceeds 128' } } },
        ],
      ];
      for (const [server, refusal] of refused) {
        const answer = await cloud.send('compute', 'POST', '/servers', { server }, compute('2.37'));
        expect(answer, JSON.stringify(server)).toMatchObject(refusal);
      }
    },
  ],
  [
    'a body that is not JSON is answered with 400, in the form of the service',
    async (cloud) => {
      const server = await cloud.makeServer('a');
      const { id } = await cloud.makeEmptyImage();
      for (const text of ['{', '', '[]']) {
        for (const path of ['/servers', `/servers/${server}/action`]) {
          expect(await cloud.send('compute', 'POST', path, text), `${path} ${text}`).toMatchObject({
            status: 400,
            body: { badRequest: { code: 400 } },
          });
        }
      }
      for (const [method, path, type] of [
        ['POST', '/images', 'application/json'],
        ['PATCH', `/images/${id}`, 'application/openstack-images-v2.1-json-patch'],
      ] as const) {
        expect(await cloud.send('image', method, path, '{', { 'content-type': type })).toMatchObject({
          status: 400,
          body: {
            code: '400 Bad Request',
            message: expect.stringMatching(/^Malformed JSON in request body/),
          },
        });
      }
    },
  ],
];

const SERVER_LISTS: Exchange[] = [
  [
    'servers are listed newest first, and filtered by name, status, and time of change',
    async (cloud) => {
      const a = await cloud.makeServer('list-a');
      const before: string = (await cloud.server(a)).updated;
      // Nova's times are in seconds, and servers of the same second may have any order.
      await cloud.until(async () => cloud.now().getTime() - Date.parse(before) > 2_000);
      const b = await cloud.makeServer('list-b', { metadata: { tier: 'gold' } });
      expect(await cloud.action(a, { 'os-stop': null })).toMatchObject({ status: 202 });
      const stopped = await cloud.reach(a, 'SHUTOFF');
      expect(stopped).toMatchObject({
        'OS-EXT-STS:power_state': 4,
        hostId: expect.stringMatching(/^\w{56}$/),
      });
      for (const time of [stopped.created, stopped.updated]) expect(time).toMatch(/^[\d-]+T[\d:]+Z$/);
      expect(Date.parse(stopped.updated)).toBeGreaterThan(Date.parse(before));

      const ids = async (query: string, detail = '/detail') => {
        const { body } = await cloud.send('compute', 'GET', `/servers${detail}?${query}`);
        return body.servers.map(({ id }: { id: string }) => id);
      };
      const later = new Date(cloud.now().getTime() + 86_400_000).toISOString();
      for (const [query, found] of [
        ['name=list-', [b, a]],
        ['name=%5Elist-a%24', [a]],
        ['name=list-&status=ACTIVE', [b]],
        ['name=list-&status=SHUTOFF', [a]],
        ['name=list-&status=BOGUS', []],
        ['name=list-&limit=1', [b]],
        [`name=list-&marker=${b}`, [a]],
        [`name=list-&changes-since=${stopped.created}`, [b, a]],
        [`name=list-&changes-since=${later}`, []],
      ] as const) {
        expect(await ids(query), query).toEqual(found);
        expect(await ids(query, ''), query).toEqual(found);
      }
      const { body } = await cloud.send('compute', 'GET', '/servers?name=list-');
      expect(Object.keys(body.servers[0]).sort()).toEqual(['id', 'links', 'name']);
      const { status } = await cloud.send('compute', 'GET', '/servers?changes-since=bogus');
      expect(status).toBe(400);
    },
  ],
  [
    'metadata of a server are added, replaced, and deleted one by one',
    async (cloud) => {
      const server = await cloud.makeServer('a', { metadata: { a: '1' } });
      const path = `/servers/${server}/metadata`;
      const send = (method: string, json?: object, key = '') =>
        cloud.send('compute', method, path + key, json);
      expect((await send('POST', { metadata: { b: '2' } })).body).toEqual({ metadata: { a: '1', b: '2' } });
      expect((await send('PUT', { metadata: { c: '3' } })).body).toEqual({ metadata: { c: '3' } });
      expect((await send('PUT', { meta: { d: '4' } }, '/d')).body).toEqual({ meta: { d: '4' } });
      expect(await send('PUT', { meta: { d: '4' } }, '/e')).toMatchObject(
        bad(/^Request body and URI mismatch$/),
      );
      expect(await send('DELETE', undefined, '/c')).toMatchObject({ status: 204 });
      expect(await send('DELETE', undefined, '/c')).toMatchObject({
        status: 404,
        body: { itemNotFound: { message: 'Metadata item was not found' } },
      });
      expect((await send('GET')).body).toEqual({ metadata: { d: '4' } });
      for (const [metadata, refusal] of WRONG_METADATA) {
        expect(await send('POST', { metadata }), JSON.stringify(metadata)).toMatchObject(refusal);
      }
    },
  ],
];

const IMAGE_DATA: Exchange[] = [
  [
    'the data of an image are sent completely or in a range, but not while the image is deactivated',
    async (cloud) => {
      const { id } = await cloud.makeEmptyImage();
      const path = `/images/${id}/file`;
      expect(await cloud.send('image', 'PUT', path, '0123456789', OCTETS)).toMatchObject({ status: 204 });
      await cloud.until(async () => (await cloud.image(id)).status === 'active');
      const get = (range?: string) => cloud.send('image', 'GET', path, undefined, range ? { range } : {});
      expect(await get()).toMatchObject({ status: 200, body: '0123456789' });
      for (const [range, body, said] of [
        ['bytes=0-3', '0123', 'bytes 0-3/10'],
        ['bytes=4-', '456789', 'bytes 4-9/10'],
        ['bytes=8-20', '89', 'bytes 8-9/10'],
        ['bytes=-2', '89', 'bytes 8-9/10'],
      ] as const) {
        const answer = await get(range);
        expect(answer, range).toMatchObject({ status: 206, body });
        expect(answer.headers.get('content-range')).toBe(said);
      }
      expect(await get('bytes=10-')).toMatchObject({ status: 416 });
      expect(await get('bytes=x')).toMatchObject({ status: 416 });
      expect(await get('bytes=0-1,3-4')).toMatchObject({ status: 400 });
      const act = (action: string) => cloud.send('image', 'POST', `/images/${id}/actions/${action}`);
      expect(await act('deactivate')).toMatchObject({ status: 204 });
      expect(await cloud.image(id)).toMatchObject({ status: 'deactivated' });
      expect(await get()).toMatchObject({
        status: 403,
        body: { message: expect.stringMatching(/^The requested image has been deactivated/) },
      });
      expect(await act('reactivate')).toMatchObject({ status: 204 });
      expect(await get()).toMatchObject({ status: 200 });
    },
  ],
  [
    'a new image has the fields of the request, including its id',
    async (cloud) => {
      const id = crypto.randomUUID();
      const wanted = { id, protected: true, min_disk: 3, min_ram: 64, tags: ['t'], tier: 'gold' };
      expect(await cloud.makeEmptyImage(wanted)).toMatchObject({
        ...wanted,
        status: 'queued',
        name: 'empty',
      });
      expect(await cloud.image(id)).toMatchObject(wanted);
      expect(await cloud.send('image', 'POST', '/images', { id })).toMatchObject({ status: 409 });
      expect(await cloud.send('image', 'POST', '/images', { id: 'x' })).toMatchObject({ status: 400 });
      const tag = (method: string, name: string) => cloud.send('image', method, `/images/${id}/tags/${name}`);
      expect(await tag('PUT', 'u')).toMatchObject({ status: 204 });
      expect(await tag('DELETE', 't')).toMatchObject({ status: 204 });
      expect(await tag('DELETE', 't')).toMatchObject({ status: 404 });
      expect(await cloud.image(id)).toMatchObject({ tags: ['u'] });
      expect(await cloud.send('image', 'POST', `/images/${id}/actions/deactivate`)).toMatchObject({
        status: 403,
      });
    },
  ],
];

/** A server with a local disk, and a volume. */
async function dataServer(cloud: CloudClient, disks: object[]) {
  const server = { name: 'a', imageRef: cloud.imageRef, flavorRef: cloud.flavorRef, networks: 'none' };
  const wanted = { ...server, block_device_mapping_v2: disks };
  return cloud.send('compute', 'POST', '/servers', { server: wanted }, compute('2.37'));
}

const VOLUME_REQUESTS: Exchange[] = [
  [
    'Cinder lists its versions, and refuses invalid requests',
    async (cloud) => {
      expect(await cloud.version('volumev3')).toMatchObject({
        status: 300,
        body: { versions: [{ id: 'v3.0', status: 'CURRENT', version: expect.stringMatching(/^3\.\d+$/) }] },
      });
      expect(await cloud.version('volumev3', `/v3/${cloud.project}/snapshots`)).toMatchObject({
        status: 401,
        body: { error: { code: 401, title: 'Unauthorized' } },
      });
      const get = (version: string) =>
        cloud.send('volumev3', 'GET', '/snapshots', undefined, {
          'openstack-api-version': `volume ${version}`,
        });
      expect((await get('3.44')).headers.get('openstack-api-version')).toBe('volume 3.44');
      expect(await get('3.999')).toMatchObject({ status: 406 });
      expect(await cloud.send('volumev3', 'POST', '/snapshots', '{')).toMatchObject({
        status: 400,
        body: { badRequest: { code: 400, message: 'Malformed request body' } },
      });
    },
  ],
  [
    'a new server gets the volumes that its request names, in addition to a local disk',
    async (cloud) => {
      const original = await cloud.makeVolume('data');
      const snapshot = { volume_id: original, name: 'mine', force: true };
      const { id } = (await cloud.send('volumev3', 'POST', '/snapshots', { snapshot })).body.snapshot;
      const ready = async () => (await cloud.send('volumev3', 'GET', `/snapshots/${id}`)).body.snapshot;
      await cloud.until(async () => (await ready()).status === 'available');
      const ends = { delete_on_termination: false };
      const local = { boot_index: 0, uuid: cloud.imageRef, source_type: 'image', destination_type: 'local' };
      const data = { boot_index: -1, uuid: id, source_type: 'snapshot', destination_type: 'volume', ...ends };
      const server = await cloud.makeServer('a', {
        imageRef: cloud.imageRef,
        block_device_mapping_v2: [{ ...local, delete_on_termination: true }, data],
      });
      const shown = await cloud.server(server);
      expect(shown.image.id).toBe(cloud.imageRef);
      const [{ id: volume }, ...others] = shown['os-extended-volumes:volumes_attached'];
      expect(others).toEqual([]);
      expect(await cloud.volume(volume)).toMatchObject({
        snapshot_id: id,
        attachments: [{ server_id: server }],
      });

      const invalid = /^Block Device Mapping is Invalid: /;
      expect(await dataServer(cloud, [{ ...local, boot_index: 1 }, data])).toMatchObject(bad(invalid));
      expect(await dataServer(cloud, [local, { ...data, uuid: NOWHERE }])).toMatchObject(bad(invalid));
      expect(await dataServer(cloud, [{ ...local, bogus: 1 }])).toMatchObject(bad(/'bogus' was unexpected/));
    },
  ],
];

export const CLIENT_EXCHANGES = {
  'how clients log in': LOGINS,
  microversions: MICROVERSIONS,
  'requests that are wrong': STRICT,
  'lists and metadata of servers': SERVER_LISTS,
  'data of images': IMAGE_DATA,
  'volumes, as clients ask for them': VOLUME_REQUESTS,
};
