import { describe, expect } from 'vitest';
import { createImage, listServers } from '../../lib/openstack/compute.ts';
import { isLoopback } from '../../lib/openstack/credentials.ts';
import { deleteImage } from '../../lib/openstack/images.ts';
import { type CredentialSource, connect } from '../../lib/openstack/session.ts';
import { getVolumeSnapshot } from '../../lib/openstack/volume-snapshots.ts';
import { goneEverywhere } from '../../lib/snapshots/unlisted.ts';
import type { Cloud } from '../../local/cloud/cloud.ts';
import { answers, type FaultAnswer } from '../../local/cloud/faults.ts';
import { connected, credentialsOf, rackspaceAnswer, receivedBy, test, unhurried } from './connected.ts';

describe('a session', () => {
  test('has the sorted regions with compute, and sends requests to the endpoint of each', async ({
    replay,
  }) => {
    const at = (name: string, regions: string[]) => ({
      name,
      type: 'x',
      endpoints: regions.map((region) => ({ region, publicURL: `${replay.url}/${name}/${region}` })),
    });
    const catalogue = [
      at('cloudServersOpenStack', ['ORD', 'IAD', 'DFW']),
      at('cloudImages', ['SYD', 'ORD', 'DFW']),
    ];
    replay.app.post('/uk/v2.0/tokens', (c) => c.json(rackspaceAnswer(catalogue), 203));
    replay.app.get('*', (c) => c.json({ servers: [] }, 203));
    const credentials = { ...replay.credentials, authUrl: `${replay.url}/uk` };
    const session = await connect(async () => credentials, unhurried);
    expect(session.regions).toEqual(['DFW', 'IAD', 'ORD']);
    await listServers(session, 'ORD');
    const [asked] = replay.askedOfServices().slice(1);
    expect(asked).toMatchObject({ path: '/cloudServersOpenStack/ORD/servers/detail' });
    expect(asked?.headers).toMatchObject({
      'x-auth-token': 'replayed-token-5c1e',
      accept: 'application/json',
    });
  });

  test('has the roles of its user, and the difference between the clocks of the cloud and ours', async ({
    cloud,
  }) => {
    cloud.advance(300_000);
    const { roles, clockAheadMs } = await connected(cloud);
    expect(roles).toEqual([
      'compute:default',
      'identity:default',
      'nova:admin',
      'cloudImages:admin',
      'cbs:admin',
    ]);
    // The header has whole seconds.
    expect(clockAheadMs).toBeGreaterThan(295_000);
    expect(clockAheadMs).toBeLessThanOrEqual(300_000);
  });

  test('does not know the difference if the answer has no date', async ({ replay }) => {
    replay.app.post('/undated/v2.0/tokens', (c) => {
      c.env.outgoing.sendDate = false;
      return c.json(rackspaceAnswer([]));
    });
    const credentials = { ...replay.credentials, authUrl: `${replay.url}/undated` };
    expect((await connect(async () => credentials, unhurried)).clockAheadMs).toBeUndefined();
  });

  test('sends no token when it logs in', async ({ replay }) => {
    await replay.connect();
    expect(replay.asked).toHaveLength(1);
    expect(replay.asked[0]?.headers).not.toHaveProperty('x-auth-token');
    expect(replay.asked[0]?.headers).toMatchObject({
      accept: 'application/json',
      'content-type': 'application/json',
    });
  });

  test('reports the region and the service without an endpoint, instead of a missing resource', async ({
    cloud,
  }) => {
    const session = await connected(cloud);
    await expect(deleteImage(session, 'LON', 'an-image')).rejects.toMatchObject({
      code: 'NO_ENDPOINT',
      message: 'The catalogue has no image endpoint in LON.',
    });
    await expect(getVolumeSnapshot(session, 'LON', 'one')).rejects.toMatchObject({ code: 'NO_ENDPOINT' });
  });
});

