import type { Policy } from '../config/policy.ts';
import type { Reason } from '../reporting/reasons.ts';

/**
 * Whether more snapshots of a server are taken between two cleanups than one cleanup may delete.
 * Undefined if not, or if the next two cleanups are unknown.
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
