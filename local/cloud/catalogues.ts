import type { Account } from './account.ts';

/** The account's name in Cloud Files. */
export const FILES_ACCOUNT = 'MossoCloudFS_0';

/**
 * The service endpoints of a region in the catalogue. A service without a URL is left out of it.
 */
export interface CataloguedRegion {
  name: string;
  computeUrl?: string;
  imageUrl?: string;
  volumeUrl?: string;
  filesUrl?: string;
}

type ServiceUrl = Exclude<keyof CataloguedRegion, 'name'>;

/**
 * The account names that the object store accepts: Rackspace's, and Swift's for the same project.
 */
export function filesAccountsOf({ projectId }: Pick<Account, 'projectId'>): string[] {
  return [FILES_ACCOUNT, `AUTH_${projectId}`];
}

/** `access.serviceCatalog` of Rackspace Identity v2.0. */
export function rackspaceCatalogue(tenantId: string, regions: CataloguedRegion[]) {
  const service = (name: string, type: string, field: ServiceUrl, path: string) => ({
    name,
    type,
    endpoints: regions.flatMap(({ name: region, [field]: url }) =>
      url === undefined ? [] : [{ region, tenantId, publicURL: url + path }],
    ),
  });
  return [
    {
      name: 'cloudMonitoring',
      type: 'rax:monitor',
      endpoints: [{ tenantId, publicURL: 'https://monitoring.invalid/v1.0' }],
    },
    // First-generation Cloud Servers: an endpoint of the same type without a region. The product
    // does not use it.
    {
      name: 'cloudServers',
      type: 'compute',
      endpoints: [{ tenantId, publicURL: `https://servers.invalid/v1.0/${tenantId}` }],
    },
    service('cloudServersOpenStack', 'compute', 'computeUrl', `/v2/${tenantId}`),
    service('cloudImages', 'image', 'imageUrl', '/v2'),
    service('cloudBlockStorage', 'volume', 'volumeUrl', `/v1/${tenantId}`),
    {
      name: 'cloudFilesCDN',
      type: 'rax:object-cdn',
      endpoints: regions.map(({ name }) => ({
        region: name,
        tenantId: FILES_ACCOUNT,
        publicURL: `https://cdn.invalid/v1/${FILES_ACCOUNT}`,
      })),
    },
    {
      name: 'cloudFiles',
      type: 'object-store',
      endpoints: regions.map(({ name, filesUrl }) => ({
        region: name,
        tenantId: FILES_ACCOUNT,
        publicURL: `${filesUrl}/v1/${FILES_ACCOUNT}`,
        internalURL: `https://snet-storage101.invalid/v1/${FILES_ACCOUNT}`,
      })),
    },
  ];
}

/** `token.catalog` of Keystone v3. Glance's endpoint has no version in its URL. */
export function keystoneCatalogue(projectId: string, regions: CataloguedRegion[], identityUrl: string) {
  const service = (type: string, name: string, url: (region: CataloguedRegion) => string | undefined) => ({
    type,
    name,
    id: Buffer.from(name).toString('hex'),
    endpoints: regions.flatMap((r) =>
      (url(r) === undefined ? [] : ['public', 'internal']).map((face) => ({
        id: Buffer.from(`${name} ${r.name} ${face}`).toString('hex'),
        interface: face,
        region: r.name,
        region_id: r.name,
        url: face === 'public' ? url(r) : 'https://internal.invalid',
      })),
    ),
  });
  return [
    service('identity', 'keystone', () => `${identityUrl}/v3`),
    service('compute', 'nova', (r) => r.computeUrl && `${r.computeUrl}/v2.1`),
    service('image', 'glance', (r) => r.imageUrl),
    service('volumev3', 'cinderv3', (r) => r.volumeUrl && `${r.volumeUrl}/v3/${projectId}`),
    service('object-store', 'swift', (r) => r.filesUrl && `${r.filesUrl}/v1/AUTH_${projectId}`),
  ];
}
