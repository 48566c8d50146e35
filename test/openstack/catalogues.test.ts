import { describe, expect, test } from 'vitest';
import type { Fault } from '../../local/cloud/faults.ts';
import { type Harness, harness, policy, setTime } from '../harness.ts';

const SECRET = 'autosnap/test/rackspace';
const REGIONS = ['DFW', 'ORD'] as const;
type RegionName = (typeof REGIONS)[number];

/** An endpoint of Keystone v3, or of Rackspace Identity v2.0. */
interface Endpoint {
  interface?: string;
  region?: unknown;
  region_id?: unknown;
  url?: unknown;
  publicURL?: unknown;
}
interface Service {
  type?: unknown;
  name?: unknown;
  endpoints: Endpoint[];
}
type Catalogue = (Service | unknown)[];

/** A cloud with a server that has a volume, in each of two regions. */
async function cloudOf(kind: 'rackspace' | 'password'): Promise<Harness> {
  setTime('2026-11-23T00:00:10Z');
  const h = await harness({ regions: [...REGIONS], timing: { queuedMs: 0, savingMs: 0 } });
  h.cloud.secrets.set(SECRET, h.cloud.secret(kind));
  for (const name of REGIONS) {
    const region = h.cloud.region(name);
    const data = region.addVolume({ size: 10 });
    region.addServer({ name: `web-${name}`, volumeIds: [data.id] });
  }
  return h;
}

/** Lets each login answer with the catalogue that `change` makes of the cloud's own. */
function catalogued({ cloud }: Harness, change: (catalogue: Service[]) => Catalogue): void {
  const answer: Fault['answer'] = {
    async edit(real) {
      const body = (await real.json()) as {
        token?: { catalog: Service[] };
        access?: { serviceCatalog: Service[] };
      };
      if (body.token) body.token.catalog = change(body.token.catalog) as Service[];
      if (body.access) body.access.serviceCatalog = change(body.access.serviceCatalog) as Service[];
      return Response.json(body, { status: real.status, headers: real.headers });
    },
  };
  cloud.faults.push({ service: 'identity', path: /tokens$/, method: 'POST', times: 99, answer });
}

/** The images and the volume snapshots of each region. */
const taken = ({ cloud }: Harness) =>
  Object.fromEntries(
    REGIONS.map((name) => {
      const { images, volumeSnapshots } = cloud.region(name);
      return [name, [images.length, volumeSnapshots.length]];
    }),
  );
const ALL = { DFW: [1, 1], ORD: [1, 1] };

const eachService = (change: (service: Service) => Service) => (catalogue: Service[]) =>
  catalogue.map(change);
const eachEndpoint = (change: (endpoint: Endpoint, service: Service) => Endpoint) =>
  eachService((service) => ({ ...service, endpoints: service.endpoints.map((one) => change(one, service)) }));
const originOf = ({ url, publicURL }: Endpoint) => new URL(String(url ?? publicURL)).origin;
const ofType =
  (type: string, change: (endpoint: Endpoint) => Endpoint) =>
  (catalogue: Service[]): Catalogue =>
    eachEndpoint((one, service) => (service.type === type ? change(one) : one))(catalogue);
const withPath = (type: string, path: string) =>
  ofType(type, (one) => ({ ...one, url: one.interface === 'public' ? originOf(one) + path : one.url }));

