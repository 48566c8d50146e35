import { CloudError, isCloudError } from './errors.ts';
import { type CloudAnswer, type CloudData, type Deadline, downloader, sender, type Traffic } from './http.ts';
import {
  type Credentials,
  explainRefusal,
  type Grant,
  readGrant,
  type ServiceType,
  secretsOf,
  tokenRequest,
} from './identity.ts';
import { queue, type Rates } from './pacing.ts';

/**
 * Where credentials come from. `fresh` asks for them anew, past any cache: it is set after the cloud has refused
 * what was given before.
 */
export type CredentialSource = (options: { fresh: boolean }) => Promise<Credentials>;

export interface CloudRequest {
  service: ServiceType;
  region: string;
  method: 'HEAD' | 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the service's endpoint, with a leading slash. */
  path: string;
  /** `key=value` pairs, or a query string that the cloud itself gave. */
  query?: Record<string, string> | string;
  json?: unknown;
  /** What to send as it is, instead of `json`. */
  text?: string;
  /** Of either, where it is not application/json. */
  contentType?: string;
  /** Of the compute API, where the request needs a later one than 2.1; Rackspace has none. */
  microversion?: string;
  /** The status codes that mean success; any other is thrown. */
  expect: number[];
}

/** What to read as raw bytes; see {@link CloudRequest}. */
export interface DownloadRequest extends Pick<CloudRequest, 'service' | 'region' | 'path' | 'expect'> {
  headers: Record<string, string>;
}

/** An authenticated conversation with one project of one cloud. */
export interface Session {
  /** Rackspace's own Identity, with its own limits, or any Keystone. */
  readonly provider: 'rackspace' | 'keystone';
  readonly projectId: string;
  /** The names of the user's roles, undefined where the cloud does not say. See roles.ts. */
  readonly roles: readonly string[] | undefined;
  /** How far the cloud's clock was ahead of ours at the login, in milliseconds; undefined where it does not say. */
  readonly clockAheadMs: number | undefined;
  readonly deadline: Deadline;
  /** What this session has sent so far. */
  readonly traffic: Readonly<Traffic>;
  /**
   * The regions with compute, sorted: where a server may be. Whether the catalogue has the other services there shows when they
   * are asked.
   */
  readonly regions: string[];
  /** Spreads the requests of some verbs from now on, those to all regions together. See rates.ts. */
  spread(rates: Rates): void;
  /** @throws {CloudError} for every status not in `expect`, and for every way of getting no answer. */
  request(request: CloudRequest): Promise<CloudAnswer>;
  /**
   * A GET of raw bytes, as they come and tried once.
   *
   * @throws {CloudError} like {@link request}; and so does the reading of the body.
   */
  download(request: DownloadRequest): Promise<CloudData>;
}

/** Now, by the cloud's clock, by which it dates what it makes. */
export function cloudTime({ clockAheadMs = 0 }: Pick<Session, 'clockAheadMs'>): Date {
  return new Date(Date.now() + clockAheadMs);
}

/**
 * Authenticates, always anew (a snapshot's upload goes on with this token for hours), and returns a session that
 * authenticates once more when the cloud says that its token is no longer good. Credentials that the cloud refuses
 * are read again from their source once, so that a rotated key needs no redeploy.
 *
 * @throws {CloudError} UNAUTHORIZED, MFA_REQUIRED, FORBIDDEN, or any failure to reach the identity service.
 */