describe('an expired token', () => {
  test('is replaced once, however many requests fail with it at the same time', async ({ cloud }) => {
    for (const region of ['DFW', 'ORD']) cloud.region(region).addServer({ name: `web-${region}` });
    const session = await connected(cloud);
    cloud.tokens.revokeAll();
    const lists = await Promise.all(
      Array.from({ length: 8 }, (_, i) => listServers(session, i % 2 ? 'DFW' : 'ORD')),
    );
    expect(lists.flat()).toHaveLength(8);
    expect(receivedBy(cloud, 'identity')).toHaveLength(2);
  });

  test('is replaced again when its successor expires', async ({ cloud }) => {
    const session = await connected(cloud);
    for (const logins of [2, 3]) {
      cloud.tokens.revokeAll();
      await expect(listServers(session, 'DFW')).resolves.toEqual([]);
      expect(receivedBy(cloud, 'identity')).toHaveLength(logins);
    }
  });

  test('is not replaced again by a request that fails after another has replaced it', async ({ cloud }) => {
    const session = await connected(cloud);
    const { promise: replaced, resolve: release } = Promise.withResolvers<void>();
    cloud.faults.push({ service: 'compute', region: 'DFW', answer: () => replaced });
    const late = listServers(session, 'DFW');
    cloud.tokens.revokeAll();
    await listServers(session, 'ORD');
    release();
    await expect(late).resolves.toEqual([]);
    expect(receivedBy(cloud, 'identity')).toHaveLength(2);
  });

  test('lets a POST be repeated, because it was not carried out', async ({ cloud }) => {
    const server = cloud.region('DFW').addServer({ name: 'web-1' });
    const session = await connected(cloud);
    cloud.tokens.revokeAll();
    await createImage(session, { id: server.id, region: 'DFW' }, { name: 'web-1-daily', metadata: {} });
    expect(cloud.region('DFW').images).toHaveLength(1);
  });

  test('is reported if the new token is refused as well', async ({ cloud }) => {
    const session = await connected(cloud);
    cloud.faults.push({ service: 'compute', answer: answers.unauthorized, times: 9 });
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ code: 'UNAUTHORIZED', status: 401 });
    expect(receivedBy(cloud, 'identity')).toHaveLength(2);
    expect(new Set(receivedBy(cloud, 'compute').map(({ token }) => token)).size, 'two tokens').toBe(2);
    expect(receivedBy(cloud, 'compute')).toHaveLength(2);
  });

  test('does not cause a loop if the cloud returns the same token again', async ({ replay }) => {
    replay.app.get('/compute/*', (c) => c.json(answers.unauthorized.body, 401));
    const session = await replay.connect();
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    const tokens = '/v2.0/tokens';
    const servers = '/compute/servers/detail';
    expect(replay.asked.map(({ path }) => path)).toEqual([tokens, servers, tokens, servers]);
  });
});

/**
 * Returns one API key after the other, and then the last; records whether it was asked for fresh
 * ones.
 */
function keys(cloud: Cloud, ...versions: string[]): { asked: boolean[]; source: CredentialSource } {
  const asked: boolean[] = [];
  const { username } = cloud.account;
  return {
    asked,
    async source({ fresh }) {
      const apiKey = versions[Math.min(asked.length, versions.length - 1)] ?? '';
      asked.push(fresh);
      return { kind: 'rackspace', authUrl: cloud.rackspaceUrl, username, apiKey };
    },
  };
}

describe('credentials that the cloud refuses', () => {
  test('are read again without the cache, and the new ones are used', async ({ cloud }) => {
    const { asked, source } = keys(cloud, 'the-old-key', cloud.account.apiKey);
    await expect(connect(source, unhurried)).resolves.toMatchObject({ projectId: '123456' });
    expect(asked).toEqual([false, true]);
    expect(receivedBy(cloud, 'identity')).toHaveLength(2);
  });

  test.for<[string, string[], number]>([
    ['are not tried again when they are the same', ['the-old-key'], 1],
    ['are read again once, not until they are right', ['the-old-key', 'a-newer-key', 'one-more'], 2],
  ])('%s', async ([, versions, logins], { cloud }) => {
    const { asked, source } = keys(cloud, ...versions);
    await expect(connect(source, unhurried)).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    expect(asked).toEqual([false, true]);
    expect(receivedBy(cloud, 'identity')).toHaveLength(logins);
  });

  test.for<[string, FaultAnswer]>([
    ['a user who may not log in', answers.forbidden],
    ['a second factor', { status: 401, headers: { 'www-authenticate': "OS-MF sessionId='1'" }, body: '' }],
  ])('may have been replaced by those of another user: %s', async ([, answer], { cloud }) => {
    cloud.faults.push({ service: 'identity', answer });
    const { asked, source } = keys(cloud, 'an-old-key', cloud.account.apiKey);
    await expect(connect(source, unhurried)).resolves.toMatchObject({ projectId: '123456' });
    expect(asked).toEqual([false, true]);
  });

  test('are not read again after a failure with another cause', async ({ cloud }) => {
    const answer = { status: 400, body: { badRequest: { code: 400, message: 'Invalid json request body' } } };
    cloud.faults.push({ service: 'identity', answer });
    const { asked, source } = keys(cloud, cloud.account.apiKey);
    await expect(connect(source, unhurried)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    expect(asked).toEqual([false]);
  });

  test('are read again during a run if a key was replaced', async ({ cloud }) => {
    const { apiKey } = cloud.account;
    const { asked, source } = keys(cloud, apiKey, apiKey, 'the-new-key');
    const session = await connect(source, unhurried);
    cloud.tokens.revokeAll();
    cloud.account.apiKey = 'the-new-key';
    await expect(listServers(session, 'DFW')).resolves.toEqual([]);
    expect(asked).toEqual([false, false, true]);
  });

  test('end a run with an error about the login', async ({ cloud }) => {
    const session = await connect(keys(cloud, cloud.account.apiKey).source, unhurried);
    cloud.tokens.revokeAll();
    cloud.account.apiKey = 'the-new-key';
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({
      code: 'UNAUTHORIZED',
      url: `${cloud.rackspaceUrl}/tokens`,
      message: expect.stringMatching(/check the name and the key in the secret/),
    });
  });
});

describe('a token is sent only to the services of its catalogue', () => {
  test.for([300, 301, 302, 307, 308])('not to the target of a %i', async (status, { replay, elsewhere }) => {
    const location = `${elsewhere.url}/servers/detail`;
    replay.app.get('/compute/*', (c) => c.body(null, status as 302, { location }));
    const session = await replay.connect();
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ code: 'BAD_ANSWER', status });
    expect(elsewhere.asked).toEqual([]);
    expect(replay.askedOfServices()).toHaveLength(1);
  });

  test.for([302, 307])(
    'the credentials are not sent to the target of a %i at the login',
    async (status, { replay, elsewhere }) => {
      const location = `${elsewhere.url}/v2.0/tokens`;
      replay.app.post('/moved/v2.0/tokens', (c) => c.body(null, status as 302, { location }));
      const credentials = { ...replay.credentials, authUrl: `${replay.url}/moved` };
      const attempt = connect(async () => credentials, unhurried);
      await expect(attempt).rejects.toMatchObject({ code: 'BAD_ANSWER', status });
      expect(elsewhere.asked).toEqual([]);
    },
  );

  test('not over http, unless the service is on this machine', async ({ replay, elsewhere }) => {
    // This address also leads to this machine, but does not show it.
    const http = elsewhere.url.replace('127.0.0.1', '0.0.0.0');
    const session = await replay.connect({ compute: `${http}/compute` });
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({
      code: 'UNUSABLE_ENDPOINT',
      message:
        "The catalogue's compute endpoint in DFW is not https: ask the cloud to correct it, or set compute_endpoint_override in the secret, a clouds.yaml, to the right URL.",
    });
    expect(elsewhere.asked).toEqual([]);
  });

  test('an endpoint that is not a URL cannot be used', async ({ replay }) => {
    const session = await replay.connect({ compute: 'see the manual' });
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({
      name: 'CloudError',
      code: 'UNUSABLE_ENDPOINT',
    });
  });

  test.each([
    ['http://localhost:8774/v2.1', true],
    ['http://127.0.0.1', true],
    ['http://[::1]:8774', true],
    ['http://localhost.example', false],
    ['http://127.0.0.1.example', false],
    ['http://user@10.0.0.1', false],
  ])('%s is on this machine: %s', (url, expected) => {
    expect(isLoopback(new URL(url))).toBe(expected);
  });
});

