import { describe, expect } from 'vitest';
import { attachmentsOf, attachVolume, detachVolume, rootVolumeOf } from '../../lib/openstack/attachments.ts';
import { connect } from '../../lib/openstack/session.ts';
import { connected, credentialsOf, test, unhurried } from './connected.ts';

const SERVER = { region: 'DFW', id: 's', volumeIds: ['root', 'data'] };

/** Nova's answer for volumes that are attached as these devices. */
const attached = (devices: (string | null)[]) => ({
  volumeAttachments: devices.map((device, i) => ({
    id: `v${i}`,
    volumeId: `v${i}`,
    serverId: SERVER.id,
    device,
  })),
});

describe('the root volume of a server', () => {
  test.for<[string, (string | null)[], string | undefined]>([
    ['virtio', ['/dev/vdb', '/dev/vda'], 'v1'],
    ['SCSI, as on the fake driver', ['/dev/sda', '/dev/sdb'], 'v0'],
    ['Xen', ['/dev/xvda'], 'v0'],
    ['IDE', ['/dev/hda'], 'v0'],
    ['without its folder', ['vda'], 'v0'],
    ['none of those attached', ['/dev/vdb', '/dev/xvdb'], undefined],
    ['one that is far behind', ['/dev/vdaa', '/dev/sdaa'], undefined],
    ['an unknown place, which may be that of the root', ['/dev/vdb', null], 'v1'],
  ])('is $2 by the devices of %s', async ([, devices, root], { replay }) => {
    replay.app.get('/compute/servers/:id/os-volume_attachments', (c) => c.json(attached(devices)));
    expect(await rootVolumeOf(await replay.connect(), SERVER)).toBe(root);
  });

  test('needs no request for a server without volumes', async ({ replay }) => {
    expect(await rootVolumeOf(await replay.connect(), { ...SERVER, volumeIds: [] })).toBeUndefined();
    expect(replay.askedOfServices()).toEqual([]);
  });

  test('an invalid answer is an error, and does not count as a local root disk', async ({ replay }) => {
    replay.app.get('/compute/servers/:id/os-volume_attachments', (c) => c.json({ volumeAttachments: [{}] }));
    await expect(rootVolumeOf(await replay.connect(), SERVER)).rejects.toMatchObject({ code: 'BAD_ANSWER' });
  });

  test('is found in the embedded cloud', async ({ cloud }) => {
    const db = cloud.region('DFW').addServer({ name: 'db', image: '', volumeIds: ['root', 'data'] });
    const web = cloud.region('DFW').addServer({ name: 'web', volumeIds: ['data'] });
    const session = await connected(cloud);
    const asked = (id: string) => rootVolumeOf(session, { region: 'DFW', id, volumeIds: ['data'] });
    expect(await asked(db.id)).toBe('root');
    expect(await asked(web.id)).toBeUndefined();
  });
});

describe.each(['rackspace', 'password'] as const)('a volume of a server by %s', (kind) => {
  test('gets the device that is asked for at Rackspace, and the first free one elsewhere', async ({
    cloud,
  }) => {
    const region = cloud.region('DFW');
    const volume = region.addVolume({ name: 'data' });
    const server = region.addServer({ name: 'web' });
    const session = await connect(async () => credentialsOf(cloud, kind), unhurried);
    const here = { region: 'DFW', id: server.id };
    await attachVolume(session, here, { id: volume.id, multiattach: false }, '/dev/vdf');
    const device = kind === 'rackspace' ? '/dev/vdf' : '/dev/vdb';
    expect(await attachmentsOf(session, here)).toEqual([{ volumeId: volume.id, device }]);
  });

  test('is detached, also if it was detached before', async ({ cloud }) => {
    const region = cloud.region('DFW');
    const server = region.addServer({ name: 'web', volumeIds: ['data'] });
    const session = await connect(async () => credentialsOf(cloud, kind), unhurried);
    const here = { region: 'DFW', id: server.id };
    await detachVolume(session, here, 'data');
    cloud.advance(60_000);
    await detachVolume(session, here, 'data');
    expect(await attachmentsOf(session, here)).toEqual([]);
  });
});
