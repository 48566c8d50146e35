import { describe, expect } from 'vitest';
import type { Account } from '../../local/cloud/account.ts';
import type { Cloud } from '../../local/cloud/cloud.ts';
import type { FaultAnswer } from '../../local/cloud/faults.ts';
import { test } from '../openstack/connected.ts';

const MINUTE_MS = 60_000;

interface Said {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many forms, each compared as a whole
  body: any;
}

async function ask(
  url: string,
  method = 'GET',
  json?: unknown,
  headers: Record<string, string> = {},
): Promise<Said> {
  const body = json === undefined ? {} : { body: JSON.stringify(json) };
  const response = await fetch(url, { method, ...body, headers: { accept: 'application/json', ...headers } });
  const text = await response.text();
  const parsed = text.startsWith('{') ? JSON.parse(text) : text;
  return { status: response.status, headers: response.headers, body: parsed };
}

interface Service {
  (path: string, method?: 'GET' | 'POST' | 'DELETE', json?: unknown): Promise<Said>;
  url: string;
}

/** Both services of DFW, with a token of Rackspace's Identity or of Keystone. */
async function login(cloud: Cloud, at: 'rackspace' | 'keystone' = 'rackspace') {
  const { username, apiKey, applicationCredential } = cloud.account;
  const service = (url: string, token: string): Service =>
    Object.assign(
      (path: string, method?: string, json?: unknown) =>
        ask(url + path, method, json, { 'x-auth-token': token }),
      { url },
    );
  if (at === 'rackspace') {
    const auth = { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey } };
    const { body } = await ask(`${cloud.rackspaceUrl}/tokens`, 'POST', { auth });
    const { token, serviceCatalog } = body.access;
    const url = (name: string) =>
      serviceCatalog.find((s: { name: string }) => s.name === name).endpoints[0].publicURL as string;
    return {
      compute: service(url('cloudServersOpenStack'), token.id),
      images: service(url('cloudImages'), token.id),
    };
  }
  const identity = { methods: ['application_credential'], application_credential: applicationCredential };
  const { headers, body } = await ask(`${cloud.keystoneUrl}/auth/tokens`, 'POST', { auth: { identity } });
  const token = headers.get('x-subject-token') ?? '';
  const url = (type: string) =>
    body.token.catalog.find((s: { type: string }) => s.type === type).endpoints[0].url as string;
  return { compute: service(url('compute'), token), images: service(`${url('image')}/v2`, token) };
}

const createImage = (metadata: object = {}, name: unknown = 'web-1-daily') => ({
  createImage: { name, metadata },
});

