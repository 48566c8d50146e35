import { describe, expect } from 'vitest';
import { listServers } from '../../lib/openstack/compute.ts';
import type { Credentials } from '../../lib/openstack/credentials.ts';
import type { CloudErrorCode } from '../../lib/openstack/errors.ts';
import { readGrant, tokenRequest } from '../../lib/openstack/identity.ts';
import { listImages } from '../../lib/openstack/images.ts';
import { connect } from '../../lib/openstack/session.ts';
import type { Account } from '../../local/cloud/account.ts';
import type { Cloud } from '../../local/cloud/cloud.ts';
import type { FaultAnswer } from '../../local/cloud/faults.ts';
import { credentialsOf, rackspaceAnswer, receivedBy, test, unhurried } from './connected.ts';

const RACKSPACE = { kind: 'rackspace', username: 'ada', apiKey: 'key-1' } as const;
const PASSWORD = {
  kind: 'password',
  user: { name: 'ada', domain: { name: 'people' } },
  password: 'pass-1',
  project: { name: '77_Flex', domain: { name: 'projects' } },
} as const;
const APPLICATION = {
  kind: 'applicationCredential',
  applicationCredential: { id: 'id-1', secret: 'secret-1' },
} as const;

describe('the request for a token', () => {
  test.each([
    ['https://id.example/v2.0', 'https://id.example/v2.0/tokens'],
    ['https://id.example/v2.0/', 'https://id.example/v2.0/tokens'],
    ['https://id.example', 'https://id.example/v2.0/tokens'],
    ['https://id.example//', 'https://id.example/v2.0/tokens'],
    ['https://lon.id.example/identity/', 'https://lon.id.example/identity/v2.0/tokens'],
  ])('goes, for the URL %s of Rackspace, to %s', (authUrl, url) => {
    expect(tokenRequest({ ...RACKSPACE, authUrl })).toEqual({
      url,
      json: { auth: { 'RAX-KSKEY:apiKeyCredentials': { username: 'ada', apiKey: 'key-1' } } },
    });
  });

  test.each([
    ['https://id.example/v3', 'https://id.example/v3/auth/tokens'],
    ['https://id.example/v3/', 'https://id.example/v3/auth/tokens'],
    ['https://id.example', 'https://id.example/v3/auth/tokens'],
    ['https://id.example/identity/', 'https://id.example/identity/v3/auth/tokens'],
  ])('goes, for the URL %s of Keystone, to %s, whatever the credentials', (authUrl, url) => {
    expect(tokenRequest({ ...PASSWORD, authUrl }).url).toBe(url);
    expect(tokenRequest({ ...APPLICATION, authUrl }).url).toBe(url);
  });

  test('names, with a password, the user, the project, and the domain of each', () => {
    const user = { name: 'ada', domain: { name: 'people' }, password: 'pass-1' };
    expect(tokenRequest({ ...PASSWORD, authUrl: 'https://id.example/v3' }).json).toEqual({
      auth: {
        identity: { methods: ['password'], password: { user } },
        scope: { project: { name: '77_Flex', domain: { name: 'projects' } } },
      },
    });
  });

  test('with an application credential names no scope, because Keystone would refuse it', () => {
    const application_credential = { id: 'id-1', secret: 'secret-1' };
    expect(tokenRequest({ ...APPLICATION, authUrl: 'https://id.example/v3' }).json).toEqual({
      auth: { identity: { methods: ['application_credential'], application_credential } },
    });
  });
});

const services = (region: string) => [
  {
    name: 'cloudServersOpenStack',
    type: 'compute',
    endpoints: [{ region, tenantId: '900', publicURL: `https://${region}.servers.example/v2/900` }],
  },
  {
    name: 'cloudImages',
    type: 'image',
    endpoints: [{ region, tenantId: '900', publicURL: `https://${region}.images.example/v2` }],
  },
];

