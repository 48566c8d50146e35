import { createServer } from 'node:http';
import { describe, expect } from 'vitest';
import { createImage, listServers } from '../../lib/openstack/compute.ts';
import type { Deadline } from '../../lib/openstack/http.ts';
import { connect } from '../../lib/openstack/session.ts';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { connected, credentialsOf, receivedBy, test, unhurried } from './connected.ts';

const SERVER = { id: '0a1b2c3d-0000-4000-8000-000000000001', region: 'DFW' };
const IMAGE_ID = 'fe12dc34-0000-4000-8000-00000000000f';
const IMAGE = { name: 'web-1-daily', metadata: { autosnap_policy: 'daily' } };

describe('the servers of a region', () => {
  test('are those of that region, with the fields that snapshots need', async ({ cloud }) => {
    const metadata = { autosnap: 'daily,weekly', 'Server Label': 'Web Head 1' };
    const { id } = cloud.region('DFW').addServer({ name: 'web-1', metadata, taskState: 'rebooting' });
    const volume = cloud.region('DFW').addServer({ name: 'db-1', image: '' });
    cloud.region('ORD').addServer({ name: 'elsewhere' });
    const common = { region: 'DFW', taskState: null, metadata: {}, volumeBacked: false };
    await expect(listServers(await connected(cloud), 'DFW')).resolves.toMatchObject([
      { ...common, id, name: 'web-1', metadata, taskState: 'rebooting' },
      { ...common, id: volume.id, name: 'db-1', volumeBacked: true },
    ]);
  });

  test.for<[string, object, object]>([
    ['an image', { image: { id: 'base', links: [] } }, { volumeBacked: false }],
    ['"" for an image, as Nova says of a volume', { image: '' }, { volumeBacked: true }],
    ['null for an image', { image: null }, { volumeBacked: true }],
    ['no image', {}, { volumeBacked: true }],
    ['no metadata', {}, { metadata: {} }],
    ['no task state', {}, { taskState: null }],
    ['a task state that is null', { 'OS-EXT-STS:task_state': null }, { taskState: null }],
    ['a task state', { 'OS-EXT-STS:task_state': 'image_uploading' }, { taskState: 'image_uploading' }],
    ['a name that is empty', { name: '' }, { name: '' }],
    [
      'a flavor, a key pair, and groups that are listed once per port',
      { flavor: { id: '2' }, key_name: 'ops', security_groups: [{ name: 'web' }, { name: 'web' }] },
      { flavorId: '2', keyName: 'ops', securityGroups: ['web'] },
    ],
    [
      'invalid values or none for these',
      { flavor: { vcpus: 1 }, key_name: null, security_groups: 'many' },
      { flavorId: undefined, keyName: undefined, securityGroups: [] },
    ],
    ['no volumes', {}, { volumeIds: [] }],
    [
      'volumes',
      {
        'os-extended-volumes:volumes_attached': [{ id: 'v-1', delete_on_termination: false }, { id: 'v-2' }],
      },
      { volumeIds: ['v-1', 'v-2'] },
    ],
  ])('may have %s', async ([, server, expected], { replay }) => {
    replay.app.get('/compute/servers/detail', (c) =>
      c.json({ servers: [{ id: 'i', name: 'n', ...server }] }),
    );
    await expect(listServers(await replay.connect(), 'DFW')).resolves.toMatchObject([expected]);
  });
});

