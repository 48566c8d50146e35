import { expect } from 'vitest';
import { test } from './running-cloud.ts';

interface Row {
  Name: string;
  ID: string;
}

test('the openstack command lists the servers of the fleet', async ({ cloud }) => {
  const servers: Row[] = await cloud.openstack('server', 'list');
  expect(servers.map(({ Name }) => Name)).toEqual(['web-1', 'web-2', 'db-1', 'db-2', 'build-scratch']);
});
