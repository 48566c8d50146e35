import { isoSeconds } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import { intervalMs } from '../config/schedule.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { retain } from '../snapshots/retention.ts';
import { UNTRIED } from './expiry-forecast.ts';
import { lateFrom } from './lateness.ts';
import type { Gap } from './model.ts';

/**
 * Further back nobody looks for a single snapshot, and each takes a decision about the whole
 * series.
 */
const MOST_SLOTS = 40;

/**
 * Where a series lacks a good snapshot that the policy's rules would keep, and have no other for:
 * what rotation has thinned out is no gap, nor is a month that has only an early one. Newest first,
 * among the latest slots, no further back than the oldest good snapshot. One that is due for less
 * than half of the interval that begins with it may still be on its way. A schedule that was changed counts as if it had
 * always been so.
 */
export function gaps(series: readonly Snapshot[], policy: Policy, now: Date): Gap[] {
  const { schedule, keep, timezone } = policy;
  const good = series
    .filter(({ state, slot }) => state === 'good' && slot <= now)
    .sort((a, b) => b.slot.getTime() - a.slot.getTime());
  const reasonsOf = (snapshots: Snapshot[]) =>
    new Map(retain(snapshots, keep, { now, timezone }).map((decision) => [decision.snapshot, decision]));
  const taken = new Set([...reasonsOf(good).values()].flatMap(({ reasons }) => reasons.map(periodIn)));
  const isMissed = (slot: Date) => {
    const missing: Snapshot = { ...good[0]!, ...UNTRIED, id: 'missing', slot, createdAt: slot };
    const { keep: kept, reasons } = reasonsOf([...good, missing]).get(missing)!;
    return (
      kept &&
      reasons.some((reason) => {
        const period = periodIn(reason);
        return reason.code === 'LAST' || reason.code === 'WITHIN' || (period && !taken.has(period));
      })
    );
  };

  const found: Gap[] = [];
  let looked = 0;
  for (const [i, { slot }] of good.entries()) {
    const newer = good[i - 1]?.slot;
    // A rate has no slots of its own: after half an interval it is the next one's.
    const halfMs = schedule.exact ? 0 : (intervalMs(schedule, slot) ?? 0) / 2;
    const isDue = (missing: Date) =>
      newer
        ? missing.getTime() + halfMs <= newer.getTime() - (schedule.exact ? 1 : 0)
        : (lateFrom(schedule, missing) ?? missing) <= now;
    let missing = schedule.next(slot);
    while (missing && isDue(missing) && looked < MOST_SLOTS && !isMissed(missing)) {
      missing = schedule.next(missing);
      looked += 1;
    }
    looked += 1;
    if (looked >= MOST_SLOTS) break;
    if (missing && isDue(missing)) {
      found.push({ from: isoSeconds(missing), ...(newer ? { to: isoSeconds(newer) } : {}) });
    }
  }
  return found;
}

/** The period that a reason names, such as "WEEKLY 2026-W48". */
function periodIn(reason: Reason): string | undefined {
  return 'period' in reason ? `${reason.code} ${reason.period}` : undefined;
}
