import { describe, expect } from 'vitest';
import type { CloudImage } from '../../local/cloud/state.ts';
import { test } from './embedded.ts';

const MARKER = { autosnap_owner: 'o', autosnap_server: 'a', instance_uuid: 'a', image_type: 'snapshot' };

describe('an image of a server', () => {
  test.for<[string, Record<string, string>]>([
    ['what is for the base image alone', { cache_in_nova: 'yes', bittorrent: 'x' }],
    ['signatures', { img_signature: 's', img_signature_hash_method: 'SHA-256' }],
    ['what Glance keeps for itself', { os_glance_importing_to_stores: 'x' }],
    ['where volumes are', { block_device_mapping: '[]', mappings: '[]' }],
  ])('does not inherit %s', async ([, properties], { client, dfw }) => {
    const base = dfw.addImage({ name: 'base', properties: { ...MARKER, ...properties } });
    const { id } = dfw.addServer({ name: 'b', image: base.id });
    const image = await client.makeImage(id, 'golden');
    expect(image).toMatchObject({ ...MARKER, instance_uuid: id });
    for (const key of Object.keys(properties)) expect(image).not.toHaveProperty(key);
  });

  test('of a VHD needs the disk of the flavor; others need no less than the base image', async ({
    client,
    dfw,
  }) => {
    const of = async (base: Partial<CloudImage>) => {
      const { id } = dfw.addImage({ name: 'base', minDisk: 30, minRam: 512, ...base });
      const server = dfw.addServer({ name: 'b', image: id, flavor: 'general1-1' });
      const { min_disk, min_ram } = await client.makeImage(server.id, 'golden');
      return { min_disk, min_ram };
    };
    expect(await of({})).toEqual({ min_disk: 20, min_ram: 512 });
    expect(await of({ diskFormat: 'raw' })).toEqual({ min_disk: 30, min_ram: 512 });
    expect(await of({ diskFormat: 'raw', minDisk: 10 })).toEqual({ min_disk: 20, min_ram: 512 });
  });
});

describe('a volume created from an image', () => {
  const volumeFrom = { size: 1, name: 'root' };

  test('has all properties of the image, which images of a server with this root volume inherit', async ({
    client,
    dfw,
  }) => {
    const { id: imageRef } = dfw.addImage({ name: 'a-daily', owner: client.project, properties: MARKER });
    const volume = { ...volumeFrom, imageRef };
    const { body } = await client.send('volumev3', 'POST', '/volumes', { volume });
    expect(body.volume).toMatchObject({ status: 'creating', bootable: 'true' });
    dfw.removeImage(imageRef);
    // Nova boots only from an available volume.
    await client.until(async () => (await client.volume(body.volume.id)).status === 'available');
    const server = await client.makeServerOn(body.volume.id, 'b');
    expect(await client.makeImage(server, 'golden')).toMatchObject(MARKER);
    expect(await client.volume(body.volume.id)).toMatchObject({
      volume_image_metadata: { ...MARKER, image_id: imageRef, image_name: 'a-daily' },
    });
  });

  test('passes them on to its snapshots, and these to volumes', async ({ client, dfw }) => {
    const volume = dfw.addVolume({ imageMetadata: MARKER });
    const { id: snapshot_id } = dfw.addVolumeSnapshot({ volumeId: volume.id });
    const wanted = { volume: { ...volumeFrom, snapshot_id } };
    const { body } = await client.send('volumev3', 'POST', '/volumes', wanted);
    expect(body.volume).toMatchObject({ snapshot_id, volume_image_metadata: MARKER });
  });

  test('has its properties recorded on a server that a test adds', async ({ client, dfw }) => {
    dfw.addVolume({ id: 'root', imageMetadata: MARKER });
    const { id } = dfw.addServer({ name: 'b', image: '', volumeIds: ['root', 'data'] });
    const image = await client.makeImage(id, 'golden');
    expect(image).toMatchObject(MARKER);
    expect(JSON.parse(image.block_device_mapping)).toMatchObject([
      { boot_index: 0, device_name: '/dev/vda', source_type: 'snapshot', destination_type: 'volume' },
      { boot_index: null, device_name: '/dev/vdb' },
    ]);
  });
});

