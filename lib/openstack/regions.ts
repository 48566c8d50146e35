import { type Endpoint, sameRegion } from './catalogue.ts';
import type { CloudAccess, ServiceType } from './credentials.ts';
import { CloudError } from './errors.ts';
import type { Grant } from './identity.ts';

/** The regions in which the catalogue has one of these services, sorted. */
export function regionsHaving({ endpoints }: Pick<Grant, 'endpoints'>, ...services: ServiceType[]): string[] {
  const regions = endpoints.filter(({ service }) => services.includes(service)).map(({ region }) => region);
  return [...new Set(regions)].sort();
}

/**
 * The names in the catalogue of the regions that the secret names; undefined if it names none.
 *
 * @throws {CloudError} NO_ENDPOINT if the cloud lacks one of these.
 */
export function regionsInUse({ regions }: CloudAccess, grant: Grant): string[] | undefined {
  const known = regionsHaving(grant, 'compute');
  if (known.length === 0) return regions && [];
  return regions?.map((region) => {
    const found = sameRegion(region, known);
    if (found !== undefined) return found;
    // The name is not shown, because somebody may have put the password there.
    throw new CloudError(
      'NO_ENDPOINT',
      `The cloud has no servers in a region of the secret: correct region_name; the regions are ${known.join(', ')}.`,
    );
  });
}

/** A catalogue with the URLs of the secret in place of its own. */
export function withOverrides(grant: Grant, { overrides = {}, regions = [] }: CloudAccess): Grant {
  const [given] = regions;
  if (given === undefined) return grant;
  const all = grant.endpoints.map((one) => one.region);
  const region = sameRegion(given, regionsHaving(grant, 'compute')) ?? sameRegion(given, all) ?? given;
  const own = Object.entries(overrides).map(([service, url]) => ({
    service: service as ServiceType,
    region,
    url,
  }));
  const isReplaced = (one: Endpoint) =>
    one.region === region && own.some(({ service }) => service === one.service);
  return { ...grant, endpoints: [...own, ...grant.endpoints.filter((one) => !isReplaced(one))] };
}