describe("Rackspace's answer", () => {
  test.each([
    ['a service without regions', 'cloudDNS', 'rax:dns', 'https://dns.example/v1.0/900'],
    ['first-generation servers', 'cloudServers', 'compute', 'https://servers.example/v1.0/900'],
    ['our own services without a region', 'cloudServersOpenStack', 'compute', 'https://x.example/v2/900'],
  ])('does not lead to %s, which is left out', (_, name, type, publicURL) => {
    const other = { name, type, endpoints: [{ tenantId: '900', publicURL }] };
    const grant = readGrant({ kind: 'rackspace' }, rackspaceAnswer([other, ...services('LON')]), undefined);
    // An account in the UK has only the region LON.
    expect(grant.endpoints).toEqual([
      { service: 'compute', region: 'LON', url: 'https://LON.servers.example/v2/900' },
      { service: 'image', region: 'LON', url: 'https://LON.images.example/v2' },
    ]);
  });

  test('first-generation servers with a region are left out as well', () => {
    const endpoints = [{ region: 'LON', tenantId: '1', publicURL: 'https://old.example/v1.0/1' }];
    const body = rackspaceAnswer([{ name: 'cloudServers', type: 'compute', endpoints }, ...services('LON')]);
    const { endpoints: read } = readGrant({ kind: 'rackspace' }, body, undefined);
    expect(read.filter(({ service }) => service === 'compute')).toHaveLength(1);
  });

  test('a token without a tenant gets the tenant of the servers, not that of another service', () => {
    const [compute, images] = services('LON');
    const others = ['cloudFiles', 'cloudBlockStorage'].map((name) => ({
      ...images,
      name,
      endpoints: [{ region: 'LON', tenantId: 'Mosso_1', publicURL: `https://${name}.example/v1/Mosso_1` }],
    }));
    const body = rackspaceAnswer([...others, images!, compute!], {});
    expect(readGrant({ kind: 'rackspace' }, body, undefined)).toMatchObject({ projectId: '900' });
    expect(readGrant({ kind: 'rackspace' }, rackspaceAnswer(services('LON')), undefined)).toMatchObject({
      token: 'replayed-token-5c1e',
      projectId: '424242',
    });
  });

  test.each(['2031-02-03T04:05:06.789Z', '2013-05-07T11:17:30.000-05:00', '2031-02-03T04:05:06.789+01:00'])(
    'a token that expires at %s is accepted, because the cloud reports the expiry',
    (expires) => {
      const body = rackspaceAnswer(services('ORD'), { expires, tenant: { id: '900' } });
      expect(readGrant({ kind: 'rackspace' }, body, undefined)).toMatchObject({ projectId: '900' });
    },
  );

  test.each([
    ['empty', { 'RAX-AUTH:defaultRegion': '' }],
    ['absent', {}],
  ])('has no default region that is used: %s', (_, user) => {
    const body = { access: { ...rackspaceAnswer(services('ORD')).access, user } };
    expect(readGrant({ kind: 'rackspace' }, body, undefined).endpoints).toHaveLength(2);
  });

  const withRoles = (roles: unknown) => {
    const { access } = rackspaceAnswer(services('ORD'), { tenant: { id: '900' } });
    return { access: { ...access, user: { ...access.user, roles } } };
  };

  test('has the roles of the user, but not those in another tenant', () => {
    const body = withRoles([
      { id: '5', tenantId: 'MossoCloudFS_1', name: 'object-store:default' },
      { id: '6', tenantId: '900', name: 'compute:default' },
      { id: '3', name: 'identity:user-admin', description: 'User Admin Role.' },
    ]);
    const { roles } = readGrant({ kind: 'rackspace' }, body, undefined);
    expect(roles).toEqual(['compute:default', 'identity:user-admin']);
  });

  test.each([[undefined], ['admin'], [[{ id: '3' }]], [[{ name: 3 }]]])(
    'roles that cannot be read are unknown, and the login succeeds: %j',
    (roles) => {
      expect(readGrant({ kind: 'rackspace' }, withRoles(roles), undefined)).toMatchObject({
        projectId: '900',
        roles: undefined,
      });
    },
  );

  test('the login succeeds if the user cannot be read', () => {
    const { access } = rackspaceAnswer(services('ORD'));
    expect(
      readGrant({ kind: 'rackspace' }, { access: { ...access, user: 'ada' } }, undefined).roles,
    ).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', 'welcome'],
    ['no token', { access: { serviceCatalog: [] } }],
    ['an empty token', rackspaceAnswer(services('ORD'), { id: '' })],
    ['no catalogue', { access: { token: { id: 't', tenant: { id: '1' } } } }],
    ['no tenant anywhere', rackspaceAnswer([], {})],
  ])('is invalid: %s', (_, body) => {
    expect(() => readGrant({ kind: 'rackspace' }, body, 'a-header')).toThrow(
      expect.objectContaining({ name: 'CloudError', code: 'BAD_ANSWER' }),
    );
  });
});

