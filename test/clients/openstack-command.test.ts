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

test('the openstack command lists servers with all details', async ({ cloud }) => {
  const servers: (Row & { 'Flavor Name': string })[] = await cloud.openstack('server', 'list', '--long');
  expect(servers.map(({ Name }) => Name)).toContain('db-1');
});

test('the openstack command makes a snapshot of a volume by its name, and a volume of the snapshot', async ({
  cloud,
}) => {
  const wait = async (...command: string[]) => {
    let status = '';
    while (status !== 'available') ({ status } = await cloud.openstack(...command));
  };
  // By default the command asks for version 3.0 without `force`, which Cinder refuses for a volume
  // in use.
  const take = ['snapshot', 'create', '--volume', 'db-1-data', 'by-command'];
  const { volume_id: volume } = await cloud.openstack('--os-volume-api-version', '3.66', 'volume', ...take);
  expect(await cloud.openstack('volume', 'show', 'db-1-data')).toMatchObject({ id: volume });
  await wait('volume', 'snapshot', 'show', 'by-command');
  const made = await cloud.openstack('volume', 'create', '--snapshot', 'by-command', 'copy-by-command');
  const original = await cloud.openstack('volume', 'show', volume);
  expect(made).toMatchObject({ name: 'copy-by-command', size: original.size });
  await wait('volume', 'show', 'copy-by-command');
  await cloud.run('openstack', 'volume', 'delete', 'copy-by-command');
  await cloud.run('openstack', 'volume', 'snapshot', 'delete', 'by-command');
  const left: Row[] = await cloud.openstack('volume', 'snapshot', 'list');
  expect(left.map(({ Name }) => Name)).not.toContain('by-command');
});