describe('the identity of the embedded cloud', () => {
  test("has Rackspace's catalogue: regions, and old services without any", async ({ cloud }) => {
    const { username, apiKey } = cloud.account;
    const auth = { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey } };
    const { status, body } = await ask(`${cloud.rackspaceUrl}/tokens`, 'POST', { auth });
    expect(status).toBe(200);
    expect(body.access.token).toMatchObject({
      id: expect.stringMatching(/^\w{32,}$/),
      tenant: { id: '123456' },
    });
    const compute = body.access.serviceCatalog.filter(({ type }: { type: string }) => type === 'compute');
    expect(compute.map(({ name }: { name: string }) => name)).toEqual([
      'cloudServers',
      'cloudServersOpenStack',
    ]);
    expect(compute[0].endpoints[0]).not.toHaveProperty('region');
    expect(compute[1].endpoints.map(({ region }: { region: string }) => region)).toEqual(['DFW', 'ORD']);
  });

  test('has the roles of the user in both forms, and sends the time', async ({ cloud }) => {
    const { username, apiKey, applicationCredential: application_credential } = cloud.account;
    const rackspace = { auth: { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey } } };
    const keystone = {
      auth: { identity: { methods: ['application_credential'], application_credential } },
    };
    const namesIn = (roles: { name: string; tenantId?: string }[]) =>
      roles.map(({ name, tenantId = '' }) => `${tenantId}${tenantId && ' '}${name}`);
    const shown = async () => [
      namesIn((await ask(`${cloud.rackspaceUrl}/tokens`, 'POST', rackspace)).body.access.user.roles),
      namesIn((await ask(`${cloud.keystoneUrl}/auth/tokens`, 'POST', keystone)).body.token.roles),
    ];
    const every = ['MossoCloudFS_0 object-store:default', '123456 compute:default', 'identity:default'];
    expect(await shown()).toEqual([
      [...every, 'nova:admin', 'cloudImages:admin', 'cbs:admin'],
      ['member', 'reader'],
    ]);
    cloud.account.role = 'observer';
    expect(await shown()).toEqual([
      [...every, 'nova:observer', 'cloudImages:observer', 'cbs:observer'],
      ['reader'],
    ]);
    cloud.account.roles = ['operator'];
    expect(await shown()).toEqual([[...every, 'operator'], ['operator']]);

    cloud.advance(3 * 60 * MINUTE_MS);
    const { headers } = await ask(`${cloud.rackspaceUrl}/tokens`, 'POST', rackspace);
    expect(Math.abs(Date.parse(headers.get('date') ?? '') - cloud.now().getTime())).toBeLessThan(MINUTE_MS);
  });

  const GOOD = { status: 201, token: true, catalog: true };
  const NO = { status: 401, token: false, catalog: false };
  const user = ({ username: name, password, domainName }: Account, change = {}) => ({
    methods: ['password'],
    password: { user: { name, password, domain: { name: domainName }, ...change } },
  });
  const project = ({ projectName: name, domainName }: Account, change = {}) => ({
    project: { name, domain: { name: domainName }, ...change },
  });
  const application = ({ applicationCredential }: Account, change = {}) => ({
    methods: ['application_credential'],
    application_credential: { ...applicationCredential, ...change },
  });
  const x = { domain: { name: 'x' } };

  test.for<[string, (account: Account) => { identity: object; scope?: object }, object]>([
    ['a password and a project', (a) => ({ identity: user(a), scope: project(a) }), GOOD],
    ['a password alone', (a) => ({ identity: user(a) }), { ...GOOD, catalog: false }],
    ['a wrong password', (a) => ({ identity: user(a, { password: 'x' }), scope: project(a) }), NO],
    ['a user of another domain', (a) => ({ identity: user(a, x), scope: project(a) }), NO],
    ['another project', (a) => ({ identity: user(a), scope: project(a, { name: 'x' }) }), NO],
    ['a project of another domain', (a) => ({ identity: user(a), scope: project(a, x) }), NO],
    ['an application credential', (a) => ({ identity: application(a) }), GOOD],
    ['one with a scope', (a) => ({ identity: application(a), scope: project(a) }), NO],
    ['one with a wrong secret', (a) => ({ identity: application(a, { secret: 'x' }) }), NO],
    ['one that is not known', (a) => ({ identity: application(a, { id: 'x' }) }), { ...NO, status: 404 }],
  ])('answers like Keystone to %s', async ([, auth, expected], { cloud }) => {
    const url = `${cloud.keystoneUrl}/auth/tokens`;
    const { status, headers, body } = await ask(url, 'POST', { auth: auth(cloud.account) });
    const catalog = 'catalog' in (body.token ?? {});
    expect({ status, token: headers.has('x-subject-token'), catalog }).toEqual(expected);
  });

  test('issues tokens that expire or can be revoked', async ({ cloud }) => {
    const { compute, images } = await login(cloud);
    const statuses = async () => [
      (await compute('/servers/detail')).status,
      (await images('/images')).status,
    ];
    await expect(statuses()).resolves.toEqual([200, 200]);
    cloud.advance(25 * 60 * MINUTE_MS);
    await expect(statuses()).resolves.toEqual([401, 401]);

    const again = await login(cloud);
    cloud.tokens.revokeAll();
    await expect(again.compute('/servers/detail')).resolves.toMatchObject({
      status: 401,
      body: { unauthorized: { code: 401, message: expect.any(String) } },
    });
    await expect(again.images('/images')).resolves.toMatchObject({
      status: 401,
      body: { code: '401 Unauthorized', title: 'Unauthorized', message: expect.stringMatching(/<br \/>/) },
    });
  });
});

test('the embedded cloud has a limit for the metadata of an image', async ({ cloud }) => {
  const { compute } = await login(cloud);
  await expect(compute('/limits')).resolves.toMatchObject({
    status: 200,
    body: { limits: { rate: [], absolute: { maxImageMeta: 40 } } },
  });
});