describe("Keystone's answer", () => {
  const endpoint = (face: string, url: string, more: object = { region_id: 'SJC3', region: 'SJC3' }) => ({
    interface: face,
    url,
    ...more,
  });
  const answer = (catalog: object[]) => ({ token: { project: { id: '12ab' }, catalog } });

  test('only public endpoints in a region count, and only those of services that we use', () => {
    const body = answer([
      {
        type: 'compute',
        endpoints: [
          endpoint('internal', 'http://10.0.0.1/v2.1'),
          endpoint('public', 'https://nova.example/v2.1'),
          endpoint('admin', 'http://10.0.0.2/v2.1'),
          endpoint('public', 'https://nowhere.example/v2.1', { region_id: null, region: null }),
        ],
      },
      { type: 'image', endpoints: [endpoint('public', 'https://glance.example', { region: 'SJC3' })] },
      { type: 'volumev2', endpoints: [endpoint('public', 'https://cinder.old.example/v2')] },
      { type: 'volume', endpoints: [endpoint('public', 'https://cinder.oldest.example/v1')] },
      { type: 'volumev3', endpoints: [endpoint('public', 'https://cinder.example/v3/12ab')] },
      { type: 'block-storage', endpoints: [endpoint('public', 'https://cinder.two.example/v3')] },
      { type: 'dns', endpoints: [] },
    ]);
    expect(readGrant({ kind: 'password' }, body, 'subject-1')).toEqual({
      token: 'subject-1',
      projectId: '12ab',
      endpoints: [
        { service: 'compute', region: 'SJC3', url: 'https://nova.example/v2.1' },
        { service: 'image', region: 'SJC3', url: 'https://glance.example' },
        { service: 'volume', region: 'SJC3', url: 'https://cinder.example/v3/12ab' },
        { service: 'volume', region: 'SJC3', url: 'https://cinder.two.example/v3' },
        // The first endpoint of a service is used, so the old one comes last.
        { service: 'volume', region: 'SJC3', url: 'https://cinder.old.example/v2' },
      ],
      roles: undefined,
    });
  });

  test.each([
    [
      [{ id: '1', name: 'member' }, { name: 'reader' }],
      ['member', 'reader'],
    ],
    [[], []],
    [['member'], undefined],
    [null, undefined],
  ])('with the roles %j is read as %j', (roles, read) => {
    const body = { token: { ...answer([]).token, roles } };
    expect(readGrant({ kind: 'applicationCredential' }, body, 'subject-1').roles).toEqual(read);
  });

  test.each<[string, unknown, string | undefined, RegExp]>([
    ['no token in the header', answer([]), undefined, /not a Keystone v3 answer/],
    ['another body', { access: {} }, 'subject-1', /not a Keystone v3 answer/],
    ['a token of no project', { token: { methods: ['password'] } }, 'subject-1', /set project_id/],
    ['a project without catalogue', { token: { project: { id: '1' } } }, 'subject-1', /set project_id/],
  ])('is invalid: %s', (_, body, subjectToken, message) => {
    expect(() => readGrant({ kind: 'applicationCredential' }, body, subjectToken)).toThrow(
      expect.objectContaining({ code: 'BAD_ANSWER', message: expect.stringMatching(message) }),
    );
  });
});

describe('a login to the embedded cloud', () => {
  test.for([
    ['rackspace', '/v2.0/tokens'],
    ['password', '/v3/auth/tokens'],
    ['applicationCredential', '/v3/auth/tokens'],
  ] as const)(
    'as %s returns the servers and images, and the version is in each path once',
    async ([kind, path], { cloud }) => {
      cloud.region('DFW').addServer({ name: 'web-1' });
      const session = await connect(async () => credentialsOf(cloud, kind), unhurried);
      expect(session).toMatchObject({
        provider: kind === 'rackspace' ? 'rackspace' : 'keystone',
        projectId: '123456',
        regions: ['DFW', 'ORD'],
      });
      await expect(listServers(session, 'DFW')).resolves.toMatchObject([{ name: 'web-1', region: 'DFW' }]);
      await expect(listImages(session, 'ORD')).resolves.toEqual([]);
      const paths = cloud.received.map((request) => request.path);
      const compute = kind === 'rackspace' ? '/v2/123456' : '/v2.1';
      expect(paths).toEqual([path, `${compute}/servers/detail`, '/v2/images', '/v2/images']);
    },
  );

  test.for(['', '/', '/v2', '/v2/', '/v2.1', '/glance', '/glance/v2'])(
    'an image endpoint that ends in "%s" has its version once',
    async (end, { replay }) => {
      replay.app.get('*', (c) => c.json({ images: [] }));
      const session = await replay.connect({ image: replay.url + end });
      await expect(listImages(session, 'DFW')).resolves.toEqual([]);
      const expected = end.startsWith('/glance') ? '/glance/v2' : '/v2';
      expect(new Set(replay.askedOfServices().map(({ path }) => path))).toEqual(
        new Set([`${expected}/images`]),
      );
    },
  );
});

