import { expect } from 'vitest';
import { test } from './running-cloud.ts';

const FLEET = ['web-1', 'web-2', 'db-1', 'db-2', 'build-scratch'];

test('openstacksdk uses servers, images, volumes and objects', async ({ cloud }) => {
  expect(await cloud.python('sdk.py')).toEqual({
    servers: FLEET,
    named: ['db-1', 'db-2'],
    pages: FLEET,
    server: { status: 'ACTIVE', vcpus: 2, metadata: { autosnap: 'daily' }, locked: false },
    changed: { autosnap: 'daily,weekly' },
    snapshot: { status: 'active', server: true, made: 'by hand' },
    image: { hold: 'forever', protected: true, tags: ['kept'] },
    refused: true,
    deleted: true,
    uploaded: { size: 60_000, checksum: true, min_disk: 3, same: true },
    deactivated: ['deactivated', 403],
    volume_snapshots: ['of-data'],
    volumes: ['db-1-data', 'db-1-logs'],
    object: { data: 'small', made: 'by-sdk' },
    objects: ['a/small'],
    emptied: true,
    made: 'ACTIVE',
    gone: true,
  });
});
