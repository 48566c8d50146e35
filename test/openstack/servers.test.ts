import { describe, expect } from 'vitest';
import { listFlavors } from '../../lib/openstack/flavors.ts';
import { networksOf } from '../../lib/openstack/networks.ts';
import {
  createServer,
  deleteServer,
  getServer,
  type NewServer,
  rebuildServer,
} from '../../lib/openstack/servers.ts';
import { connect } from '../../lib/openstack/session.ts';
import { connected, credentialsOf, test, unhurried } from './connected.ts';

const NEW: NewServer = {
  name: 'web-2',
  image: 'i',
  flavor: 'f',
  networks: undefined,
  keyName: undefined,
  securityGroups: [],
  metadata: {},
  configDrive: false,
};

describe('one server', () => {
  test.for<[string, object, object]>([
    ['a flavor by its id', { flavor: { id: '2' } }, { flavorId: '2' }],
    ['no flavor id, as from 2.47 on', { flavor: { ram: 1 } }, { flavorId: undefined }],
    [
      'a security group listed once per port',
      { security_groups: [{ name: 'web' }, { name: 'web' }, { name: 'db' }] },
      { securityGroups: ['web', 'db'] },
    ],
    ['no security groups, as at Rackspace', {}, { securityGroups: [] }],
    ['no key', { key_name: null }, { keyName: undefined }],
    ['a config drive', { config_drive: 'True' }, { configDrive: true }],
    ['none', { config_drive: '' }, { configDrive: false }],
    [
      'addresses of several networks',
      { addresses: { public: [{ addr: '192.0.2.1' }], private: [{ addr: '10.0.0.1' }] } },
      { addresses: ['192.0.2.1', '10.0.0.1'] },
    ],
    ['its image', { image: { id: 'i' } }, { imageId: 'i', volumeBacked: false }],
    ['a volume for its disk', { image: '' }, { imageId: undefined, volumeBacked: true }],
    ['a fault', { status: 'ERROR', fault: { message: 'No valid host' } }, { fault: 'No valid host' }],
  ])('may have %s', async ([, server, expected], { replay }) => {
    replay.app.get('/compute/servers/i', (c) =>
      c.json({ server: { id: 'i', name: 'n', status: 'ACTIVE', ...server } }),
    );
    await expect(getServer(await replay.connect(), 'DFW', 'i')).resolves.toMatchObject(expected);
  });

  test('is undefined if it does not exist', async ({ cloud }) => {
    await expect(getServer(await connected(cloud), 'DFW', 'x')).resolves.toBeUndefined();
  });
});

describe('a new server', () => {
  test.for<[string, Partial<NewServer>, object, string | undefined]>([
    ['as little as may be', {}, {}, undefined],
    ['networks', { networks: ['a', 'b'] }, { networks: [{ uuid: 'a' }, { uuid: 'b' }] }, undefined],
    ['no networks, which is newer', { networks: [] }, { networks: 'none' }, 'compute 2.37'],
    [
      'the rest',
      { keyName: 'k', securityGroups: ['g'], configDrive: true },
      { key_name: 'k', security_groups: [{ name: 'g' }], config_drive: true },
      undefined,
    ],
  ])('is requested with %s', async ([, given, sent, microversion], { replay }) => {
    replay.app.post('/compute/servers', (c) => c.json({ server: { id: 'new', adminPass: 'x' } }, 202));
    await expect(createServer(await replay.connect(), 'DFW', { ...NEW, ...given })).resolves.toBe('new');
    const { body, headers } = replay.askedOfServices()[0]!;
    const least = { name: 'web-2', imageRef: 'i', flavorRef: 'f', metadata: {} };
    expect(JSON.parse(body)).toEqual({ server: { ...least, ...sent } });
    expect(headers['openstack-api-version']).toBe(microversion);
  });

  test.for(['lose', 'drop'] as const)(
    'is not requested again if the answer is missing: %s',
    async (answer, { cloud }) => {
      const image = cloud.region('DFW').addImage({ name: 'x' });
      cloud.faults.push({ service: 'compute', answer });
      const server = { ...NEW, image: image.id, flavor: '2' };
      await expect(createServer(await connected(cloud), 'DFW', server)).rejects.toMatchObject({
        code: 'NO_ANSWER',
      });
      expect(cloud.region('DFW').servers).toHaveLength(answer === 'lose' ? 1 : 0);
    },
  );
});

describe('the deletion of a server', () => {
  test('succeeds, also for a server that was already deleted', async ({ cloud }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web' });
    const other = cloud.region('DFW').addServer({ name: 'db' });
    const session = await connected(cloud);
    await deleteServer(session, { id, region: 'DFW' });
    await deleteServer(session, { id, region: 'DFW' });
    expect(cloud.region('DFW').servers).toEqual([other]);
  });

  test('succeeds although the answer is lost', async ({ cloud }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web' });
    cloud.faults.push({ service: 'compute', answer: 'lose' });
    await deleteServer(await connected(cloud), { id, region: 'DFW' });
    expect(cloud.region('DFW').servers).toEqual([]);
  });

  test('fails with the reason of the cloud', async ({ cloud }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web' });
    cloud.account.role = 'creator';
    await expect(deleteServer(await connected(cloud), { id, region: 'DFW' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    expect(cloud.region('DFW').servers).toHaveLength(1);
  });
});

test('a rebuild replaces the image and the metadata, and nothing else', async ({ cloud }) => {
  const region = cloud.region('DFW');
  const server = region.addServer({ name: 'web', metadata: { a: '1' }, keyName: 'k' });
  const image = region.addImage({ name: 'x' });
  const { addresses } = server;
  await rebuildServer(
    await connected(cloud),
    { id: server.id, region: 'DFW' },
    { image: image.id, metadata: { b: '2' } },
  );
  expect(server).toMatchObject({
    image: image.id,
    metadata: { b: '2' },
    name: 'web',
    keyName: 'k',
    addresses,
  });
});

test.for(['rackspace', 'password'] as const)(
  'the networks of a server have the ids that a request for a new server needs: %s',
  async (kind, { cloud }) => {
    const region = cloud.region('DFW');
    const own = { id: '5b9c0c4e-0000-4000-8000-000000000001', label: 'public' };
    const networks = [...region.networks.map(({ id }) => id), own.id];
    region.networks.push(own);
    const { id } = region.addServer({ name: 'web', networks });
    const session = await connect(async () => credentialsOf(cloud, kind), unhurried);
    // A network of the project may also have the name "public".
    const told = await networksOf(session, { id, region: 'DFW' });
    expect(told).toEqual(networks);
    await expect(networksOf(session, { id: 'x', region: 'DFW' })).resolves.toBeUndefined();
  },
);

test('flavors are listed with the fields that an image requires', async ({ cloud }) => {
  await expect(listFlavors(await connected(cloud), 'DFW')).resolves.toContainEqual({
    id: 'general1-2',
    name: '2 GB General Purpose v1',
    ramMb: 2048,
    diskGb: 40,
    hasDataDisks: false,
    mayBootVolume: true,
  });
});