describe('a failed login has a remedy:', () => {
  const KEY = /(Unable to authenticate|requires authentication).*check the name and the key in the secret/;
  const application = (cloud: Cloud, change: object) => ({
    applicationCredential: { ...cloud.account.applicationCredential, ...change },
  });

  test.for<[string, Credentials['kind'], (cloud: Cloud) => Partial<Account>, CloudErrorCode, number, RegExp]>(
    [
      ['a wrong API key', 'rackspace', () => ({ apiKey: 'x' }), 'UNAUTHORIZED', 401, KEY],
      ['a wrong password', 'password', () => ({ password: 'x' }), 'UNAUTHORIZED', 401, KEY],
      [
        'a wrong secret of an application credential',
        'applicationCredential',
        (cloud) => application(cloud, { secret: 'x' }),
        'UNAUTHORIZED',
        401,
        KEY,
      ],
      [
        'an application credential that Keystone does not know',
        'applicationCredential',
        (cloud) => application(cloud, { id: 'x' }),
        'UNAUTHORIZED',
        404,
        /Could not find Application Credential.*make new ones and update the secret/,
      ],
      [
        'a second factor',
        'rackspace',
        () => ({ mfa: 'challenge' }),
        'MFA_REQUIRED',
        401,
        /Additional authentication.*use the API key of a user without it/,
      ],
      [
        'a second factor that is yet to be set up',
        'rackspace',
        () => ({ mfa: 'setup' }),
        'FORBIDDEN',
        403,
        /must setup multi-factor.*use the API key of a user without it/,
      ],
    ],
  )('%s', async ([, kind, change, code, status, message], { cloud }) => {
    const credentials = credentialsOf(cloud, kind);
    Object.assign(cloud.account, change(cloud));
    await expect(connect(async () => credentials, unhurried)).rejects.toMatchObject({
      name: 'CloudError',
      code,
      status,
      message: expect.stringMatching(message),
    });
    expect(receivedBy(cloud, 'identity')).toHaveLength(1);
  });

  const unauthorized = { error: { code: 401, message: 'Log in.', title: 'Unauthorized' } };
  const unscoped = { token: { methods: ['password'], expires_at: '2031-02-03T04:05:06.000000Z' } };

  test.for<[string, Credentials['kind'], FaultAnswer, CloudErrorCode, RegExp]>([
    [
      'a disabled user',
      'rackspace',
      { status: 403, body: { forbidden: { code: 403, message: 'User disabled' } } },
      'FORBIDDEN',
      /User disabled.*may not log in: enable it/,
    ],
    [
      "Keystone's challenge, which is no second factor",
      'password',
      {
        status: 401,
        headers: { 'www-authenticate': 'Keystone uri="https://id.example"' },
        body: unauthorized,
      },
      'UNAUTHORIZED',
      /Log in\..*check the name and the key/,
    ],
    [
      'a page of HTML from something that is no identity service',
      'rackspace',
      { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>Welcome</html>' },
      'BAD_ANSWER',
      /not complete JSON/,
    ],
    [
      'a token of no project, so without catalogue',
      'password',
      { status: 201, headers: { 'x-subject-token': 'unscoped' }, body: unscoped },
      'BAD_ANSWER',
      /belongs to no project: set project_id/,
    ],
  ])('%s', async ([, kind, answer, code, message], { cloud }) => {
    cloud.faults.push({ service: 'identity', answer });
    const credentials = credentialsOf(cloud, kind);
    await expect(connect(async () => credentials, unhurried)).rejects.toMatchObject({
      name: 'CloudError',
      code,
      message: expect.stringMatching(message),
    });
    expect(receivedBy(cloud, 'identity')).toHaveLength(1);
  });
});
