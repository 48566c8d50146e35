import * as v from 'valibot';
import type { CloudAccess, ServiceType } from './credentials.ts';
import { printable } from './printable.ts';

/** The URL of a service in a region, from the catalogue. */
export interface Endpoint {
  service: ServiceType;
  /** The name of a region; {@link ALL_REGIONS} if the catalogue names no region. */
  region: string;
  url: string;
}

// Catalogues are written by hand. An entry that cannot be read is left out, and the others count.
const Services = v.fallback(
  v.object({
    type: v.fallback(v.nullish(v.string()), undefined),
    name: v.fallback(v.nullish(v.string()), undefined),
    endpoints: v.fallback(v.array(v.unknown()), []),
  }),
  { endpoints: [] },
);

const aText = v.fallback(v.nullish(v.string()), undefined);
const RackspaceEndpoint = v.fallback(v.object({ region: aText, tenantId: aText, publicURL: aText }), {});
const KeystoneEndpoint = v.fallback(
  v.object({ interface: aText, region: aText, region_id: aText, url: aText }),
  {},
);

// By name, because first-generation `cloudServers` also has the type `compute`.
const RACKSPACE_SERVICES: Record<string, ServiceType> = {
  cloudServersOpenStack: 'compute',
  cloudImages: 'image',
  cloudBlockStorage: 'volume',
  cloudFiles: 'object-store',
};
/** The types of services that have no name. The servers of the first generation have no region. */
const RACKSPACE_TYPES: Record<string, ServiceType> = {
  compute: 'compute',
  image: 'image',
  volume: 'volume',
  'object-store': 'object-store',
};

/**
 * Reads `access.serviceCatalog` of Rackspace Identity v2.0. Endpoints without a region
 * (first-generation services) are left out.
 *
 * @returns the endpoints, and the tenant of the servers.
 */
export function rackspaceEndpoints(catalogue: readonly unknown[]): {
  endpoints: Endpoint[];
  computeTenant: string | undefined;
} {
  const endpoints: Endpoint[] = [];
  let computeTenant: string | undefined;
  for (const { type, name, endpoints: listed } of catalogue.map((one) => v.parse(Services, one))) {
    const service = name ? RACKSPACE_SERVICES[name] : RACKSPACE_TYPES[type ?? ''];
    if (!service) continue;
    for (const { region, publicURL, tenantId } of listed.map((one) => v.parse(RackspaceEndpoint, one))) {
      if (!region || !publicURL) continue;
      if (service === 'compute') computeTenant ??= tenantId ?? undefined;
      endpoints.push({ service, region: printable(region), url: publicURL });
    }
  }
  return { endpoints: inOneSpelling(endpoints), computeTenant };
}

/** Volume API 2, with the requests and answers of 3.0. Clouds before Pike have nothing newer. */
const OLD_BLOCK_STORAGE = 'volumev2';

const KEYSTONE_SERVICES: Record<string, ServiceType> = {
  compute: 'compute',
  image: 'image',
  volumev3: 'volume',
  'block-storage': 'volume',
  [OLD_BLOCK_STORAGE]: 'volume',
};

/**
 * Reads `token.catalog` of Keystone v3:
 * https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management. Endpoints
 * without a region are left out. The first endpoint of a service in a region is used, so those of
 * the older API come last, and those of all regions after those of one.
 */
export function keystoneEndpoints(
  catalogue: readonly unknown[],
  { interface: face = 'public', regions = [] }: Pick<CloudAccess, 'interface' | 'regions'>,
): Endpoint[] {
  const services = catalogue.map((one) => v.parse(Services, one));
  const rankOf = ({ type }: { type?: string | null | undefined }) => Number(type === OLD_BLOCK_STORAGE);
  const endpoints = services
    .toSorted((a, b) => rankOf(a) - rankOf(b))
    .flatMap(({ type, endpoints: listed }) => {
      const service = KEYSTONE_SERVICES[type ?? ''];
      if (!service) return [];
      return listed.flatMap((one): Endpoint[] => {
        const { interface: its, region_id, region: name, url } = v.parse(KeystoneEndpoint, one);
        const region = region_id || name;
        return its === face && region && url ? [{ service, region: printable(region), url }] : [];
      });
    });
  return inOneSpelling(ofEachRegion(endpoints, regions));
}

/** The region of a service that serves all regions. */
export const ALL_REGIONS = '*';

/**
 * Replaces the endpoints of the region `*` by one for each region that the catalogue or the secret
 * names. They stay as they are if no region has a name.
 */
function ofEachRegion(endpoints: readonly Endpoint[], wanted: readonly string[]): Endpoint[] {
  const isGeneral = ({ region }: Endpoint) => region === ALL_REGIONS;
  const special = endpoints.filter((one) => !isGeneral(one));
  const named = [...new Set(special.map(({ region }) => region))];
  const regions = [...named, ...wanted.filter((region) => !sameRegion(region, named))];
  if (regions.length === 0) return [...endpoints];
  const general = endpoints.filter(isGeneral);
  return [...special, ...general.flatMap((one) => regions.map((region) => ({ ...one, region })))];
}

/**
 * Gives the regions of all services the spelling of the compute service, because some catalogues
 * say RegionOne and regionOne. Where the compute service has both, they are two regions.
 */
function inOneSpelling(endpoints: readonly Endpoint[]): Endpoint[] {
  const ofCompute = endpoints.filter(({ service }) => service === 'compute').map(({ region }) => region);
  return endpoints.map((one) => ({ ...one, region: sameRegion(one.region, ofCompute) ?? one.region }));
}

/** The region of `known` that `name` means, in any case; undefined if none or several do. */
export function sameRegion(name: string, known: readonly string[]): string | undefined {
  if (known.includes(name)) return name;
  const alike = new Set(known.filter((one) => one.toLowerCase() === name.toLowerCase()));
  return alike.size === 1 ? [...alike][0] : undefined;
}
