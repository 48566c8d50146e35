import { describe, expect } from 'vitest';
import { connect } from '../../lib/openstack/session.ts';
import {
  createVolumeSnapshot,
  deleteVolumeSnapshot,
  getVolumeSnapshot,
  listVolumeSnapshots,
  setVolumeSnapshotMetadata,
} from '../../lib/openstack/volume-snapshots.ts';
import { credentialsOf, type Replay, test, unhurried } from './connected.ts';

const ID = '5f0c7d3e-0000-4000-8000-0000000000aa';
const NOT_FOUND = { itemNotFound: { code: 404, message: `Snapshot ${ID} could not be found.` } };

/** Cinder with one answer for the one snapshot. */
function cinderWith({ app }: Replay, status: number, body?: object): void {
  app.on(['GET', 'DELETE'], `/volume/snapshots/${ID}`, (c) =>
    body ? c.json(body, status as 200) : c.body(null, status as 204),
  );
}

describe('all volume snapshots of a project are listed, from every page', () => {
  test.for(['password', 'rackspace'] as const)('%s', async (kind, { cloud }) => {
    cloud.pageSize = 2;
    const wanted = Array.from({ length: 5 }, (_, i) =>
      cloud.region('DFW').addVolumeSnapshot({ volumeId: `volume-${i}`, metadata: { i: String(i) } }),
    );
    const session = await connect(async () => credentialsOf(cloud, kind), unhurried);
    const found = await listVolumeSnapshots(session, 'DFW');
    expect(found.map(({ id, metadata }) => [id, metadata]).sort()).toEqual(
      wanted.map(({ id, metadata }) => [id, metadata]).sort(),
    );
  });
});

describe('a volume snapshot', () => {
  test.for([
    ['without a zone, as Cinder writes it', '2026-11-23T00:00:20.000000'],
    ['with one', '2026-11-23T02:00:20+02:00'],
  ])('is read with what it was created from; its time %s', async ([, created_at], { replay }) => {
    cinderWith(replay, 200, {
      snapshot: {
        id: ID,
        status: 'available',
        volume_id: 'vol-1',
        size: 1,
        name: 'snapshot for web',
        created_at,
        metadata: {},
      },
    });
    const session = await replay.connect();
    await expect(getVolumeSnapshot(session, 'DFW', ID)).resolves.toEqual({
      id: ID,
      region: 'DFW',
      name: 'snapshot for web',
      description: '',
      status: 'available',
      createdAt: new Date('2026-11-23T00:00:20Z'),
      volumeId: 'vol-1',
      sizeGb: 1,
      metadata: {},
    });
  });

  test('is undefined if it does not exist', async ({ replay }) => {
    cinderWith(replay, 404, NOT_FOUND);
    await expect(getVolumeSnapshot(await replay.connect(), 'DFW', ID)).resolves.toBeUndefined();
  });

  test.for<[string, number, object | undefined, string]>([
    ['that may not be read', 403, { forbidden: { code: 403, message: 'No.' } }, 'FORBIDDEN'],
    [
      'without its volume',
      200,
      { snapshot: { id: ID, status: 'available', created_at: '2026-11-23T00:00:20' } },
      'BAD_ANSWER',
    ],
    [
      'without its time',
      200,
      { snapshot: { id: ID, status: 'available', volume_id: 'vol-1' } },
      'BAD_ANSWER',
    ],
    ['that is none', 200, undefined, 'BAD_ANSWER'],
  ])('%s is an error', async ([, status, body, code], { replay }) => {
    cinderWith(replay, status, body);
    await expect(getVolumeSnapshot(await replay.connect(), 'DFW', ID)).rejects.toMatchObject({
      name: 'CloudError',
      code,
    });
  });

  test.for([
    ['Cinder accepts it', 202, undefined],
    ['it is no longer there', 404, NOT_FOUND],
  ] as const)('is deleted if %s', async ([, status, body], { replay }) => {
    cinderWith(replay, status, body);
    await expect(deleteVolumeSnapshot(await replay.connect(), 'DFW', ID)).resolves.toBeUndefined();
    expect(replay.askedOfServices()).toMatchObject([{ method: 'DELETE', path: `/volume/snapshots/${ID}` }]);
  });

  test.for([
    [
      400,
      'BAD_REQUEST',
      { badRequest: { code: 400, message: 'Invalid snapshot: status must be available.' } },
    ],
    [409, 'CONFLICT', { conflictingRequest: { code: 409, message: 'It has dependents.' } }],
  ] as const)('is not deleted if Cinder answers %i', async ([status, code, body], { replay }) => {
    cinderWith(replay, status, body);
    await expect(deleteVolumeSnapshot(await replay.connect(), 'DFW', ID)).rejects.toMatchObject({
      code,
      status,
    });
  });

  test.for([
    ['GET', getVolumeSnapshot],
    ['DELETE', deleteVolumeSnapshot],
  ] as const)(
    'with an unusual id never leads to a %s of another resource',
    async ([method, work], { replay }) => {
      replay.app.all('*', (c) => c.body(null, method === 'GET' ? 404 : 202));
      await work(await replay.connect(), 'DFW', '../volumes/1?force');
      const path = '/volume/snapshots/..%2Fvolumes%2F1%3Fforce';
      expect(replay.askedOfServices()).toMatchObject([{ method, path, query: '' }]);
    },
  );
});

describe('a new volume snapshot', () => {
  const wanted = {
    volumeId: 'vol-1',
    name: 'db-daily',
    description: 'marker',
    metadata: { autosnap_owner: 'o' },
  };

  test.for(['password', 'rackspace'] as const)(
    'has its name, description and metadata: %s',
    async (kind, { cloud }) => {
      cloud.region('DFW').addServer({ name: 'db', volumeIds: ['vol-1'] });
      const session = await connect(async () => credentialsOf(cloud, kind), unhurried);
      const made = await createVolumeSnapshot(session, 'DFW', wanted);
      expect(made).toMatchObject({ ...wanted, region: 'DFW', status: 'creating', sizeGb: 1 });
      await setVolumeSnapshotMetadata(session, made, { autosnap_hold: 'forever' });
      expect(await getVolumeSnapshot(session, 'DFW', made.id)).toMatchObject({
        name: 'db-daily',
        description: 'marker',
        metadata: { autosnap_owner: 'o', autosnap_hold: 'forever' },
      });
    },
  );

  test.for([
    [413, { overLimit: { code: 413, message: 'SnapshotLimitExceeded', retryAfter: '0' } }, 'OVER_QUOTA'],
    [429, { computeFault: { code: 429, message: 'Snapshot quota limit exceeded' } }, 'OVER_QUOTA'],
    [409, { conflictingRequest: { code: 409, message: 'Existing snapshot operation' } }, 'CONFLICT'],
    [400, { badRequest: { code: 400, message: 'Invalid volume' } }, 'BAD_REQUEST'],
  ] as const)('that the cloud refuses with %d is an error', async ([status, body, code], { replay }) => {
    replay.app.post('/volume/snapshots', (c) => c.json(body, status));
    const session = await replay.connect();
    await expect(createVolumeSnapshot(session, 'DFW', wanted)).rejects.toMatchObject({ code });
  });

  test('causes an error if anything else is answered', async ({ replay }) => {
    replay.app.post('/volume/snapshots', (c) => c.json({}, 202));
    const session = await replay.connect();
    await expect(createVolumeSnapshot(session, 'DFW', wanted)).rejects.toMatchObject({ code: 'BAD_ANSWER' });
  });
});