describe('the time of a run', () => {
  test('prevents further requests when it is over', async ({ cloud }) => {
    const time = { leftMs: 60_000, remainingMs: () => time.leftMs };
    const session = await connected(cloud, time);
    time.leftMs = 0;
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({
      name: 'CloudError',
      code: 'OUT_OF_TIME',
    });
    await expect(connected(cloud, time)).rejects.toMatchObject({ code: 'OUT_OF_TIME' });
    expect(receivedBy(cloud, 'compute')).toHaveLength(0);
    expect(receivedBy(cloud, 'identity')).toHaveLength(1);
  });

  test.concurrent.for([
    ['to the millisecond', 0],
    // A timer may be early, and Lambda's own clock counts whole milliseconds.
    ['although the clock has one millisecond left', 1],
  ] as const)('ends during a request, %s', async ([, leftMs], { cloud }) => {
    const time = { leftMs: 60_000, remainingMs: () => time.leftMs };
    const session = await connected(cloud, time);
    const { promise: never } = Promise.withResolvers<void>();
    const answer = () => {
      time.leftMs = leftMs;
      return never;
    };
    cloud.faults.push({ service: 'compute', answer });
    time.leftMs = 400;
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ code: 'OUT_OF_TIME', method: 'GET' });
    expect(time.leftMs).toBe(leftMs);
  });

  test('leaves a failure as it is if it is too short for another try', async ({ cloud }) => {
    const time = { leftMs: 60_000, remainingMs: () => time.leftMs };
    const session = await connected(cloud, time);
    cloud.faults.push({ service: 'compute', answer: 'drop' });
    // Less than the shortest wait.
    time.leftMs = 499;
    await expect(listServers(session, 'DFW')).rejects.toMatchObject({ code: 'NO_ANSWER' });
    expect(receivedBy(cloud, 'compute')).toHaveLength(1);
  });
});

test('a server counts as gone only if the regions that the secret leaves out do not have it either', async ({
  cloud,
}) => {
  const { id } = cloud.region('ORD').addServer({ name: 'web' });
  const credentials = { ...credentialsOf(cloud, 'password'), regions: ['DFW'] };
  const session = await connect(async () => credentials, unhurried);
  expect(session.regions).toEqual(['DFW']);
  expect(await goneEverywhere(session, [id, 'another'])).toEqual({ gone: new Set(['another']), doubts: [] });
});
