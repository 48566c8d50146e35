import { once } from 'node:events';
import got, { HTTPError, type Method, type RequestError, type Response } from 'got';
import type { CloudAccess } from './credentials.ts';
import { CloudError, type CloudErrorCode, faultMessage } from './errors.ts';
import { LONGEST_WAIT_MS, type PacedQueue, type RequestTarget, requestName } from './pacing.ts';
import { parseBody } from './parse-body.ts';
import { pause } from './pause.ts';
import { isQuota, isRateLimit, type RateLimitAnswer, retryAfterMs } from './rate-limit-answer.ts';
import type { Redactor } from './redact.ts';
import { isUnknownAuthority, unknownAuthority } from './unknown-authority.ts';

/** The remaining time of a run, in milliseconds; 0 or less means that the deadline is reached. */
export interface Deadline {
  remainingMs(): number;
}

/** An answer of the cloud with an expected status. */
export interface CloudAnswer {
  headers: Record<string, string | string[] | undefined>;
  /** Parsed JSON; undefined when the body is empty. */
  body: unknown;
}

/** Running counts of the requests of a session. */
export interface Traffic {
  /** Requests, including retries. */
  calls: number;
  /** Requests that the cloud refused with a rate limit. */
  rateLimited: number;
}

const RETRIES = 3;
const BACKOFF_MS = 500;
const REQUEST_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
// The connection failed, so the cloud did not carry out the request. Even a POST may be retried.
const NEVER_SENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'ENETUNREACH'];

const client = got.extend({
  headers: { accept: 'application/json' },
  responseType: 'text',
  followRedirect: false,
  timeout: { connect: CONNECT_TIMEOUT_MS, request: REQUEST_TIMEOUT_MS },
  // got's own retries would not wait for the rate limits.
  retry: { limit: 0 },
});

interface HttpRequest {
  url: string;
  /** The URL in messages; by default `url` without its query. */
  shownUrl?: string;
  method: Method;
  json?: unknown;
  text?: string | undefined;
  contentType?: string | undefined;
  microversion?: string | undefined;
  expect: number[];
  /** Whether a retry is allowed when it is unknown if the cloud carried out the request. */
  repeatable: boolean;
  token?: string;
  /** The certificates of the only accepted authorities, in PEM. */
  ca?: CloudAccess['ca'] | undefined;
}

/**
 * Sends one HTTP request with retries and timeouts. Every failure becomes a CloudError without
 * secrets.
 *
 * Retries: a request that is idempotent (https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2), and
 * any request that the cloud refused with a rate limit. Errors of the cloud:
 * https://docs.openstack.org/api-guide/compute/faults.html and
 * https://docs.rackspace.com/docs/cloud-servers/v2/general-api-info/faults.
 */
export function sender(
  deadline: Deadline,
  secrets: Redactor,
  traffic: Traffic,
  queue: PacedQueue,
): (sending: HttpRequest) => Promise<CloudAnswer> {
  return async ({
    url,
    shownUrl = url.split('?')[0],
    method,
    json,
    text,
    contentType,
    microversion,
    expect,
    repeatable,
    token,
    ca,
  }) => {
    const remainingMs = deadline.remainingMs();
    const target = { method, url: shownUrl ?? url };
    if (remainingMs <= 0) throw outOfTime(target);
    const { signal, clear } = abortAfter(remainingMs);
    const exchange = async (): Promise<CloudAnswer> => {
      const response = await client(url, {
        method,
        ...(json === undefined ? {} : { json }),
        ...(text === undefined ? {} : { body: text }),
        headers: {
          ...(contentType ? { 'content-type': contentType } : {}),
          ...(microversion ? { 'openstack-api-version': microversion } : {}),
          ...(token ? { 'x-auth-token': token } : {}),
        },
        ...(ca ? { https: { certificateAuthority: ca } } : {}),
        signal,
      });
      if (!expect.includes(response.statusCode)) {
        throw new CloudError(
          'BAD_ANSWER',
          `${requestName(target)}: ${response.statusCode} was not expected here`,
          {
            ...target,
            status: response.statusCode,
          },
        );
      }
      return { headers: response.headers, body: parseBody(response, target, secrets.redactStrictly) };
    };
    try {
      for (let attempt = 1; ; attempt++) {
        await queue.waitToSend(target);
        traffic.calls++;
        try {
          return await exchange();
        } catch (error) {
          if (signal.aborted) throw outOfTime(target);
          const refusal = error instanceof HTTPError ? rateLimitAnswerOf(error.response) : undefined;
          const limited = refusal !== undefined && isRateLimit(refusal);
          const waitMs =
            error instanceof CloudError ? 0 : retryDelayMs(error as RequestError, attempt, repeatable);
          if (limited) {
            traffic.rateLimited++;
            queue.delay(target, Math.max(waitMs, retryAfterMs(refusal) ?? 0));
          }
          if (attempt > RETRIES || waitMs === 0 || waitMs >= deadline.remainingMs())
            throw asCloudError(error, target, secrets.redactStrictly);
          if (!limited) await pause(waitMs);
        }
      }
    } finally {
      clear();
    }
  };
}

/**
 * Returns an abort signal for the deadline. AbortSignal.timeout would keep a list of timers for
 * each distinct number of milliseconds until the deadline.
 */
function abortAfter(ms: number): { signal: AbortSignal; clear(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), Math.ceil(ms));
  return { signal: controller.signal, clear: () => clearTimeout(timer) };
}

/** A response with a streamed body, for bodies that are too large for memory. */
export interface CloudData {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** @throws {CloudError} NO_ANSWER if the connection breaks, OUT_OF_TIME at the deadline. */
  body: AsyncIterable<Buffer>;
}