test('a volume keeps its device when another is detached, and the next one gets the free device', async ({
  client,
  cloud,
  dfw,
}) => {
  const { id, volumeIds } = dfw.addServer({ name: 'a', volumeIds: ['x', 'y'] });
  const path = `/servers/${id}/os-volume_attachments`;
  const devices = async () =>
    (await client.send('compute', 'GET', path)).body.volumeAttachments.map(
      (one: { volumeId: string; device: string }) => `${one.volumeId} ${one.device}`,
    );
  expect(await devices()).toEqual(['x /dev/vdb', 'y /dev/vdc']);
  await client.send('compute', 'DELETE', `${path}/x`);
  expect(await devices()).toEqual(['x /dev/vdb', 'y /dev/vdc']);
  cloud.advance(10_000);
  expect(await devices()).toEqual(['y /dev/vdc']);
  const volume = await client.makeVolume('z');
  await client.send('compute', 'POST', path, { volumeAttachment: { volumeId: volume } });
  expect(await devices()).toEqual(['y /dev/vdc', `${volume} /dev/vdb`]);
  expect(volumeIds).toEqual(['y', volume]);
});

describe('listings of images', () => {
  test('lack shared images that this project has not accepted', async ({ client, cloud, dfw }) => {
    const owner = 'another';
    const me = cloud.account.projectId;
    dfw.addImage({ name: 'public', owner, visibility: 'public' });
    dfw.addImage({ name: 'private', owner });
    dfw.addImage({ name: 'community', owner, visibility: 'community' });
    dfw.addImage({ name: 'own community', owner: me, visibility: 'community' });
    dfw.addImage({ name: 'own shared', owner: me, visibility: 'shared' });
    for (const status of ['accepted', 'pending', 'rejected']) {
      dfw.addImage({ name: status, owner, visibility: 'shared', members: { [me]: status } });
    }
    dfw.addImage({ name: "of others' members", owner, visibility: 'shared', members: { x: 'accepted' } });
    dfw.addImage({ name: 'deleted', owner: me, status: 'deleted' });
    dfw.addImage({ name: 'pending_delete', owner: me, status: 'pending_delete' });
    const names = async (query: string) =>
      (await client.send('image', 'GET', `/images?${query}&sort=name:asc`)).body.images
        .map(({ name }: { name: string }) => name)
        .filter((name: string) => name !== 'tiny');
    expect(await names('')).toEqual(['accepted', 'own community', 'own shared', 'public']);
    expect(await names('visibility=shared')).toEqual(['accepted', 'own shared']);
    expect(await names('visibility=community')).toEqual(['community', 'own community']);
    expect(await names('visibility=shared&member_status=pending')).toEqual(['own shared', 'pending']);
    expect(await names('member_status=all')).toEqual([
      ...['accepted', 'own community', 'own shared', 'pending', 'public', 'rejected'],
    ]);
    expect(await names(`owner=${me}`)).toEqual(['own community', 'own shared']);
  });

  test('GET returns shared images that were not accepted, but no private ones', async ({
    client,
    cloud,
    dfw,
  }) => {
    const members = { [cloud.account.projectId]: 'pending' };
    const shared = dfw.addImage({ name: 'a', owner: 'x', visibility: 'shared', members });
    const others = dfw.addImage({ name: 'b', owner: 'x', visibility: 'shared' });
    const get = async (id: string) => (await client.send('image', 'GET', `/images/${id}`)).status;
    expect([await get(shared.id), await get(others.id)]).toEqual([200, 404]);
    const path = `/images/${shared.id}/members/${cloud.account.projectId}`;
    const accept = await client.send('image', 'PUT', path, { status: 'accepted' });
    expect(accept).toMatchObject({ status: 200, body: { status: 'accepted' } });
    const { images } = (await client.send('image', 'GET', '/images?visibility=shared')).body;
    expect(images).toMatchObject([{ id: shared.id }]);
  });
});

describe('Cinder', () => {
  test.for(['creating', 'deleting', 'error_deleting', 'backing-up'])(
    'refuses to delete a snapshot that is %s',
    async (status, { client, dfw }) => {
      const { id } = dfw.addVolumeSnapshot({ volumeId: 'v', status });
      const answer = await client.send('volumev3', 'DELETE', `/snapshots/${id}`);
      expect(answer).toMatchObject({
        status: 400,
        body: {
          badRequest: { message: expect.stringMatching(/^Invalid snapshot: Snapshot status must be/) },
        },
      });
      expect(dfw.volumeSnapshots).toHaveLength(1);
    },
  );

  test.for([
    ['observer', 'DELETE', 403],
    ['observer', 'GET', 200],
    ['creator', 'DELETE', 403],
    ['admin', 'DELETE', 202],
  ] as const)('answers a %s to %s with %d', async ([role, method, status], { client, cloud, dfw }) => {
    const { id } = dfw.addVolumeSnapshot({ volumeId: 'v' });
    cloud.account.role = role;
    expect(await client.send('volumev3', method, `/snapshots/${id}`)).toMatchObject({ status });
  });
});
