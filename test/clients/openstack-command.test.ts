import { expect } from 'vitest';
import { test } from './running-cloud.ts';

interface Row {
  Name: string;
  ID: string;
}

test('the openstack command lists servers, creates an image of one, changes, shows and deletes it', async ({
  cloud,
}) => {
  const servers: Row[] = await cloud.openstack('server', 'list');
  expect(servers.map(({ Name }) => Name)).toEqual(['web-1', 'web-2', 'db-1', 'db-2', 'build-scratch']);

  const create = ['image', 'create', '--name', 'by-command', '--wait', 'web-1'];
  const { id } = await cloud.openstack('server', ...create);
  await cloud.run('openstack', 'image', 'set', '--property', 'autosnap_hold=forever', id);
  expect(await cloud.openstack('image', 'show', id)).toMatchObject({
    name: 'by-command',
    status: 'active',
    properties: { instance_uuid: servers[0]!.ID, image_type: 'snapshot', autosnap_hold: 'forever' },
  });
  await cloud.run('openstack', 'image', 'delete', id);
  const left: Row[] = await cloud.openstack('image', 'list', '--private');
  expect(left.map(({ ID }) => ID)).not.toContain(id);
  expect(left.map(({ Name }) => Name)).toContain('golden-web-2026');
});

test('the openstack command lists the snapshots of volumes', async ({ cloud }) => {
  const snapshots: Row[] = await cloud.openstack('volume', 'snapshot', 'list');
  expect(snapshots.map(({ Name }) => Name)).toContainEqual(expect.stringMatching(/^db-1-data-daily-/));
});