describe('an image of a server', () => {
  test.for(['rackspace', 'password'] as const)(
    'is requested, and its id is returned: %s',
    async (kind, { cloud }) => {
      const { id } = cloud.region('DFW').addServer({ name: 'web-1' });
      const session = await connect(async () => credentialsOf(cloud, kind), unhurried);
      const made = await createImage(session, { id, region: 'DFW' }, IMAGE);
      expect(cloud.region('DFW').images).toMatchObject([
        {
          id: made,
          name: 'web-1-daily',
          status: 'queued',
          properties: { autosnap_policy: 'daily', instance_uuid: id },
        },
      ]);
    },
  );

  test.for<[string, string | undefined, object | undefined, string | undefined]>([
    ['an image URL of Nova', `https://dfw.servers.example/v2/424242/images/${IMAGE_ID}`, undefined, IMAGE_ID],
    ['one of Glance, without a version', `http://10.0.0.7:9292/images/${IMAGE_ID}`, undefined, IMAGE_ID],
    ['a path alone', `/images/${IMAGE_ID}`, undefined, IMAGE_ID],
    [
      'a path with a project that is a UUID too',
      `http://x.example/${SERVER.id}/images/${IMAGE_ID}`,
      undefined,
      IMAGE_ID,
    ],
    ['something after the id', `http://x.example/images/${IMAGE_ID}/?v=2`, undefined, IMAGE_ID],
    ['capitals', `http://x.example/images/${IMAGE_ID.toUpperCase()}`, undefined, IMAGE_ID.toUpperCase()],
    ['its id in the body, from API 2.45 on', undefined, { image_id: IMAGE_ID }, IMAGE_ID],
    ['a URL without an id', 'www.someurl.com', undefined, undefined],
    ['an id that is too short', '/images/fe12dc34-0000-4000-8000', undefined, undefined],
    ['a body that does not say', undefined, { image: 'one' }, undefined],
    ['nothing', undefined, undefined, undefined],
  ])('may be named by %s', async ([, location, body, expected], { replay }) => {
    replay.app.post(`/compute/servers/${SERVER.id}/action`, (c) => {
      const headers = location ? { location } : undefined;
      return body ? c.json(body, 202, headers) : c.body(null, 202, headers);
    });
    await expect(createImage(await replay.connect(), SERVER, IMAGE)).resolves.toBe(expected);
    expect(replay.askedOfServices().map((asked) => JSON.parse(asked.body))).toEqual([
      { createImage: { name: 'web-1-daily', metadata: { autosnap_policy: 'daily' } } },
    ]);
  });

  test('is requested with the id of the server escaped in the path', async ({ replay }) => {
    replay.app.post('*', (c) => c.body(null, 202));
    await createImage(await replay.connect(), { id: '1/../2?x', region: 'DFW' }, IMAGE);
    expect(replay.askedOfServices()).toMatchObject([
      { path: '/compute/servers/1%2F..%2F2%3Fx/action', query: '' },
    ]);
  });

  test.for<[string, { vmState?: string; taskState?: string; image?: string }, object, string, RegExp]>([
    [
      'is being snapshotted',
      { taskState: 'image_uploading' },
      {},
      'CONFLICT',
      /409 Cannot 'createImage' .* task_state image_uploading$/,
    ],
    ['is in error', { vmState: 'error' }, {}, 'CONFLICT', /409 Cannot 'createImage' .* vm_state error$/],
    ['has its disk on a volume', { image: '' }, {}, 'BAD_REQUEST', /400 .*boot from a volume/],
    [
      'would get a name of 256',
      {},
      { name: 'n'.repeat(256) },
      'BAD_REQUEST',
      /400 Invalid input for field\/attribute name/,
    ],
    [
      'would get a name that begins with a space',
      {},
      { name: ' x' },
      'BAD_REQUEST',
      /400 .*printable characters/,
    ],
    [
      'would get a key with a slash',
      {},
      { metadata: { 'a/b': '1' } },
      'BAD_REQUEST',
      /400 .*'a\/b' does not match/,
    ],
    [
      'would get a value of 256',
      {},
      { metadata: { a: 'v'.repeat(256) } },
      'BAD_REQUEST',
      /400 Invalid input .* a\. /,
    ],
  ])('is refused if the server %s', async ([, state, image, code, message], { cloud }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web-1', ...state });
    const attempt = createImage(await connected(cloud), { id, region: 'DFW' }, { ...IMAGE, ...image });
    await expect(attempt).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(cloud.region('DFW').images).toEqual([]);
    expect(receivedBy(cloud, 'compute')).toHaveLength(1);
  });
});

describe('a request for an image', () => {
  test.for<[string, FaultAnswer, string, number]>([
    ['a lost answer', 'lose', 'NO_ANSWER', 1],
    ['a cut connection', 'drop', 'NO_ANSWER', 0],
    ['a truncated answer', { status: 202, body: '{"image_id"' }, 'BAD_ANSWER', 0],
    ['a 500', answers.serverError, 'UNAVAILABLE', 0],
    ['a 502', answers.html, 'UNAVAILABLE', 0],
    [
      'a 503 with a time to retry',
      { ...answers.unavailable, headers: { 'retry-after': '1' } },
      'UNAVAILABLE',
      0,
    ],
    ['a 504', { status: 504, body: '' }, 'UNAVAILABLE', 0],
    ['an exceeded quota', answers.quota, 'OVER_QUOTA', 0],
  ])(
    'is not repeated after %s, because the image may have been created',
    async ([, answer, code, images], { cloud }) => {
      const { id } = cloud.region('DFW').addServer({ name: 'web-1' });
      const session = await connected(cloud);
      cloud.faults.push({ service: 'compute', answer });
      await expect(createImage(session, { id, region: 'DFW' }, IMAGE)).rejects.toMatchObject({ code });
      expect(receivedBy(cloud, 'compute')).toHaveLength(1);
      expect(cloud.region('DFW').images).toHaveLength(images);
    },
  );

  test.concurrent.for<[string, FaultAnswer]>([
    ['a 413 of the rate limit', answers.retryAfterHeader(413, 1)],
    ['a 413 that names no time', { status: 413, body: { overLimit: { message: 'OverLimit Retry...' } } }],
    ['a 429', { status: 429, body: '' }],
  ])('is repeated after %s, because it was not carried out', async ([, answer], { cloud }) => {
    const { id } = cloud.region('DFW').addServer({ name: 'web-1' });
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', answer });
    await createImage(session, { id, region: 'DFW' }, IMAGE);
    expect(receivedBy(cloud, 'compute')).toHaveLength(2);
    expect(cloud.region('DFW').images).toHaveLength(1);
  });

  test.concurrent('is sent again after a refused connection', async ({ replay, onTestFinished }) => {
    const received: (string | undefined)[] = [];
    const late = createServer((request, response) => {
      received.push(request.method);
      response.writeHead(202, { location: `/images/${IMAGE_ID}` }).end();
    });
    // Below the ports that systems give to other sockets, so that nothing takes it meanwhile.
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    onTestFinished(() => void late.close());

    // The remaining time is read before the request and again after its failure; then the service
    // starts.
    let looks = 0;
    const time: Deadline = {
      remainingMs() {
        looks += 1;
        if (looks === 3) late.listen(port, '127.0.0.1');
        return 60_000;
      },
    };
    const session = await replay.connect({ compute: `http://127.0.0.1:${port}` }, time);
    expect(looks, 'the login').toBe(1);
    await expect(createImage(session, SERVER, IMAGE)).resolves.toBe(IMAGE_ID);
    expect(received).toEqual(['POST']);
  });
});
