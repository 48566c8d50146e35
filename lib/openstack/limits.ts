import { faultOf } from './errors.ts';

/** An answer that says no: status, headers with lower-case names, and the body as it came. */
export interface Refusal {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/**
 * The wait that the cloud asks for, in milliseconds; undefined where it names none.
 *
 * Seen at Rackspace: the Retry-After header in seconds or as a date; in the body `retryAfter` as seconds or as an
 * ISO date, and `retryAt` as an ISO date, also with `UTC` where the `Z` belongs. Dates are taken against the
 * answer's own Date header, so that our clock does not matter.
 */
export function retryAfterMs({ headers, body }: Refusal): number | undefined {
  const fault = faultOf(body);
  const hint = headers['retry-after'] ?? fault.retryAfter ?? fault.retryAt;
  if (hint === undefined) return undefined;
  if (/^\d+$/.test(String(hint))) return Number(hint) * 1000;
  const at = Date.parse(String(hint).replace(/UTC$/, 'Z'));
  const sent = Date.parse(String(headers.date));
  return Number.isNaN(at) ? undefined : Math.max(0, at - (Number.isNaN(sent) ? Date.now() : sent));
}

/** Whether an answer refuses a request for coming too soon: it was not carried out, and may always be repeated. */
export function isRateLimit(refusal: Refusal): boolean {
  return refusal.status === 429 || (refusal.status === 413 && !isQuota(refusal));
}

/**
 * Whether a 413 is a quota, which no waiting helps against, and not a rate limit: it says "retry after 0", or it
 * names no time and is no `overLimit` (Glance's image count).
 */
export function isQuota({ status, headers, body }: Refusal): boolean {
  if (status !== 413) return false;
  const fault = faultOf(body);
  const hint = headers['retry-after'] ?? fault.retryAfter ?? fault.retryAt;
  return hint === undefined ? !/"overLimit"/.test(body) : String(hint) === '0';
}
