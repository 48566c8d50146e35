import { type Credentials, type ServiceType, secretsOf, shownAuthUrl } from './credentials.ts';
import { endpointResolver, noEndpoint } from './endpoints.ts';
import { CloudError, isCloudError } from './errors.ts';
import { type CloudAnswer, type CloudData, type Deadline, downloader, sender, type Traffic } from './http.ts';
import { explainRefusal, type Grant, readGrant, tokenRequest } from './identity.ts';
import { pacedQueue, type Rates } from './pacing.ts';
import { redactor } from './redact.ts';
import { regionsHaving, regionsInUse, withOverrides } from './regions.ts';

/**
 * Reads the credentials. `fresh` bypasses any cache; it is set after the cloud has refused cached
 * credentials.
 */
export type CredentialSource = (options: { fresh: boolean }) => Promise<Credentials>;

/** A request to a service of the cloud. */
export interface CloudRequest {
  service: ServiceType;
  region: string;
  method: 'HEAD' | 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** The path below the service's endpoint, with a leading slash. */
  path: string;
  /** `key=value` pairs, or a query string from a link of the cloud. */
  query?: Record<string, string> | string;
  json?: unknown;
  /** A raw body, instead of `json`. */
  text?: string;
  /** The content type of the body; application/json by default. */
  contentType?: string;
  /**
   * The microversion of the compute or block storage API, if the request needs a later one than 2.1
   * or 3.0. Rackspace has no microversions.
   */
  microversion?: string;
  /** The status codes of success. For any other status the session throws. */
  expect: number[];
}

/** A download of raw bytes; see {@link CloudRequest}. */
export interface DownloadRequest extends Pick<CloudRequest, 'service' | 'region' | 'path' | 'expect'> {
  headers: Record<string, string>;
}

/**
 * An authenticated client for one project of one cloud. The login returns the token and the
 * catalogue of the endpoints: https://docs.rackspace.com/docs/authentication-tokens for Rackspace,
 * https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management for Keystone.
 */
export interface Session {
  /** `rackspace` for Rackspace Identity, `keystone` for any Keystone. */
  readonly provider: 'rackspace' | 'keystone';
  readonly projectId: string;
  /** The names of the user's roles; undefined if the login response has none. See roles.ts. */
  readonly roles: readonly string[] | undefined;
  /**
   * How far the cloud's clock was ahead of the local clock at the login, in milliseconds; undefined
   * if the response had no date.
   */
  readonly clockAheadMs: number | undefined;
  readonly deadline: Deadline;
  /** The request counts of this session so far. */
  readonly traffic: Readonly<Traffic>;
  /**
   * The regions with a compute endpoint that the secret does not leave out, sorted. A request fails
   * with NO_ENDPOINT if the catalogue lacks another service in one of them.
   */
  readonly regions: string[];
  /**
   * The regions with a compute endpoint, also those that the secret leaves out: a server may be in
   * any of them.
   */
  readonly allRegions: string[];
  /** The regions with an image or a volume endpoint, and without a compute endpoint, sorted. */
  readonly regionsWithoutCompute: string[];
  /** The error of each request to a service in a region if the catalogue lacks it. */
  missingEndpoint(service: ServiceType, region: string): CloudError | undefined;
  /**
   * Spreads further requests evenly under rate limits by verb, all regions together. See
   * rate-limits.ts.
   */
  spread(rates: Rates): void;
  /**
   * @throws {CloudError} for every status not in `expect`, and for every request without a
   *   response.
   */
  request(request: CloudRequest): Promise<CloudAnswer>;
  /**
   * Streams the raw bytes of a GET response, without retries.
   *
   * @throws {CloudError} like {@link request}, also while the body is read.
   */
  download(request: DownloadRequest): Promise<CloudData>;
}

interface Login {
  grant: Grant;
  credentials: Credentials;
}

/** The current time by the cloud's clock, which the cloud's creation times follow. */
export function cloudTime({ clockAheadMs = 0 }: Pick<Session, 'clockAheadMs'>): Date {
  return new Date(Date.now() + clockAheadMs);
}

/**
 * Logs in with the credentials of `source`. Each run has a new token, because the cloud uploads a
 * snapshot with this token for hours. The session logs in again when the cloud answers 401:
 * https://docs.rackspace.com/docs/manage-authentication-tokens. If the cloud refuses the
 * credentials, the session reads them from their source again, so that a rotated key needs no
 * redeployment.
 *
 * @throws {CloudError} UNAUTHORIZED, MFA_REQUIRED, FORBIDDEN, or any error of the connection to the
 *   identity service.
 */
