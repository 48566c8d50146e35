import got, { HTTPError, type Method, type RequestError, type Response } from 'got';
import { CloudError, type CloudErrorCode, faultMessage, isCloudError } from './errors.ts';
import {
  type Credentials,
  explainRefusal,
  type Grant,
  readGrant,
  type ServiceType,
  secretsOf,
  tokenRequest,
} from './identity.ts';
import { isQuota, type Refusal, retryAfterMs } from './limits.ts';

/** How long work may still go on, in milliseconds; 0 or less means stop now. */
export interface Deadline {
  remainingMs(): number;
}

/**
 * Where credentials come from. `fresh` asks for them anew, past any cache: it is set after the cloud has refused
 * what was given before.
 */
export type CredentialSource = (options: { fresh: boolean }) => Promise<Credentials>;

export interface CloudRequest {
  service: ServiceType;
  region: string;
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the service's endpoint, with a leading slash. */
  path: string;
  /** `key=value` pairs, or a query string that the cloud itself gave. */
  query?: Record<string, string> | string;
  json?: unknown;
  /** Of `json`, where it is not application/json. */
  contentType?: string;
  /** The status codes that mean success; any other is thrown. */
  expect: number[];
}

export interface CloudAnswer {
  headers: Record<string, string | string[] | undefined>;
  /** Parsed JSON; undefined when the body is empty. */
  body: unknown;
}

/** An authenticated conversation with one project of one cloud. */
export interface Session {
  /** Rackspace's own Identity, with its own limits, or any Keystone. */
  readonly provider: 'rackspace' | 'keystone';
  readonly projectId: string;
  readonly deadline: Deadline;
  /** The regions that have both compute and images, sorted. */
  readonly regions: string[];
  /** @throws {CloudError} for every status not in `expect`, and for every way of getting no answer. */
  request(request: CloudRequest): Promise<CloudAnswer>;
}

const RETRIES = 3;
const BACKOFF_MS = 500;
const LONGEST_WAIT_MS = 60_000;
const REQUEST_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
// The connection was never made, so even a POST was not carried out.
const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH'];

/**
 * Authenticates, always anew (a snapshot's upload goes on with this token for hours), and returns a session that
 * authenticates once more when the cloud says that its token is no longer good. Credentials that the cloud refuses
 * are read again from their source once, so that a rotated key needs no redeploy.
 *
 * @throws {CloudError} UNAUTHORIZED, MFA_REQUIRED, FORBIDDEN, or any failure to reach the identity service.
 */
export async function connect(source: CredentialSource, deadline: Deadline): Promise<Session> {
  const secrets = new Set<string>();
  const send = sender(deadline, secrets);

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

  return {
    provider: first.credentials.kind === 'rackspace' ? 'rackspace' : 'keystone',
    projectId: grant.projectId,
    deadline,
    regions: regionsOf(grant),
    async request({ service, region, method, path, query, json, contentType, expect }) {
      const attempt = () => {
        const url = new URL(endpoint(grant, service, region) + path);
        url.search = typeof query === 'string' ? query : new URLSearchParams(query).toString();
        const { token } = grant;
        return send({
          url: url.href,
          method,
          json,
          contentType,
          expect,
          repeatable: method !== 'POST',
          token,
        });
      };
      const { token } = grant;
      try {
        return await attempt();
      } catch (error) {
        if (!isCloudError(error, 'UNAUTHORIZED')) throw error;
        await renew(token);
        return await attempt();
      }
    },
  };
}

function regionsOf({ endpoints }: Grant): string[] {
  const having = (service: ServiceType) =>
    new Set(endpoints.filter((e) => e.service === service).map((e) => e.region));
  return [...having('compute').intersection(having('image'))].sort();
}

