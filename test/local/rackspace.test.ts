import { describe, expect } from 'vitest';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { test } from './embedded.ts';

/** Features that only Rackspace has, as its documentation describes them. */

const JSON_TYPE = { 'content-type': 'application/json', accept: 'application/json' };

async function logIn(cloud: Cloud, auth?: object) {
  const { username, apiKey } = cloud.account;
  const byKey = { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey } };
  const answer = await fetch(`${cloud.rackspaceUrl}/tokens`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ auth: auth ?? byKey }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers of many forms, each compared as a whole
  return { status: answer.status, body: (await answer.json()) as any };
}

/** A service of Rackspace's catalogue, by its name. */
async function service(cloud: Cloud, name: string) {
  const { access } = (await logIn(cloud)).body;
  const { endpoints } = access.serviceCatalog.find((one: { name: string }) => one.name === name);
  const headers = { ...JSON_TYPE, 'x-auth-token': access.token.id };
  return async (method: string, path: string, json?: unknown) => {
    const body = json === undefined ? {} : { body: JSON.stringify(json) };
    const answer = await fetch(endpoints[0].publicURL + path, { method, headers, ...body });
    const text = await answer.text();
    return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
}

describe('Identity v2.0', () => {
  test.for<[string, (cloud: Cloud) => object, number]>([
    [
      'a password',
      ({ account: { username, password } }) => ({ passwordCredentials: { username, password } }),
      200,
    ],
    [
      'a wrong password',
      ({ account: { username } }) => ({ passwordCredentials: { username, password: 'x' } }),
      401,
    ],
    ['its own tenant', (cloud) => ({ ...key(cloud), tenantId: '123456' }), 200],
    ['the tenant of its files', (cloud) => ({ ...key(cloud), tenantName: 'MossoCloudFS_0' }), 200],
    ["somebody else's tenant", (cloud) => ({ ...key(cloud), tenantId: '654321' }), 401],
    ['two tenants', (cloud) => ({ ...key(cloud), tenantId: '123456', tenantName: '123456' }), 400],
    ['nothing', () => ({}), 400],
  ])('answers a login with %s by $2', async ([, auth, status], { cloud }) => {
    expect(await logIn(cloud, auth(cloud))).toMatchObject({ status });
  });

  test('a revoked token is refused', async ({ cloud }) => {
    const { token } = (await logIn(cloud)).body.access;
    const headers = { 'x-auth-token': token.id };
    const servers = () => fetch(`${cloud.catalogue[0]!.computeUrl}/v2/123456/servers`, { headers });
    expect((await servers()).status).toBe(200);
    expect((await fetch(`${cloud.rackspaceUrl}/tokens`, { method: 'DELETE', headers })).status).toBe(204);
    const refused = await servers();
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ unauthorized: { code: 401 } });
  });
});

function key({ account: { username, apiKey } }: Cloud) {
  return { 'RAX-KSKEY:apiKeyCredentials': { username, apiKey } };
}

