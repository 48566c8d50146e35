import { describe, expect } from 'vitest';
import type { CloudServer } from '../../local/cloud/state.ts';
import { test } from './embedded.ts';

// How Nova and Cinder detach volumes: nova/compute/api.py detach_volume, and Cinder's statuses.

describe('a detachment', () => {
  test('takes a while, in which Nova still lists the volume and Cinder calls it detaching', async ({
    client,
    cloud,
    dfw,
  }) => {
    const volume = dfw.addVolume({ name: 'data' });
    const { id } = dfw.addServer({ name: 'a', volumeIds: [volume.id], vmState: 'stopped' });
    const path = `/servers/${id}/os-volume_attachments`;
    const detach = () => client.send('compute', 'DELETE', `${path}/${volume.id}`);
    expect(await detach()).toMatchObject({ status: 202 });
    const shown = async () => (await client.send('volumev3', 'GET', `/volumes/${volume.id}`)).body.volume;
    expect(await shown()).toMatchObject({ status: 'detaching', attachments: [{ server_id: id }] });
    expect((await client.send('compute', 'GET', path)).body.volumeAttachments).toHaveLength(1);
    expect(await detach()).toMatchObject({ status: 400 });
    cloud.advance(10_000);
    expect(await shown()).toMatchObject({ status: 'available', attachments: [] });
    expect((await client.send('compute', 'GET', path)).body.volumeAttachments).toEqual([]);
    expect(await detach()).toMatchObject({ status: 404 });
  });

  test.for<[string, Partial<CloudServer>, number]>([
    ['the root volume', { rootVolume: 'v' }, 400],
    ['a locked server', { locked: true }, 409],
    ['a busy server', { taskState: 'powering-off' }, 409],
    ['a server in an error', { vmState: 'error' }, 409],
  ])('is refused for %s', async ([, change, status], { client, dfw }) => {
    const { id, volumeIds } = dfw.addServer({ name: 'a', volumeIds: ['v'], ...change });
    const path = `/servers/${id}/os-volume_attachments/v`;
    expect(await client.send('compute', 'DELETE', path)).toMatchObject({ status });
    expect(volumeIds).toEqual(['v']);
  });
});