describe('a listing of the embedded cloud', () => {
  test('has a link to the next page after each full page, even if that is empty', async ({ cloud }) => {
    cloud.pageSize = 2;
    for (const name of ['1', '2']) {
      cloud.region('DFW').addServer({ name });
      cloud.region('DFW').addImage({ name, owner: '123456' });
    }
    const { compute, images } = await login(cloud);

    const servers = (await compute('/servers/detail?limit=1000')).body;
    const [{ rel, href }] = servers.servers_links;
    expect({ rel, host: new URL(href).host }).toEqual({ rel: 'next', host: 'servers.api.invalid' });
    expect(servers.servers).toHaveLength(2);
    const { body: last } = await compute(`/servers/detail${new URL(href).search}`);
    expect(last).toEqual({ servers: [] });

    const { body: first } = await images('/images?limit=1000&visibility=private');
    expect(first.next).toMatch(/^\/v2\/images\?limit=1000&visibility=private&marker=/);
    const { body: rest } = await images(first.next.slice('/v2'.length));
    expect(rest).toEqual({ images: [], first: '/v2/images', schema: '/v2/schemas/images' });
  });

  test.for(['limit=-1', 'limit=abc', 'marker=nope'])('refuses %s', async (query, { cloud }) => {
    const { compute, images } = await login(cloud);
    await expect(compute(`/servers/detail?${query}`)).resolves.toMatchObject({
      status: 400,
      body: { badRequest: {} },
    });
    await expect(images(`/images?${query}`)).resolves.toMatchObject({
      status: 400,
      body: { code: '400 Bad Request' },
    });
  });

  test('of images treats every unknown parameter as a property, and includes public images of others', async ({
    cloud,
  }) => {
    const region = cloud.region('DFW');
    region.addImage({ name: 'a', owner: '123456', properties: { autosnap_policy: 'daily' } });
    region.addImage({ name: 'b', owner: '123456' });
    region.addImage({ name: 'public', owner: 'rackspace', visibility: 'public' });
    region.addImage({ name: 'foreign', owner: 'another' });
    const { images } = await login(cloud);
    const names = async (query: string) =>
      (await images(`/images?${query}`)).body.images.map(({ name }: { name: string }) => name).sort();
    await expect(names('')).resolves.toEqual(['a', 'b', 'public']);
    await expect(names('visibility=private')).resolves.toEqual(['a', 'b']);
    await expect(names('autosnap_policy=daily')).resolves.toEqual(['a']);
    await expect(names('name=b&visibility=private')).resolves.toEqual(['b']);
    await expect(names('no_such_property=x')).resolves.toEqual([]);
  });
});

test('a server that is deleted softly is in no listing of the embedded cloud, and can be restored', async ({
  cloud,
}) => {
  const { id } = cloud.region('DFW').addServer({ name: 'web-1', vmState: 'soft-delete' });
  const { compute } = await login(cloud, 'keystone');
  expect((await compute('/servers/detail')).body.servers).toEqual([]);
  expect((await compute(`/servers/${id}`)).body.server).toMatchObject({ status: 'SOFT_DELETED' });
  expect(await compute(`/servers/${id}/action`, 'POST', { restore: null })).toMatchObject({ status: 202 });
  expect((await compute('/servers/detail')).body.servers).toMatchObject([{ id, status: 'ACTIVE' }]);
});

