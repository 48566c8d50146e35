import { expect } from 'vitest';
import { test } from './running-cloud.ts';

test("libcloud's Rackspace drivers use servers, images and files", async ({ cloud }) => {
  expect(await cloud.python('libcloud_rackspace.py')).toEqual({
    nodes: ['web-1', 'web-2', 'db-1', 'db-2', 'build-scratch'],
    node: { state: 'running', metadata: { autosnap: 'daily' }, host: true },
    sizes: [
      ['512MB Standard Instance', 512, 20, 1],
      ['1 GB General Purpose v1', 1024, 20, 1],
    ],
    metadata: { autosnap: 'daily', tier: 'gold' },
    images: ['golden-web-2026'],
    image: { name: 'by-libcloud', status: 'SAVING', tier: 'gold', server: true },
    deleted: true,
    left: [],
    object: { name: 'ünï/x.vhd', size: 9, made: { made: 'by-libcloud' }, data: 'some data' },
    containers: ['backups'],
    listed: ['ünï/x.vhd'],
    emptied: true,
  });
});