describe('with this catalogue of Keystone all servers and volumes are snapshotted:', () => {
  test.each<[string, (catalogue: Service[]) => Catalogue]>([
    ...['', '/', '/v1', '/v2', '/v2/', '/v2.1', '/v2/123456', '/v2/123456/', '/v2/0a1b2c3d4e5f'].map(
      (path): [string, (catalogue: Service[]) => Catalogue] => [
        `an image endpoint that ends in "${path}"`,
        withPath('image', path),
      ],
    ),
    ...['', '/', '/v2.1', '/v2.1/', '/v2/123456'].map(
      (path): [string, (catalogue: Service[]) => Catalogue] => [
        `a compute endpoint that ends in "${path}"`,
        withPath('compute', path),
      ],
    ),
    ...['', '/', '/v3/123456/', '/v2/123456'].map((path): [string, (catalogue: Service[]) => Catalogue] => [
      `a volume endpoint that ends in "${path}"`,
      withPath('volumev3', path),
    ]),
    [
      'block storage by its official type',
      eachService((one) => (one.type === 'volumev3' ? { ...one, type: 'block-storage' } : one)),
    ],
    [
      'block storage twice, by its old and its new type',
      (all) => [
        ...all.filter(({ type }) => type === 'volumev3').map((one) => ({ ...one, type: 'volumev2' })),
        ...all,
      ],
    ],
    ['regions that are named by `region` alone', eachEndpoint(({ region_id: _, ...one }) => one)],
    ['regions that are named by `region_id` alone', eachEndpoint(({ region: _, ...one }) => one)],
    [
      'a region in another case',
      ofType('image', (one) => ({
        ...one,
        region: String(one.region).toLowerCase(),
        region_id: String(one.region_id).toLowerCase(),
      })),
    ],
    ['services without a name', eachService(({ name: _, ...one }) => one)],
    ['services whose name is null', eachService((one) => ({ ...one, name: null }))],
    ['each service twice', (all) => [...all, ...all]],
    [
      'each endpoint twice',
      eachService((one) => ({ ...one, endpoints: [...one.endpoints, ...one.endpoints] })),
    ],
    [
      'an endpoint without a region',
      eachService((one) => ({
        ...one,
        endpoints: [
          { interface: 'public', region: null, region_id: null, url: 'https://nowhere.invalid' },
          ...one.endpoints,
        ],
      })),
    ],
    [
      'an endpoint over plain http before each other one',
      eachService((one) => ({
        ...one,
        endpoints: one.endpoints.flatMap((its) => [{ ...its, url: 'http://plain.invalid/v2' }, its]),
      })),
    ],
    [
      'an endpoint of all regions after each other one, which counts nowhere',
      eachService((one) => ({
        ...one,
        endpoints: [
          { interface: 'public', region: '*', region_id: '*', url: 'https://nowhere.invalid' },
          ...one.endpoints,
        ],
      })),
    ],
    [
      'services that cannot be read',
      (all) => [
        null,
        'compute',
        7,
        [],
        {},
        { type: 'compute' },
        { type: 'compute', endpoints: null },
        { type: 7, endpoints: [{}] },
        ...all,
      ],
    ],
    [
      'endpoints that cannot be read',
      eachService((one) => ({
        ...one,
        endpoints: [
          null,
          'https://a.invalid',
          {},
          { interface: 'public', region: 'DFW', region_id: 'DFW' },
          { interface: 'public', region: 'DFW', region_id: 'DFW', url: null },
          { interface: 'public', region: 7, region_id: 7, url: 'https://a.invalid' },
          { interface: 'public', region: 'DFW', region_id: 'DFW', url: 'see the manual' },
          ...one.endpoints,
        ] as Endpoint[],
      })),
    ],
  ])('%s', async (_, change) => {
    const h = await cloudOf('password');
    catalogued(h, change);
    expect((await h.run('snapshot', policy())).failures).toEqual([]);
    expect(taken(h)).toEqual(ALL);
    setTime('2026-11-24T00:00:10Z');
    await h.run('snapshot', policy());
    setTime('2026-11-24T01:00:00Z');
    const { totals } = await h.run('cleanup', policy({ keep: { last: 1 } }));
    expect(totals).toMatchObject({ deleted: 4 });
    expect(taken(h)).toEqual(ALL);
  });
});

describe('with this catalogue of Rackspace all servers and volumes are snapshotted:', () => {
  const imagePath = (path: string) => ofType('image', (one) => ({ ...one, publicURL: originOf(one) + path }));

  test.each<[string, (catalogue: Service[]) => Catalogue]>([
    ['an image endpoint with the tenant', imagePath('/v2/123456')],
    ['an image endpoint without a version', imagePath('/')],
    [
      'services without a name',
      eachService(({ name, ...one }) =>
        /^cloud(ServersOpenStack|Images|BlockStorage)$/.test(String(name)) ? one : { ...one, name },
      ),
    ],
    [
      'services and endpoints that cannot be read',
      (all) => [
        null,
        {
          name: 'cloudServersOpenStack',
          type: 'compute',
          endpoints: [null, { region: 7 }, { region: 'DFW' }],
        },
        { name: 'cloudImages', type: 'image' },
        ...all,
      ],
    ],
    ['each service twice', (all) => [...all, ...all]],
  ])('%s', async (_, change) => {
    const h = await cloudOf('rackspace');
    catalogued(h, change);
    expect((await h.run('snapshot', policy())).failures).toEqual([]);
    expect(taken(h)).toEqual(ALL);
  });
});

/** The secret as a clouds.yaml, with these lines for the cloud. */
function useCloudsYaml({ cloud }: Harness, ...lines: string[]): void {
  const { applicationCredential: its } = cloud.account;
  const auth = `{auth_url: "${cloud.keystoneUrl}", application_credential_id: ${its.id}, application_credential_secret: ${its.secret}}`;
  const fields = [`auth: ${auth}`, ...lines].map((line) => `    ${line}\n`).join('');
  cloud.secrets.set(SECRET, `clouds:\n  one:\n${fields}`);
}

describe('a service for all regions', () => {
  const everywhere = (types: readonly string[]) => (all: Service[]) =>
    eachEndpoint((one, { type }) =>
      types.includes(String(type)) ? { ...one, region: '*', region_id: '*' } : one,
    )(all);

  test('is used in each region that another service names', async () => {
    const h = await cloudOf('password');
    catalogued(h, (all) =>
      everywhere(['image'])(
        all.map((service) => ({
          ...service,
          endpoints: service.endpoints.filter(({ region }) => service.type !== 'image' || region === 'DFW'),
        })),
      ),
    );
    await h.run('doctor', { policies: [policy()] });
    expect(
      h.cloud.received.filter(({ path }) => path === '/v2/images').every(({ region }) => region === 'DFW'),
    ).toBe(true);
  });

  const allServices = ['compute', 'image', 'volumev3', 'object-store'];
  test('is used in the region of the secret if the catalogue names none', async () => {
    const h = await cloudOf('password');
    useCloudsYaml(h, 'region_name: RegionOne');
    catalogued(h, everywhere(allServices));
    await h.run('snapshot', policy());
    expect(taken(h)).toEqual({ DFW: [1, 1], ORD: [0, 0] });
  });

  test('is refused with the remedy if nobody names a region', async () => {
    const h = await cloudOf('password');
    catalogued(h, everywhere(allServices));
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toContain('its catalogue names no region: set region_name in the secret');
  });
});