describe('createImage of the embedded cloud', () => {
  test('answers with only the location of the image, which is finished later', async ({ cloud }) => {
    const server = cloud.region('DFW').addServer({ name: 'web-1' });
    const { compute, images } = await login(cloud);
    const answer = await compute(
      `/servers/${server.id}/action`,
      'POST',
      createImage({ autosnap_policy: 'daily' }),
    );
    expect(answer).toMatchObject({ status: 202, body: '' });
    const id = answer.headers.get('location')?.split('/').at(-1);
    const seen = async () => {
      const { status, size, image_type, instance_uuid, autosnap_policy } = (await images(`/images/${id}`))
        .body;
      const [{ 'OS-EXT-STS:task_state': task }] = (await compute('/servers/detail')).body.servers;
      return { status, task, size, image_type, instance_uuid, autosnap_policy };
    };
    const always = { image_type: 'snapshot', instance_uuid: server.id, autosnap_policy: 'daily' };
    await expect(seen()).resolves.toEqual({
      ...always,
      status: 'queued',
      task: 'image_snapshot',
      size: null,
    });
    const again = await compute(`/servers/${server.id}/action`, 'POST', createImage());
    expect(again).toMatchObject({
      status: 409,
      body: {
        conflictingRequest: { code: 409, message: expect.stringMatching(/task_state image_snapshot$/) },
      },
    });
    cloud.advance(0.6 * MINUTE_MS);
    await expect(seen()).resolves.toMatchObject({ status: 'queued', task: 'image_pending_upload' });
    cloud.advance(MINUTE_MS);
    await expect(seen()).resolves.toMatchObject({ status: 'saving', task: 'image_uploading' });
    cloud.advance(10 * MINUTE_MS);
    await expect(seen()).resolves.toEqual({ ...always, status: 'active', task: null, size: 2_000_000_000 });
  });

  test.for([
    ['vanishes', 404, undefined],
    ['killed', 200, 'killed'],
    ['stuck', 200, 'queued'],
  ] as const)('fails later, like real clouds: %s', async ([outcome, status, state], { cloud }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web-1', snapshotOutcome: outcome });
    const { compute, images } = await login(cloud);
    const made = await compute(`/servers/${id}/action`, 'POST', createImage());
    cloud.advance(12 * MINUTE_MS);
    const found = await images(`/images/${made.headers.get('location')?.split('/').at(-1)}`);
    expect({ status: found.status, state: found.body.status }).toEqual({ status, state });
    const [server] = (await compute('/servers/detail')).body.servers;
    expect(server['OS-EXT-STS:task_state']).toBeNull();
  });

  test('leaves the image queued if the token expires before the upload', async ({ cloud }) => {
    cloud.tokens.ttlMs = MINUTE_MS / 2;
    const { id } = cloud.region('DFW').addServer({ name: 'web-1' });
    const { compute } = await login(cloud);
    await compute(`/servers/${id}/action`, 'POST', createImage());
    cloud.advance(24 * 60 * MINUTE_MS);
    expect(cloud.region('DFW').images).toMatchObject([{ status: 'queued' }]);
    expect(cloud.region('DFW').taskState(cloud.region('DFW').servers[0]!)).toBeNull();
  });

  test.for<[string, unknown, number, RegExp]>([
    ['another action', { createImageX: {} }, 400, /no such action/],
    ['no name', createImage({}, null), 400, /name/],
    ['an empty name', createImage({}, ''), 400, /'' is too short/],
    ['a name of 256', createImage({}, 'n'.repeat(256)), 400, /is too long/],
    ['a name with a line break', createImage({}, 'a\nb'), 400, /printable characters/],
    ['a key with a $', createImage({ a$b: '1' }), 400, /does not match any of the regexes/],
    ['a value that is a number', createImage({ a: 5 }), 400, /5 is not of type 'string'/],
  ])('refuses %s', async ([, json, status, message], { cloud }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web-1' });
    const { compute } = await login(cloud);
    const answer = await compute(`/servers/${id}/action`, 'POST', json);
    expect(answer.status).toBe(status);
    expect(Object.values(answer.body)).toMatchObject([
      { code: status, message: expect.stringMatching(message) },
    ]);
    expect(cloud.region('DFW').images).toEqual([]);
  });

  test('refuses more than 40 metadata: 413 like Nova Havana, or 403 like later versions', async ({
    cloud,
  }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web-1' });
    const { compute } = await login(cloud);
    const metadata = Object.fromEntries(Array.from({ length: 41 }, (_, i) => [`key-${i}`, 'value']));
    const { status, body } = await compute(`/servers/${id}/action`, 'POST', createImage(metadata));
    expect([403, 413]).toContain(status);
    expect(Object.values(body)).toMatchObject([{ code: status, message: 'Image metadata limit exceeded' }]);
  });

  test('accepts names and metadata of 255 characters', async ({ cloud }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web-1' });
    const { compute } = await login(cloud);
    const json = createImage({ ['k'.repeat(255)]: 'v'.repeat(255) }, 'n'.repeat(255));
    await expect(compute(`/servers/${id}/action`, 'POST', json)).resolves.toMatchObject({ status: 202 });
  });

  test.for([
    ['rackspace', { 'com.example:tier': 'Gold' }],
    ['keystone', { 'Com.Example:Tier': 'Gold' }],
  ] as const)(
    'keeps metadata, whose keys only Rackspace converts to lower case: %s',
    async ([at, kept], { cloud }) => {
      const { id } = cloud.region('DFW').addServer({ name: 'web-1' });
      const { compute } = await login(cloud, at);
      await compute(`/servers/${id}/action`, 'POST', createImage({ 'Com.Example:Tier': 'Gold' }));
      expect(cloud.region('DFW').images[0]?.properties).toMatchObject(kept);
    },
  );

  test('of a volume-backed server: refused at Rackspace; elsewhere an empty image that names a volume snapshot', async ({
    cloud,
  }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'db-1', image: '' });
    const action = `/servers/${id}/action`;
    const rackspace = await login(cloud);
    await expect(rackspace.compute(action, 'POST', createImage())).resolves.toMatchObject({ status: 400 });
    const keystone = await login(cloud, 'keystone');
    await expect(keystone.compute(action, 'POST', createImage())).resolves.toMatchObject({ status: 202 });
    const [image] = (await keystone.images('/images')).body.images;
    expect(image).toMatchObject({ status: 'active', size: 0, bdm_v2: 'True' });
    expect(image).not.toHaveProperty('instance_uuid');
    expect(JSON.parse(image.block_device_mapping)).toMatchObject([{ snapshot_id: expect.any(String) }]);
  });

  test('requires an admin and an existing server', async ({ cloud }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web-1' });
    const { compute } = await login(cloud);
    await expect(compute('/servers/none/action', 'POST', createImage())).resolves.toMatchObject({
      status: 404,
      body: { itemNotFound: { message: 'Instance none could not be found.' } },
    });
    cloud.account.role = 'creator';
    await expect(compute(`/servers/${id}/action`, 'POST', createImage())).resolves.toMatchObject({
      status: 403,
      body: { forbidden: { code: 403 } },
    });
  });
});

