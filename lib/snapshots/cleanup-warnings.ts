import { ADHOC } from '../config/adhoc-event.ts';
import { isoSeconds } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import type { Reason } from '../reporting/reasons.ts';
import { isStuckCreating, snapshotId } from '../volumes/plan.ts';
import { isTakenAgain } from './adhoc-snapshot.ts';
import { cleanupTooRare } from './cleanup-pace.ts';
import { endOf, heldBecause } from './retention.ts';
import { nameIn, nameOfSeries, type SeriesPlan } from './series-plan.ts';
import type { Snapshot } from './snapshot.ts';
import { isStuck } from './snapshot-state.ts';

/**
 * The warnings about a single snapshot: stuck, failed, not deletable, exposed, or dated in the
 * future.
 */
export function snapshotWarnings(
  s: Snapshot,
  series: readonly Snapshot[],
  server: Server | undefined,
  now: Date,
): Reason[] {
  const which = { ...snapshotId(s), of: nameIn(series, server) };
  const warnings: Reason[] = [];
  const stuck = s.volume === undefined ? isStuck(s, server?.taskState ?? null, now) : isStuckCreating(s, now);
  if (stuck) {
    const serverIs = server ? 'idle' : 'not here';
    const since = isoSeconds(s.createdAt);
    warnings.push({ code: 'IMAGE_STUCK', ...which, status: s.status, since, serverIs });
  }
  if (s.policy !== ADHOC && s.state === 'failed' && heldBecause(s, now)) {
    const isProtected = s.hold === 'protected';
    warnings.push({ code: 'FAILED_IMAGE_HELD', ...which, status: s.status, isProtected });
  }
  if (s.policy === ADHOC && s.state === 'failed' && !isTakenAgain(s, series)) {
    const end = endOf(s);
    const until = end && server ? { until: isoSeconds(end) } : {};
    warnings.push({ code: 'ADHOC_SNAPSHOT_FAILED', ...which, status: s.status, ...until });
  }
  if (s.status === 'error_deleting') {
    warnings.push({ code: 'NOT_DELETABLE', ...which, reasons: [{ code: 'DELETION_FAILED' }] });
  }
  if (s.exposure) warnings.push({ code: 'IMAGE_EXPOSED', ...which, exposure: s.exposure });
  if (s.slot > now) warnings.push({ code: 'IMAGE_IN_FUTURE', ...which, slot: isoSeconds(s.slot) });
  return warnings;
}

/**
 * The warnings about slots with several good snapshots. Two concurrent runs can take a slot twice,
 * if the cloud does not refuse the second request as busy.
 */
export function doubleSlotWarnings(snapshots: Snapshot[], server: Server | undefined): Reason[] {
  const good = snapshots.filter(({ state, adopted }) => state === 'good' && !adopted);
  return [...Map.groupBy(good, ({ slot }) => isoSeconds(slot))]
    .filter(([, same]) => same.length > 1)
    .map(([slot, same]) => ({
      code: 'SLOT_TAKEN_TWICE',
      of: nameIn(snapshots, server),
      slot,
      images: same.map(({ id }) => id),
    }));
}

/**
 * The warning about a series with more deferred deletions than one run may make: because the series
 * grows faster than the policy rotates it; or else because there is much to delete, as after
 * `keep` was lowered.
 */
export function backlogWarnings(plan: SeriesPlan, rules: Policy, now: Date): Reason[] {
  const { maxDeletes: most } = rules;
  const { policy, items } = plan;
  const deferred = items.filter(({ action }) => action === 'defer').length;
  if (deferred <= most) return [];
  const facts = { of: nameOfSeries(plan), policy, deferred, most };
  return [{ code: cleanupTooRare(rules, now) ? 'ROTATION_BEHIND' : 'ROTATION_BACKLOG', ...facts }];
}
