import { printable, withoutStop } from './printable.ts';

/** The kind of a cloud error, for code to branch on. */
export type CloudErrorCode =
  | 'BAD_REQUEST'
  | 'UNAUTHORIZED'
  | 'MFA_REQUIRED'
  | 'FORBIDDEN'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'RATE_LIMITED'
  | 'OVER_QUOTA'
  | 'UNAVAILABLE'
  | 'NO_ANSWER'
  | 'BAD_ANSWER'
  /** The catalogue has no endpoint of the service in the region; no request was sent. */
  | 'NO_ENDPOINT'
  /** The catalogue's URL of the service can't be used; no request was sent there. */
  | 'UNUSABLE_ENDPOINT'
  | 'OUT_OF_TIME';

interface CloudErrorDetails {
  method?: string;
  url?: string;
  status?: number;
  requestId?: string;
}

/**
 * The only error that leaves lib/openstack. Lambda and loggers copy every enumerable field of an
 * error, so a CloudError holds no headers, no bodies and no `cause` with them.
 */
export class CloudError extends Error {
  override readonly name = 'CloudError';
  readonly code: CloudErrorCode;
  readonly method?: string;
  readonly url?: string;
  readonly status?: number;
  readonly requestId?: string;

  constructor(code: CloudErrorCode, message: string, details: CloudErrorDetails = {}) {
    super(message);
    this.code = code;
    Object.assign(this, details);
  }
}

/** A copy of an error with another message and, optionally, another code. */
export function restated(error: CloudError, message: string, code = error.code): CloudError {
  const { method, url, status, requestId } = error;
  return new CloudError(code, message, {
    ...(method ? { method } : {}),
    ...(url ? { url } : {}),
    ...(status ? { status } : {}),
    ...(requestId ? { requestId } : {}),
  });
}

/** Whether `error` is a CloudError with one of `codes`. */
export function isCloudError(error: unknown, ...codes: CloudErrorCode[]): error is CloudError {
  return error instanceof CloudError && (codes.length === 0 || codes.includes(error.code));
}

/** The facts of a reason for an error; see reasons.ts. */
export function errorFactsOf(error: CloudError): { error: CloudErrorCode; message: string } {
  return { error: error.code, message: explain(error) };
}

/**
 * The message of an error. FORBIDDEN has the remedy for a missing role, which is conditional: the
 * APIs also answer 403 for quotas and protected images, and only the words of their messages
 * differ.
 */
export function explain({ code, message }: CloudError): string {
  return code === 'FORBIDDEN'
    ? `${withoutStop(message)}. If the user in the secret lacks the role for this, grant it: at Rackspace nova:admin and cloudImages:admin, for volumes cbs:admin and for copies in Cloud Files object-store:admin as well, elsewhere usually member.`
    : message;
}

/**
 * The message of an error body: Nova's (https://docs.openstack.org/api-guide/compute/faults.html)
 * and Identity's `{<one key>: {message, details?}}`, Keystone's `{error: {message}}`, Glance's
 * `{message}` with its `<br />`, or a page of HTML from a proxy.
 *
 * Only the first line is used, because Keystone's validation errors repeat the request with its
 * password further down. `hide` removes secrets from the original text, before it is cut or
 * changed.
 */
export function faultMessage(body: string, hide: (text: string) => string): string | undefined {
  const fault = faultOf(body);
  const text = typeof fault.message === 'string' ? fault.message : /<title>([^<]*)<\/title>/i.exec(body)?.[1];
  const line = hide(text ?? '')
    .replace(/<[^>]*>/g, ' ')
    .trim()
    .split('\n')[0]
    ?.replace(/\s+/g, ' ')
    .trim();
  return line ? printable(line.slice(0, 300)) : undefined;
}

/**
 * The single top-level object of an error body, under any key; the body itself if it has no
 * wrapper.
 */
export function faultOf(body: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body);
    if (!isRecord(parsed)) return {};
    const [only, ...more] = Object.values(parsed);
    return more.length === 0 && isRecord(only) ? only : parsed;
  } catch {
    return {};
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
