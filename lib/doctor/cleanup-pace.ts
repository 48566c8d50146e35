import type { Policy } from '../config/policy.ts';
import type { Reason } from '../reporting/reasons.ts';

/**
 * Whether a cleanup may delete as many snapshots of a server as are taken until the next one;
 * undefined if it may, or if it can't be told.
 */
export function cleanupTooRare(
  { schedule, cleanup, maxDeletes }: Pick<Policy, 'schedule' | 'cleanup' | 'maxDeletes'>,
  now: Date,
): Reason<'CLEANUP_TOO_RARE'> | undefined {
  const from = cleanup.next(now);
  const to = from && cleanup.next(from);
  if (!to) return undefined;
  let slots = 0;
  for (let at = schedule.next(from); at && at <= to && slots <= maxDeletes; at = schedule.next(at)) slots++;
  return slots > maxDeletes ? { code: 'CLEANUP_TOO_RARE', most: maxDeletes } : undefined;
}
