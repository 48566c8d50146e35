import { describe, expect } from 'vitest';
import {
  deleteImage,
  getImage,
  type Image,
  listImageStatuses,
  listImages,
  setProperty,
} from '../../lib/openstack/images.ts';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { connected, receivedBy, test } from './connected.ts';

const ID = 'fe12dc34-0000-4000-8000-00000000000f';
/** The fields that every image of Glance has. */
const LEAST = {
  id: ID,
  status: 'active',
  visibility: 'private',
  tags: [],
  created_at: '2026-03-04T05:06:07Z',
};

describe('an image', () => {
  test('is read with the fields that rotation needs, its metadata among its properties', async ({
    cloud,
  }) => {
    const createdAt = new Date('2026-03-04T05:06:07Z');
    const properties = { autosnap_policy: 'daily', 'com.rackspace__1__options': '0', empty: '' };
    const added = cloud
      .region('ORD')
      .addImage({ name: 'web', owner: '123456', createdAt, properties, protected: true });
    const session = await connected(cloud);
    const image = await getImage(session, 'ORD', added.id);
    expect(image).toMatchObject({
      id: added.id,
      name: 'web',
      region: 'ORD',
      status: 'active',
      visibility: 'private',
      protected: true,
      owner: '123456',
      sizeBytes: 2_000_000_000,
      createdAt,
      properties: expect.objectContaining(properties),
    });
    await expect(listImages(session, 'ORD')).resolves.toEqual([image]);
  });

  test.for<[string, object, Partial<Image>]>([
    ['protected as the text "true"', { protected: 'true' }, { protected: true }],
    ['protected as the text "True"', { protected: 'True' }, { protected: true }],
    ['unprotected as the text "false"', { protected: 'false' }, { protected: false }],
    ['without a word on protection', {}, { protected: false }],
    ...[true, 1, null, ['forever']].map((hold): [string, object, Partial<Image>] => [
      `with a hold that is not a string: ${JSON.stringify(hold)}`,
      { autosnap_hold: hold },
      { properties: expect.objectContaining({ autosnap_hold: JSON.stringify(hold) }) },
    ]),
    ['without a name', {}, { name: '' }],
    ['with a name that is null', { name: null }, { name: '' }],
    ['without an owner', {}, { owner: undefined }],
    ['without a size', {}, { sizeBytes: undefined }],
    ['with a size that is null, as it is being made', { size: null }, { sizeBytes: undefined }],
    ['with a size of 0', { size: 0 }, { sizeBytes: 0 }],
    [
      'with tags, which are not a property',
      { tags: ['a'], min_ram: 512 },
      { properties: expect.not.objectContaining({ tags: expect.anything() }) },
    ],
  ])('may come %s', async ([, fields, expected], { replay }) => {
    replay.app.get('/image/v2/images/:id', (c) => c.json({ ...LEAST, ...fields }));
    await expect(getImage(await replay.connect(), 'DFW', ID)).resolves.toMatchObject({ id: ID, ...expected });
  });

  test('may have its size as a number with an exponent', async ({ replay }) => {
    const body = JSON.stringify({ ...LEAST, size: 0 }).replace('"size":0', '"size":1.017e9');
    replay.app.get('/image/v2/images/:id', (c) => c.body(body, 200, { 'content-type': 'application/json' }));
    await expect(getImage(await replay.connect(), 'DFW', ID)).resolves.toMatchObject({
      sizeBytes: 1_017_000_000,
    });
  });

  test('in a listing has only its own properties', async ({ cloud }) => {
    const owner = cloud.account.projectId;
    const given = [{ os: 'debian', a: '1' }, { os: 'debian', b: '1' }, { os: 'fedora' }];
    for (const properties of given) cloud.region('DFW').addImage({ name: 'web', owner, properties });
    const images = await listImages(await connected(cloud), 'DFW');
    const found = images.map(({ properties: { os, a, b } }) => ({ os, a, b }));
    expect(found).toHaveLength(3);
    for (const properties of given)
      expect(found).toContainEqual({ a: undefined, b: undefined, ...properties });
  });

  test.for(['pending_delete', 'deleted'])(
    'that is %s does not exist, neither by its id nor in a listing',
    async (status, { cloud }) => {
      const owner = cloud.account.projectId;
      const { id } = cloud.region('DFW').addImage({ name: 'web', owner, status });
      const stays = cloud.region('DFW').addImage({ name: 'web', owner, status: 'killed' });
      const session = await connected(cloud);
      await expect(getImage(session, 'DFW', id)).resolves.toBeUndefined();
      await expect(listImages(session, 'DFW')).resolves.toMatchObject([{ id: stays.id, status: 'killed' }]);
      await expect(listImageStatuses(session, 'DFW')).resolves.toEqual(new Map([[stays.id, 'killed']]));
    },
  );

  test('is undefined if it does not exist', async ({ cloud }) => {
    await expect(getImage(await connected(cloud), 'DFW', ID)).resolves.toBeUndefined();
  });

  test.for<[string, FaultAnswer, string]>([
    ['may not be read', answers.forbidden, 'FORBIDDEN'],
    ['is no image', { status: 200, body: { images: [] } }, 'BAD_ANSWER'],
    ['is empty', { status: 200, body: '' }, 'BAD_ANSWER'],
  ])('causes an error, and is not missing, if the answer %s', async ([, answer, code], { cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'image', answer });
    await expect(getImage(session, 'DFW', ID)).rejects.toMatchObject({ name: 'CloudError', code });
  });
});