/** The base URL of a service, up to its version. Glance is catalogued with /v2 (Rackspace) or without (others). */
function endpoint(grant: Grant, service: ServiceType, region: string): string {
  const found = grant.endpoints.find((e) => e.service === service && e.region === region);
  // Not NOT_FOUND: to those who delete, that means that the thing is gone.
  if (!found) throw new CloudError('BAD_ANSWER', `The catalogue has no ${service} endpoint in ${region}.`);
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

interface Sending {
  url: string;
  method: Method;
  json?: unknown;
  contentType?: string | undefined;
  expect: number[];
  /** Whether it may be sent again when it is not known if it was carried out. */
  repeatable: boolean;
  token?: string;
}

/** One HTTP exchange with retries and time limits; every failure leaves as a CloudError without secrets. */
function sender(deadline: Deadline, secrets: Set<string>): (sending: Sending) => Promise<CloudAnswer> {
  return async ({ url, method, json, contentType, expect, repeatable, token }) => {
    const remainingMs = deadline.remainingMs();
    const where = { method, url: url.split('?')[0] ?? url };
    if (remainingMs <= 0) throw outOfTime(where);
    const signal = AbortSignal.timeout(Math.ceil(remainingMs));
    try {
      const response = await got(url, {
        method,
        ...(json === undefined ? {} : { json }),
        headers: {
          accept: 'application/json',
          ...(contentType ? { 'content-type': contentType } : {}),
          ...(token ? { 'x-auth-token': token } : {}),
        },
        responseType: 'text',
        followRedirect: false,
        signal,
        timeout: { connect: CONNECT_TIMEOUT_MS, request: REQUEST_TIMEOUT_MS },
        retry: {
          limit: RETRIES,
          enforceRetryRules: false,
          calculateDelay: ({ attemptCount, error }) => {
            const waitMs = attemptCount > RETRIES ? 0 : retryDelayMs(error, attemptCount, repeatable);
            return waitMs < deadline.remainingMs() ? waitMs : 0;
          },
        },
      });
      if (!expect.includes(response.statusCode)) {
        throw new CloudError('BAD_ANSWER', `${said(where)}: ${response.statusCode} was not expected here`, {
          ...where,
          status: response.statusCode,
        });
      }
      return { headers: response.headers, body: parse(response, where) };
    } catch (error) {
      throw signal.aborted ? outOfTime(where) : translate(error, where, (text) => without(secrets, text));
    }
  };
}

function parse({ body }: Response<string>, where: Where): unknown {
  if (body.trim() === '') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    // V8's own message would quote the body, which may hold a token.
    throw new CloudError('BAD_ANSWER', `${said(where)}: the answer is not complete JSON`, where);
  }
}

/**
 * How long to wait before the next try, in milliseconds; 0 means: do not try again.
 *
 * A rate limit (413 from Rackspace, 429 from others) was not carried out and may always be repeated; a 413 that is
 * a quota never. Whatever leaves it open whether the request was carried out is repeated only if `repeatable`.
 */
function retryDelayMs(error: RequestError, attempt: number, repeatable: boolean): number {
  const backoffMs = BACKOFF_MS * 2 ** (attempt - 1) * (1 + Math.random() / 4);
  if (!(error instanceof HTTPError)) return repeatable || NEVER_SENT.includes(error.code) ? backoffMs : 0;
  const refusal = refusalOf(error.response);
  const limited = refusal.status === 413 || refusal.status === 429;
  if (limited ? isQuota(refusal) : !(repeatable && refusal.status >= 500)) return 0;
  const askedMs = retryAfterMs(refusal);
  if (askedMs === undefined) return backoffMs;
  return askedMs > LONGEST_WAIT_MS ? 0 : Math.max(askedMs, backoffMs);
}

function refusalOf({ statusCode, headers, body }: Response<unknown>): Refusal {
  return { status: statusCode, headers, body: String(body) };
}

const CODES: Record<number, CloudErrorCode> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHORIZED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  413: 'RATE_LIMITED',
  429: 'RATE_LIMITED',
};

type Where = { method: string; url: string };

function translate(error: unknown, where: Where, hide: (text: string) => string): CloudError {
  if (error instanceof CloudError) return error;
  if (error instanceof HTTPError) {
    const { status, headers, body } = refusalOf(error.response);
    let code = CODES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'BAD_ANSWER');
    let message = faultMessage(body, hide) ?? hide(error.response.statusMessage ?? 'no message');
    // A page of HTML says the status once more.
    if (message.startsWith(`${status} `)) message = message.slice(4);
    if (isQuota({ status, headers, body })) code = 'OVER_QUOTA';
    if (status === 401 && /OS-MF/.test(String(headers['www-authenticate']))) code = 'MFA_REQUIRED';
    // Nova says this, with a 500, when Glance refuses one more image or one more property.
    if (body.includes('HTTPOverLimit')) {
      code = 'OVER_QUOTA';
      message = "the image service's quota for this project is used up";
    }
    // Of two requests at the same moment, Nova answers the later one with this and a 500, where it means 409.
    if (body.includes('UnexpectedTaskStateError')) {
      code = 'CONFLICT';
      message = 'the server has become busy at this moment';
    }
    const requestId = headers['x-compute-request-id'] ?? headers['x-openstack-request-id'];
    return new CloudError(code, `${said(where)}: ${status} ${message}`, {
      ...where,
      status,
      ...(typeof requestId === 'string' ? { requestId: hide(requestId) } : {}),
    });
  }
  const { code, message } = error as RequestError;
  const why = code === 'ETIMEDOUT' ? 'timed out' : hide(message).split('\n')[0];
  return new CloudError('NO_ANSWER', `${said(where)}: no answer (${why})`, where);
}

function said({ method, url }: Where): string {
  return `[${method}] "${url}"`;
}

function outOfTime(where: Where): CloudError {
  return new CloudError('OUT_OF_TIME', `${said(where)}: stopped, the time of this run is used up`, where);
}

function without(secrets: Set<string>, text: string): string {
  return [...secrets].reduce((clean, secret) => clean.replaceAll(secret, '[secret]'), text);
}