export async function connect(source: CredentialSource, deadline: Deadline): Promise<Session> {
  const secrets = redactor();
  const traffic: Traffic = { calls: 0, rateLimited: 0 };
  const queue = pacedQueue(deadline);
  const send = sender(deadline, secrets, traffic, queue);
  const receive = downloader(deadline, secrets, traffic);
  let clockAheadMs: number | undefined;

  async function authenticate(): Promise<Login> {
    const credentials = await source({ fresh: false });
    try {
      return { credentials, grant: await grantFor(credentials) };
    } catch (error) {
      if (!isCloudError(error, 'UNAUTHORIZED', 'FORBIDDEN', 'MFA_REQUIRED')) throw error;
      const renewed = await source({ fresh: true });
      if (JSON.stringify(renewed) === JSON.stringify(credentials)) throw error;
      return { credentials: renewed, grant: await grantFor(renewed) };
    }
  }

  async function grantFor(credentials: Credentials): Promise<Grant> {
    for (const secret of secretsOf(credentials)) secrets.add(secret);
    const { url, json } = tokenRequest(credentials);
    const expect = credentials.kind === 'rackspace' ? [200, 203] : [201];
    try {
      const { headers, body } = await send({
        url,
        shownUrl: shownAuthUrl(url),
        method: 'POST',
        json,
        expect,
        repeatable: true,
        ca: credentials.ca,
      });
      const subject = headers['x-subject-token'];
      const read = readGrant(credentials, body, typeof subject === 'string' ? subject : undefined);
      const grant = withOverrides(read, credentials);
      secrets.add(grant.token);
      const sentMs = Date.parse(String(headers.date));
      clockAheadMs = Number.isNaN(sentMs) ? undefined : sentMs - Date.now();
      return grant;
    } catch (error) {
      throw explainRefusal(error, credentials);
    }
  }

  const first = await authenticate();
  let login = first;
  let renewal: Promise<void> | undefined;

  /** Renews the token once for all requests that failed with the same token. */
  function renew(stale: string): Promise<void> {
    if (login.grant.token !== stale) return Promise.resolve();
    renewal ??= authenticate()
      .then((next) => {
        // The run has already decided about ownership with the first project.
        if (next.grant.projectId !== first.grant.projectId) {
          throw new CloudError('BAD_ANSWER', 'The secret was changed to another project during this run.');
        }
        login = next;
      })
      .finally(() => {
        renewal = undefined;
      });
    return renewal;
  }

  /** Retries once with a new token if the cloud refuses the current one. */
  async function withToken<T>(attempt: (login: Login) => Promise<T>): Promise<T> {
    const { token } = login.grant;
    try {
      return await attempt(login);
    } catch (error) {
      if (!isCloudError(error, 'UNAUTHORIZED')) throw error;
      await renew(token);
      return await attempt(login);
    }
  }

  const urlOf = endpointResolver(send);
  const { grant } = first;
  const allRegions = regionsHaving(grant, 'compute');
  const inUse = regionsInUse(first.credentials, grant);
  const regions = allRegions.filter((region) => inUse?.includes(region) ?? true);
  return {
    provider: first.credentials.kind === 'rackspace' ? 'rackspace' : 'keystone',
    projectId: grant.projectId,
    roles: grant.roles,
    clockAheadMs,
    deadline,
    traffic,
    regions,
    allRegions,
    regionsWithoutCompute: inUse
      ? []
      : regionsHaving(grant, 'image', 'volume').filter((region) => !regions.includes(region)),
    missingEndpoint(service, region) {
      return hasEndpoint(login.grant, service, region) ? undefined : noEndpoint(service, region);
    },
    spread: queue.spread,
    request({ service, region, method, path, query, json, text, contentType, microversion, expect }) {
      return withToken(async (current) => {
        const url = new URL((await urlOf(current, service, region)) + path);
        url.search = typeof query === 'string' ? query : new URLSearchParams(query).toString();
        const { token } = current.grant;
        const repeatable = method !== 'POST';
        return send({
          url: url.href,
          method,
          json,
          text,
          contentType,
          microversion: microversion && `${service} ${microversion}`,
          expect,
          repeatable,
          token,
          ca: current.credentials.ca,
        });
      });
    },
    download({ service, region, path, headers, expect }) {
      return withToken(async (current) => {
        const url = (await urlOf(current, service, region)) + path;
        return receive({ url, headers, expect, token: current.grant.token, ca: current.credentials.ca });
      });
    },
  };
}

function hasEndpoint({ endpoints }: Grant, service: ServiceType, region: string): boolean {
  return endpoints.some((one) => one.service === service && one.region === region);
}