describe('a listing of images', () => {
  test('has the private images, and only those of one name if requested', async ({ cloud }) => {
    const owner = cloud.account.projectId;
    const add = (name: string, more = {}) => cloud.region('DFW').addImage({ name, owner, ...more }).id;
    const mine = add('web & db');
    const other = add('web');
    add('web & db', { visibility: 'public', owner: 'rackspace' });
    const session = await connected(cloud);
    const ids = (images: Image[]) => images.map(({ id }) => id).sort();
    expect(ids(await listImages(session, 'DFW'))).toEqual([mine, other].sort());
    expect(ids(await listImages(session, 'DFW', 'web & db'))).toEqual([mine]);
  });
});

test.for([
  ['GET', getImage],
  ['DELETE', deleteImage],
] as const)('an unusual id never leads to a %s of another resource', async ([method, work], { replay }) => {
  replay.app.all('*', (c) => c.body(null, method === 'GET' ? 404 : 204));
  await work(await replay.connect(), 'DFW', '../images?x');
  const path = '/image/v2/images/..%2Fimages%3Fx';
  expect(replay.askedOfServices()).toMatchObject([{ method, path, query: '' }]);
});

describe('deleting an image', () => {
  test.for(['active', 'queued', 'saving'])('that is %s', async (status, { cloud }) => {
    const { id } = cloud.region('DFW').addImage({ name: 'web', owner: cloud.account.projectId, status });
    await deleteImage(await connected(cloud), 'DFW', id);
    expect(cloud.region('DFW').images).toEqual([]);
  });

  test('succeeds if the image was already deleted', async ({ cloud }) => {
    await expect(deleteImage(await connected(cloud), 'DFW', ID)).resolves.toBeUndefined();
    expect(receivedBy(cloud, 'image')).toMatchObject([{ method: 'DELETE', path: `/v2/images/${ID}` }]);
  });

  test.concurrent.for<[string, FaultAnswer]>([
    ['lost, and the second one says that it is gone', 'lose'],
    ['cut off before', 'drop'],
    ['503', answers.unavailable],
    ['413', { status: 413, body: { overLimit: { message: 'OverLimit Retry...' } } }],
  ])('is repeated if the answer is %s', async ([, answer], { cloud }) => {
    const { id } = cloud.region('DFW').addImage({ name: 'web', owner: cloud.account.projectId });
    const session = await connected(cloud);
    cloud.faults.push({ service: 'image', answer });
    await expect(deleteImage(session, 'DFW', id)).resolves.toBeUndefined();
    expect(receivedBy(cloud, 'image')).toHaveLength(2);
    expect(cloud.region('DFW').images).toEqual([]);
  });

  test('is refused if the image is protected, with a message without the markup of Glance', async ({
    cloud,
  }) => {
    const { id } = cloud
      .region('DFW')
      .addImage({ name: 'web', owner: cloud.account.projectId, protected: true });
    await expect(deleteImage(await connected(cloud), 'DFW', id)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringMatching(new RegExp(`: 403 Image ${id} is protected and cannot be deleted\\.$`)),
    });
    expect(cloud.region('DFW').images).toHaveLength(1);
  });

  test('is refused if the user lacks the role for it', async ({ cloud }) => {
    cloud.account.role = 'creator';
    const { id } = cloud.region('DFW').addImage({ name: 'web', owner: cloud.account.projectId });
    await expect(deleteImage(await connected(cloud), 'DFW', id)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  test('is a conflict if the image is in use', async ({ cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'image', answer: answers.conflict });
    await expect(deleteImage(session, 'DFW', ID)).rejects.toMatchObject({ code: 'CONFLICT', status: 409 });
  });
});

describe('setting a property of an image', () => {
  const given = (properties: Record<string, string>) => ({ id: ID, region: 'DFW', properties }) as Image;

  test.for<[string, Record<string, string>, string]>([
    ['adds one that it has not', {}, 'add'],
    ['replaces one that it has', { autosnap_expires: '' }, 'replace'],
  ])('%s, in the media type that Glance requires', async ([, properties, op], { replay }) => {
    const end = { autosnap_expires: '2026-05-06T00:00:00Z' };
    replay.app.patch(`/image/v2/images/${ID}`, (c) => c.json({ ...LEAST, ...end }));
    await setProperty(await replay.connect(), given(properties), 'autosnap_expires', '2026-05-06T00:00:00Z');
    const [asked, ...more] = replay.askedOfServices();
    expect(asked?.headers).toMatchObject({ 'content-type': 'application/openstack-images-v2.1-json-patch' });
    expect(JSON.parse(asked?.body ?? '')).toEqual([
      { op, path: '/autosnap_expires', value: '2026-05-06T00:00:00Z' },
    ]);
    expect(more).toEqual([]);
  });

  test.for<[string, object]>([
    ['nothing at all', {}],
    ['the image without it', LEAST],
    ['the image with another value', { ...LEAST, autosnap_expires: 'never' }],
  ])('fails if the answer shows %s', async ([, answer], { replay }) => {
    replay.app.patch('*', (c) => c.json(answer));
    const attempt = setProperty(await replay.connect(), given({}), 'autosnap_expires', 'x');
    await expect(attempt).rejects.toMatchObject({ code: 'BAD_ANSWER' });
  });

  test.for([
    [403, 'FORBIDDEN'],
    [404, 'NOT_FOUND'],
    [409, 'CONFLICT'],
  ] as const)('that Glance refuses with %i is an error', async ([status, code], { replay }) => {
    replay.app.patch('*', (c) => c.json({ message: 'No.<br />', code: `${status} No`, title: 'No' }, status));
    const attempt = setProperty(await replay.connect(), given({}), 'autosnap_expires', 'x');
    await expect(attempt).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^\[PATCH\] .*: \d+ No\.$/),
    });
  });
});

describe('the volume snapshots of an image', () => {
  const mapping = [
    { source_type: 'snapshot', snapshot_id: 's-1', boot_index: 0 },
    { source_type: 'blank', snapshot_id: null },
    { source_type: 'image' },
    { source_type: 'snapshot', snapshot_id: 's-2', boot_index: 1 },
  ];
  test.for<[string, string | undefined, string[]]>([
    ['are named in its block device mapping', JSON.stringify(mapping), ['s-1', 's-2']],
    ['are none where it has no mapping', undefined, []],
    ['are none in an empty one', '[]', []],
    ['are none in broken JSON', '[{"snapshot_id": "s-1"', []],
    ['are none in an empty text', '', []],
    ['are none in JSON of another form', '{"snapshot_id": "s-1"}', []],
  ])('%s', async ([, block_device_mapping, volumeSnapshotIds], { replay }) => {
    replay.app.get('/image/v2/images/:id', (c) => c.json({ ...LEAST, block_device_mapping }));
    await expect(getImage(await replay.connect(), 'DFW', ID)).resolves.toMatchObject({ volumeSnapshotIds });
  });
});