type DownloadOptions = Pick<HttpRequest, 'url' | 'expect' | 'token' | 'ca'> & {
  headers: Record<string, string>;
};

/**
 * {@link sender} for a GET of raw bytes. The request is not retried, because only the reader knows
 * how many bytes have arrived. It fails when no data are sent or received for a minute.
 */
export function downloader(
  deadline: Deadline,
  secrets: Redactor,
  traffic: Traffic,
): (downloading: DownloadOptions) => Promise<CloudData> {
  return async ({ url, headers, expect, token, ca }) => {
    const target = { method: 'GET', url: url.split('?')[0] ?? url };
    const remainingMs = deadline.remainingMs();
    if (remainingMs <= 0) throw outOfTime(target);
    const signal = AbortSignal.timeout(Math.ceil(remainingMs));
    const failure = (error: unknown) => {
      if (error instanceof HTTPError && isRateLimit(rateLimitAnswerOf(error.response))) traffic.rateLimited++;
      return signal.aborted ? outOfTime(target) : asCloudError(error, target, secrets.redactStrictly);
    };
    traffic.calls++;
    const stream = got.stream(url, {
      headers: { accept: 'application/json', ...headers, ...(token ? { 'x-auth-token': token } : {}) },
      decompress: false,
      followRedirect: false,
      ...(ca ? { https: { certificateAuthority: ca } } : {}),
      signal,
      timeout: { connect: CONNECT_TIMEOUT_MS, response: REQUEST_TIMEOUT_MS, socket: REQUEST_TIMEOUT_MS },
      retry: { limit: 0 },
    });
    // The reader of the body receives the errors of the stream. Before there is a reader, an error
    // must not end the process.
    stream.on('error', () => {});
    try {
      const [response] = (await once(stream, 'response')) as [Response];
      const { statusCode: status } = response;
      if (expect.includes(status))
        return { status, headers: response.headers, body: readStream(stream, failure) };
      stream.destroy();
      throw new CloudError('BAD_ANSWER', `${requestName(target)}: ${status} was not expected here`, {
        ...target,
        status,
      });
    } catch (error) {
      throw failure(error);
    }
  };
}

async function* readStream(
  stream: AsyncIterable<Buffer>,
  failure: (error: unknown) => CloudError,
): AsyncGenerator<Buffer> {
  try {
    yield* stream;
  } catch (error) {
    throw failure(error);
  }
}

/**
 * The wait before the next attempt, in milliseconds; 0 means no retry.
 *
 * A rate-limited request (413 from Rackspace, 429 from other clouds) was not carried out and is
 * always retried. A 413 for a quota is never retried. A request of which it is unknown whether the
 * cloud carried it out is retried only if it is `repeatable`.
 */
function retryDelayMs(error: RequestError, attempt: number, repeatable: boolean): number {
  const backoffMs = BACKOFF_MS * 2 ** (attempt - 1) * (1 + Math.random() / 4);
  if (isUnknownAuthority(error)) return 0;
  if (!(error instanceof HTTPError)) return repeatable || NEVER_SENT.includes(error.code) ? backoffMs : 0;
  const refusal = rateLimitAnswerOf(error.response);
  if (isQuota(refusal)) return 0;
  if (!isRateLimit(refusal) && !(repeatable && refusal.status >= 500)) return 0;
  const askedMs = retryAfterMs(refusal);
  if (askedMs === undefined) return backoffMs;
  return askedMs > LONGEST_WAIT_MS ? 0 : Math.max(askedMs, backoffMs);
}

function rateLimitAnswerOf({ statusCode, headers, body }: Response<unknown>): RateLimitAnswer {
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

function asCloudError(error: unknown, target: RequestTarget, hide: (text: string) => string): CloudError {
  if (error instanceof CloudError) return error;
  if (error instanceof HTTPError) {
    const { status, headers, body } = rateLimitAnswerOf(error.response);
    let code = CODES[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'BAD_ANSWER');
    let message = faultMessage(body, hide) ?? hide(error.response.statusMessage ?? 'no message');
    // The message of an HTML page repeats the status.
    if (message.startsWith(`${status} `)) message = message.slice(4);
    // These words are Nova's only sign of a server quota.
    if (isQuota({ status, headers, body }) || (status === 403 && /quota exceeded/i.test(message))) {
      code = 'OVER_QUOTA';
    }
    if (status === 401 && /OS-MF/.test(String(headers['www-authenticate']))) code = 'MFA_REQUIRED';
    // Nova answers HTTPOverLimit with a 500 if Glance refuses another image or property.
    if (body.includes('HTTPOverLimit')) {
      code = 'OVER_QUOTA';
      message = "the image service's quota for this project is used up";
    }
    // Nova answers the later of two concurrent requests with UnexpectedTaskStateError and a 500
    // instead of a 409.
    if (body.includes('UnexpectedTaskStateError')) {
      code = 'CONFLICT';
      message = 'the server has become busy at this moment';
    }
    const requestId = headers['x-compute-request-id'] ?? headers['x-openstack-request-id'];
    return new CloudError(code, `${requestName(target)}: ${status} ${message}`, {
      ...target,
      status,
      ...(typeof requestId === 'string' ? { requestId: hide(requestId) } : {}),
    });
  }
  const { code, message } = error as RequestError;
  if (isUnknownAuthority({ code })) return unknownAuthority(target);
  const why = code === 'ETIMEDOUT' ? 'timed out' : hide(message).split('\n')[0];
  return new CloudError('NO_ANSWER', `${requestName(target)}: no answer (${why})`, target);
}

function outOfTime(target: RequestTarget): CloudError {
  return new CloudError('OUT_OF_TIME', `${requestName(target)}: stopped, run deadline reached`, target);
}