describe('an endpoint that cannot be used', () => {
  const SERVICES = [
    ['compute', 'compute_endpoint_override'],
    ['image', 'image_endpoint_override'],
    ['volumev3', 'block_storage_endpoint_override'],
  ] as const;
  const broken = (type: string, url: string) =>
    ofType(type, (one) => (one.region === 'ORD' ? { ...one, url } : one));
  const cases = SERVICES.flatMap(([type, field]) => [
    [type, field, 'http://plain.invalid/v2', 'is not https'] as const,
    [type, field, 'see the manual', 'is no URL'] as const,
  ]);

  test.each(cases)('of %s fails its region alone, and names %s: %s', async (type, field, url, why) => {
    const h = await cloudOf('password');
    catalogued(h, broken(type, url));
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toContain(`endpoint in ORD ${why}`);
    expect(error.message).toContain(`set ${field} in the secret, a clouds.yaml`);
    expect(taken(h).DFW).toEqual([1, 1]);
    const before = taken(h);
    setTime('2026-12-24T00:00:10Z');
    await h.fail('cleanup', policy({ keep: { last: 1 } }));
    expect(taken(h)).toEqual(before);
  });

  const urlsOf = (h: Harness, name: RegionName) => {
    const region = h.cloud.catalogue.find((one) => one.name === name)!;
    return {
      compute: `${region.computeUrl}/v2.1`,
      image: region.imageUrl!,
      volumev3: `${region.volumeUrl}/v3/${h.cloud.account.projectId}`,
    };
  };

  test.each(SERVICES)('of %s is replaced by %s', async (type, field) => {
    const h = await cloudOf('password');
    catalogued(h, broken(type, 'http://plain.invalid'));
    useCloudsYaml(h, 'region_name: ord', `${field}: "${urlsOf(h, 'ORD')[type]}"`);
    expect((await h.run('snapshot', policy())).failures).toEqual([]);
    expect(taken(h)).toEqual({ DFW: [0, 0], ORD: [1, 1] });
  });

  test('of all services is replaced, also if the catalogue is empty', async () => {
    const h = await cloudOf('password');
    catalogued(h, () => []);
    const urls = urlsOf(h, 'DFW');
    useCloudsYaml(h, 'region_name: DFW', ...SERVICES.map(([type, field]) => `${field}: "${urls[type]}"`));
    await h.run('snapshot', policy());
    expect(taken(h)).toEqual({ DFW: [1, 1], ORD: [0, 0] });
  });

  test.each([
    ['of no version that can be used', { versions: [{ id: 'v9.0' }] }],
    ['without versions', { hello: 'world' }],
    ['with versions that cannot be read', { versions: [null, 7, { id: null }] }],
  ])('%s, at a path without a version, fails its region alone', async (_, body) => {
    const h = await cloudOf('password');
    catalogued(h, withPath('compute', '/'));
    h.cloud.faults.push({
      service: 'compute',
      region: 'ORD',
      path: /^\/$/,
      times: 99,
      answer: { status: 200, body },
    });
    const { error } = await h.fail('snapshot', policy());
    expect(error.message).toContain('compute endpoint in ORD names no version that can be used');
    expect(taken(h)).toEqual({ DFW: [1, 1], ORD: [0, 0] });
  });
});

test('the versions of a service are asked for once in a run', async () => {
  const h = await cloudOf('password');
  catalogued(h, withPath('compute', ''));
  await h.run('snapshot', policy());
  const asked = h.cloud.received.filter(({ service, path }) => service === 'compute' && path === '/');
  expect(asked.map(({ region }) => region).sort()).toEqual(['DFW', 'ORD']);
  expect(asked.every(({ token }) => token === undefined)).toBe(true);
});

describe('the internal interface', () => {
  test('is used if the secret says so', async () => {
    const h = await cloudOf('password');
    useCloudsYaml(h, 'interface: internal');
    catalogued(
      h,
      eachService((one) => ({
        ...one,
        endpoints: one.endpoints.map((its) => ({
          ...its,
          interface: its.interface === 'public' ? 'internal' : 'public',
        })),
      })),
    );
    await h.run('snapshot', policy());
    expect(taken(h)).toEqual(ALL);
  });

  test('is not used by default', async () => {
    const h = await cloudOf('password');
    await h.run('snapshot', policy());
    expect(taken(h)).toEqual(ALL);
  });
});