describe('Cloud Servers', () => {
  test('Nova also lists, shows, changes and deletes images', async ({ cloud, dfw }) => {
    const { id: server } = dfw.addServer({ name: 'web-1' });
    const compute = await service(cloud, 'cloudServersOpenStack');
    const made = { name: 'web-1-daily', metadata: { Tier: 'gold' } };
    await compute('POST', `/servers/${server}/action`, { createImage: made });
    const { images } = (await compute('GET', '/images/detail?type=snapshot')).body;
    expect(images).toMatchObject([
      {
        name: 'web-1-daily',
        status: 'SAVING',
        progress: 25,
        minDisk: 20,
        server: { id: server },
        metadata: { tier: 'gold', instance_uuid: server },
      },
    ]);
    const path = `/images/${images[0].id}`;
    cloud.advance(3_600_000);
    expect((await compute('GET', path)).body.image).toMatchObject({ status: 'ACTIVE', progress: 100 });
    expect(Object.keys((await compute('GET', '/images')).body.images[0])).toEqual(['id', 'name', 'links']);
    const { body } = await compute('POST', `${path}/metadata`, { metadata: { hold: 'forever' } });
    expect(body.metadata).toMatchObject({ tier: 'gold', hold: 'forever' });
    expect(await compute('DELETE', `${path}/metadata/hold`)).toMatchObject({ status: 204 });
    expect(dfw.image(images[0].id)?.properties).not.toHaveProperty('hold');
    expect(await compute('DELETE', path)).toMatchObject({ status: 204 });
    expect(await compute('GET', path)).toMatchObject({ status: 404, body: { itemNotFound: { code: 404 } } });
  });

  test('an image and a server have at most 40 metadata, and unknown fields are ignored', async ({
    cloud,
    dfw,
  }) => {
    const { id } = dfw.addServer({ name: 'web-1' });
    const compute = await service(cloud, 'cloudServersOpenStack');
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`key-${n}`, 'x'] as const));
    const image = (more: object) =>
      compute('POST', `/servers/${id}/action`, { createImage: { name: 'n', ...more } });
    expect(await image({ metadata: many(41) })).toMatchObject({ status: 403 });
    expect(await compute('PUT', `/servers/${id}/metadata`, { metadata: many(41) })).toMatchObject({
      status: 403,
    });
    expect(await image({ metadata: [] })).toMatchObject({ status: 400 });
    expect(await image({ metadata: many(40), bogus: 1 })).toMatchObject({ status: 202 });
  });

  test.for([
    ['resize', 'VERIFY_RESIZE', 'resized'],
    ['rescue', 'RESCUE', 'rescued'],
  ])(
    'after %s a server is %s, and images of it are refused',
    async ([action, status, state], { cloud, dfw }) => {
      const { id } = dfw.addServer({ name: 'web-1' });
      const compute = await service(cloud, 'cloudServersOpenStack');
      expect(await compute('POST', `/servers/${id}/action`, { [action!]: {} })).toMatchObject({
        status: 202,
      });
      expect((await compute('GET', `/servers/${id}`)).body.server).toMatchObject({ status });
      expect(await compute('POST', `/servers/${id}/action`, { createImage: { name: 'n' } })).toMatchObject({
        status: 409,
        body: { conflictingRequest: { message: expect.stringContaining(`vm_state ${state}`) } },
      });
    },
  );
});

test('Cloud Block Storage is Cinder v1: other names, status 200, pages by offset and no links', async ({
  cloud,
  dfw,
}) => {
  const { id: volume } = dfw.addVolume({ name: 'data', size: 75 });
  const storage = await service(cloud, 'cloudBlockStorage');
  const wanted = {
    volume_id: volume,
    display_name: 'mine',
    display_description: 'd',
    metadata: { name: 'kept' },
  };
  const made = await storage('POST', '/snapshots', { snapshot: wanted });
  expect(made).toMatchObject({
    status: 200,
    body: { snapshot: { ...wanted, status: 'creating', size: 75 } },
  });
  expect(made.body.snapshot).not.toHaveProperty('name');
  cloud.advance(60_000);
  dfw.addVolumeSnapshot({ volumeId: volume, name: 'second', createdAt: cloud.now() });
  const names = async (query: string) => {
    const { body } = await storage('GET', `/snapshots/detail?${query}`);
    expect(Object.keys(body)).toEqual(['snapshots']);
    return body.snapshots.map(({ display_name }: { display_name: string }) => display_name);
  };
  expect(await names('')).toEqual(['second', 'mine']);
  expect(await names('limit=1')).toEqual(['second']);
  expect(await names('limit=1&offset=1')).toEqual(['mine']);
  expect(await names('limit=1&marker=unknown')).toEqual(['second']);
  expect((await storage('GET', '/volumes')).body.volumes).toMatchObject([{ display_name: 'data' }]);
  const path = `/snapshots/${made.body.snapshot.id}`;
  expect(await storage('DELETE', path)).toMatchObject({ status: 202 });
  expect(await storage('GET', path)).toMatchObject({ status: 404, body: { itemNotFound: { code: 404 } } });
});

test('a task exports no image without data', async ({ cloud, dfw }) => {
  const owner = cloud.account.projectId;
  const { id } = dfw.addImage({ name: 'x', status: 'queued', owner });
  dfw.files.containers.set('exports', new Map());
  const images = await service(cloud, 'cloudImages');
  const input = { image_uuid: id, receiving_swift_container: 'exports' };
  const { body } = await images('POST', '/tasks', { type: 'export', input });
  cloud.advance(3_600_000);
  expect((await images('GET', `/tasks/${body.id}`)).body).toMatchObject({
    status: 'failure',
    message: `Image ${id} is not active`,
  });
});
