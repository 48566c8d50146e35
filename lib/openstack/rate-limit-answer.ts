import { faultOf } from './errors.ts';

/** An error response: the status, the headers with lower-case names, and the raw body. */
export interface RateLimitAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/**
 * The wait that the cloud requests, in milliseconds; undefined if the response names none.
 *
 * Rackspace: https://docs.rackspace.com/docs/cloud-servers/v2/general-api-info/limits. Forms seen
 * there: the Retry-After header in seconds or as a date; in the body `retryAfter` in seconds or as
 * an ISO date, and `retryAt` as an ISO date, also with `UTC` in place of `Z`. A date is compared
 * with the response's Date header, so the local clock does not matter.
 */
export function retryAfterMs({ headers, body }: RateLimitAnswer): number | undefined {
  const fault = faultOf(body);
  const hint = headers['retry-after'] ?? fault.retryAfter ?? fault.retryAt;
  if (hint === undefined) return undefined;
  if (/^\d+$/.test(String(hint))) return Number(hint) * 1000;
  const at = Date.parse(String(hint).replace(/UTC$/, 'Z'));
  const sent = Date.parse(String(headers.date));
  return Number.isNaN(at) ? undefined : Math.max(0, at - (Number.isNaN(sent) ? Date.now() : sent));
}

/**
 * Whether a response is a rate limit: the cloud did not carry out the request, so any request may
 * be retried.
 */
export function isRateLimit(refusal: RateLimitAnswer): boolean {
  return [413, 429].includes(refusal.status) && !isQuota(refusal);
}

/**
 * Whether a 413 or 429 is an exceeded quota, which a retry does not help, and not a rate limit. A
 * quota response says "retry after 0", or names no time: with 413 and no `overLimit` (Glance's
 * image count), or with 429 and a `computeFault` (Rackspace's snapshots of a volume).
 */
export function isQuota({ status, headers, body }: RateLimitAnswer): boolean {
  if (status !== 413 && status !== 429) return false;
  const fault = faultOf(body);
  const hint = headers['retry-after'] ?? fault.retryAfter ?? fault.retryAt;
  if (hint !== undefined) return status === 413 && String(hint) === '0';
  return status === 413 ? !/"overLimit"/.test(body) : /"computeFault"/.test(body);
}