export async function connect(source: CredentialSource, deadline: Deadline): Promise<Session> {
  const secrets = new Set<string>();
  const traffic: Traffic = { calls: 0, rateLimited: 0 };
  const turns = queue(deadline);
  const send = sender(deadline, secrets, traffic, turns);
  const receive = downloader(deadline, secrets, traffic);
  let clockAheadMs: number | undefined;

  async function authenticate(): Promise<{ grant: Grant; credentials: Credentials }> {
    const credentials = await source({ fresh: false });
    try {
      return { credentials, grant: await grantFor(credentials) };
    } catch (error) {
      if (!isCloudError(error, 'UNAUTHORIZED', 'FORBIDDEN', 'MFA_REQUIRED')) throw error;
      const reread = await source({ fresh: true });
      if (JSON.stringify(reread) === JSON.stringify(credentials)) throw error;
      return { credentials: reread, grant: await grantFor(reread) };
    }
  }

  async function grantFor(credentials: Credentials): Promise<Grant> {
    for (const secret of secretsOf(credentials)) secrets.add(secret);
    const { url, json } = tokenRequest(credentials);
    const expect = credentials.kind === 'rackspace' ? [200, 203] : [201];
    try {
      const { headers, body } = await send({ url, method: 'POST', json, expect, repeatable: true });
      const subject = headers['x-subject-token'];
      const grant = readGrant(credentials.kind, body, typeof subject === 'string' ? subject : undefined);
      secrets.add(grant.token);
      const sentMs = Date.parse(String(headers.date));
      clockAheadMs = Number.isNaN(sentMs) ? undefined : sentMs - Date.now();
      return grant;
    } catch (error) {
      throw explainRefusal(error);
    }
  }

  const first = await authenticate();
  let grant = first.grant;
  let renewal: Promise<void> | undefined;

  /** One renewal for all the requests that failed with the same token. */
  function renew(stale: string): Promise<void> {
    if (grant.token !== stale) return Promise.resolve();
    renewal ??= authenticate()
      .then((next) => {
        // What belongs to whom has been decided by the first project.
        if (next.grant.projectId !== grant.projectId) {
          throw new CloudError('BAD_ANSWER', 'The secret was changed to another project during this run.');
        }
        grant = next.grant;
      })
      .finally(() => {
        renewal = undefined;
      });
    return renewal;
  }

  /** Tries once more with a new token when the cloud no longer takes the one there is. */
  async function withToken<T>(attempt: (grant: Grant) => Promise<T>): Promise<T> {
    const { token } = grant;
    try {
      return await attempt(grant);
    } catch (error) {
      if (!isCloudError(error, 'UNAUTHORIZED')) throw error;
      await renew(token);
      return await attempt(grant);
    }
  }

  return {
    provider: first.credentials.kind === 'rackspace' ? 'rackspace' : 'keystone',
    projectId: grant.projectId,
    roles: grant.roles,
    clockAheadMs,
    deadline,
    traffic,
    regions: regionsHaving(grant, 'compute'),
    spread: turns.spread,
    request({ service, region, method, path, query, json, text, contentType, microversion, expect }) {
      return withToken((current) => {
        const url = new URL(endpoint(current, service, region) + path);
        url.search = typeof query === 'string' ? query : new URLSearchParams(query).toString();
        const { token } = current;
        const repeatable = method !== 'POST';
        return send({
          url: url.href,
          method,
          json,
          text,
          contentType,
          microversion,
          expect,
          repeatable,
          token,
        });
      });
    },
    download({ service, region, path, headers, expect }) {
      return withToken((current) => {
        const { token } = current;
        return receive({ url: endpoint(current, service, region) + path, headers, expect, token });
      });
    },
  };
}

function regionsHaving({ endpoints }: Grant, service: ServiceType): string[] {
  return [...new Set(endpoints.filter((e) => e.service === service).map((e) => e.region))].sort();
}

/** The base URL of a service, up to its version. Glance is catalogued with /v2 (Rackspace) or without (others). */
function endpoint(grant: Grant, service: ServiceType, region: string): string {
  const found = grant.endpoints.find((e) => e.service === service && e.region === region);
  // Not NOT_FOUND: to those who delete, that means that the thing is gone.
  if (!found) throw new CloudError('NO_ENDPOINT', `The catalogue has no ${service} endpoint in ${region}.`);
  const url = URL.parse(found.url);
  if (!url) throw new CloudError('BAD_ANSWER', `The catalogue's ${service} endpoint in ${region} is no URL.`);
  if (url.protocol !== 'https:' && !isLoopback(url)) {
    throw new CloudError('BAD_ANSWER', `The catalogue's ${service} endpoint in ${region} is not https.`);
  }
  const base = url.href.replace(/\/+$/, '');
  return service === 'image' && !/\/v2(\.\d+)?$/.test(url.pathname.replace(/\/+$/, '')) ? `${base}/v2` : base;
}

/** Whether a URL stays on this machine, where plain http is no risk. */
export function isLoopback(url: URL): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
}