describe('deleting an image of the embedded cloud', () => {
  test('answers 204 once, then 404; 403 for a protected image or that of another project', async ({
    cloud,
  }) => {
    const add = (more: object) => cloud.region('DFW').addImage({ name: 'x', owner: '123456', ...more }).id;
    const ids = [
      add({}),
      add({ status: 'queued' }),
      add({ protected: true }),
      add({ owner: 'rackspace', visibility: 'public' }),
      add({ owner: 'another' }),
    ];
    const { images } = await login(cloud);
    const statuses = async () => {
      const answers: number[] = [];
      for (const id of ids) answers.push((await images(`/images/${id}`, 'DELETE')).status);
      return answers;
    };
    await expect(statuses()).resolves.toEqual([204, 204, 403, 403, 404]);
    await expect(statuses()).resolves.toEqual([404, 404, 403, 403, 404]);
    await expect(images(`/images/${ids[0]}`)).resolves.toMatchObject({
      status: 404,
      body: { title: 'Not Found' },
    });
  });

  test('answers in HTML if the request does not accept JSON', async ({ cloud }) => {
    const { images } = await login(cloud);
    const { headers, body } = await ask(`${images.url}/images/x`, 'DELETE', undefined, { accept: '*/*' });
    expect(headers.get('content-type')).toMatch(/^text\/html/);
    expect(body).toMatch(/<title>401 Unauthorized<\/title>/);
  });
});

describe('a fault of the embedded cloud', () => {
  test.for<[FaultAnswer, object, number]>([
    ['drop', { cut: true }, 1],
    ['lose', { cut: true }, 0],
    [{ status: 503, body: 'busy' }, { status: 503, body: 'busy' }, 1],
    [() => undefined, { status: 204, body: '' }, 0],
  ])('occurs once, at the given request: %j', async ([answer, outcome, left], { cloud }) => {
    const { id } = cloud.region('DFW').addImage({ name: 'x', owner: '123456' });
    const { images } = await login(cloud);
    cloud.faults.push({
      service: 'image',
      region: 'DFW',
      method: 'DELETE',
      path: /images/,
      skip: 1,
      answer,
    });
    await images('/images/none', 'DELETE');
    await expect(images('/images')).resolves.toMatchObject({ status: 200 });
    const result = await images(`/images/${id}`, 'DELETE').catch(() => ({ cut: true }));
    expect(result).toMatchObject(outcome);
    expect(cloud.region('DFW').images).toHaveLength(left);
    await expect(images('/images/none', 'DELETE')).resolves.toMatchObject({ status: 404 });
  });

  test('that cuts a body leaves invalid JSON', async ({ cloud }) => {
    const { compute } = await login(cloud);
    cloud.faults.push({ service: 'compute', answer: 'truncate' });
    await expect(compute('/servers/detail')).rejects.toThrow(SyntaxError);
  });
});

describe('the secrets store of the embedded cloud', () => {
  const target = { 'x-amz-target': 'secretsmanager.GetSecretValue' };
  test("returns a secret by its name, and has AWS's error for a missing one", async ({ cloud }) => {
    cloud.secrets.set('autosnap/test/rackspace', cloud.secret('rackspace'));
    const get = (SecretId: string) => ask(cloud.secretsUrl, 'POST', { SecretId }, target);
    const { body } = await get('autosnap/test/rackspace');
    expect(JSON.parse(body.SecretString)).toEqual({
      authUrl: cloud.rackspaceUrl,
      username: cloud.account.username,
      apiKey: cloud.account.apiKey,
    });
    await expect(get('another')).resolves.toMatchObject({
      status: 400,
      body: { __type: 'ResourceNotFoundException' },
    });
  });
});
