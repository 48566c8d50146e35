import type { Endpoint } from './catalogue.ts';
import { type Credentials, isLoopback, type ServiceType } from './credentials.ts';
import { CloudError } from './errors.ts';
import type { sender } from './http.ts';
import type { Grant } from './identity.ts';

/** A login, whose catalogue has the endpoints. */
interface Login {
  grant: Grant;
  credentials: Credentials;
}

/** Where a version is in the path of an endpoint, such as `/v2.1` or `/v3/<project id>`. */
const VERSION = /\/v\d+(?:\.\d+)?(?:\/|$)/;
/** The version at the end of the path of an image service, with or without a project id. */
const IMAGE_VERSION = /\/v\d+(?:\.\d+)?(?:\/[\da-f-]{3,})?$/i;

/**
 * Finds the base URLs of services, including their versions, without a slash at the end. Of several
 * endpoints of a service in a region, the first usable one counts.
 *
 * The image service has only one version. The others are asked for their versions if the path of
 * the endpoint has none: https://docs.openstack.org/api-ref/compute/#api-versions and
 * https://docs.openstack.org/api-ref/block-storage/v3/#api-versions. Rackspace's endpoints always
 * have one.
 *
 * @returns a function that throws a {@link CloudError}: NO_ENDPOINT, UNUSABLE_ENDPOINT, or the
 *   error of the request for the versions.
 */
export function endpointResolver(
  send: ReturnType<typeof sender>,
): (login: Login, service: ServiceType, region: string) => Promise<string> {
  const found = new Map<string, Promise<string>>();
  return async ({ grant, credentials }, service, region) => {
    const url = usableUrl(grant, service, region);
    const base = url.href.replace(/\/+$/, '');
    if (service === 'image')
      return IMAGE_VERSION.test(base) ? base.replace(IMAGE_VERSION, '/v2') : `${base}/v2`;
    const hasVersions = service !== 'object-store' && credentials.kind !== 'rackspace';
    if (!hasVersions || VERSION.test(url.pathname)) return base;
    const discover = async () => {
      const { body } = await send({
        url: `${base}/`,
        method: 'GET',
        expect: [200, 300],
        repeatable: true,
        ca: credentials.ca,
      });
      const path = versionPath(service, versionsIn(body), grant.projectId);
      if (path) return `${base}/${path}`;
      throw unusable(service, region, 'names no version that can be used');
    };
    if (!found.has(base)) {
      const discovery = discover();
      found.set(base, discovery);
      // The next request asks again.
      discovery.catch(() => found.delete(base));
    }
    return await found.get(base)!;
  };
}

/** Not NOT_FOUND, from which the delete functions conclude that the object is gone. */
export function noEndpoint(service: ServiceType, region: string): CloudError {
  return new CloudError('NO_ENDPOINT', `The catalogue has no ${service} endpoint in ${region}.`);
}

function usableUrl({ endpoints }: Grant, service: ServiceType, region: string): URL {
  const listed = endpoints.filter((one) => one.service === service && one.region === region);
  if (listed.length === 0) throw noEndpoint(service, region);
  const problems = listed.map(problemOf);
  const at = problems.indexOf(undefined);
  if (at < 0) throw unusable(service, region, problems[0]!);
  return new URL(listed[at]!.url);
}

function problemOf({ url }: Endpoint): string | undefined {
  const parsed = URL.parse(url);
  if (!parsed) return 'is no URL';
  // A token must not be sent over a connection that others can read.
  return parsed.protocol === 'https:' || isLoopback(parsed) ? undefined : 'is not https';
}

const OVERRIDE_FIELDS: Record<ServiceType, string | undefined> = {
  compute: 'compute_endpoint_override',
  image: 'image_endpoint_override',
  volume: 'block_storage_endpoint_override',
  'object-store': undefined,
};

function unusable(service: ServiceType, region: string, why: string): CloudError {
  const field = OVERRIDE_FIELDS[service];
  const remedy = field ? `, or set ${field} in the secret, a clouds.yaml, to the right URL` : '';
  return new CloudError(
    'UNUSABLE_ENDPOINT',
    `The catalogue's ${service} endpoint in ${region} ${why}: ask the cloud to correct it${remedy}.`,
  );
}

/** The ids of the versions in a version document, such as `v2.1`. */
function versionsIn(body: unknown): string[] {
  const { versions } = Object(body) as { versions?: unknown };
  const listed = Array.isArray(versions) ? versions : [];
  return listed.map((one) => String((Object(one) as { id?: unknown }).id));
}

/** The path of the newest version that can be used, without slashes around it. */
function versionPath(service: ServiceType, ids: readonly string[], projectId: string): string | undefined {
  // Compute 2.0, and block storage before 3.67, have the project in the path.
  const paths =
    service === 'compute'
      ? { 'v2.1': 'v2.1', 'v2.0': `v2/${projectId}` }
      : { 'v3.0': `v3/${projectId}`, 'v2.0': `v2/${projectId}` };
  return Object.entries(paths).find(([id]) => ids.includes(id))?.[1];
}
