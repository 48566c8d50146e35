import { isoSeconds } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import { intervalMs } from '../config/schedule.ts';
import type { Reason } from '../reporting/reasons.ts';
import { retain } from '../snapshots/retention.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { WITHOUT_HOLD_OR_DRILL } from './expiry-forecast.ts';
import { lateFrom } from './lateness.ts';
import type { Gap } from './model.ts';

/**
 * The maximum number of slots that are checked, because each slot needs a retention decision about
 * the whole series.
 */
const MOST_SLOTS = 40;

/**
 * Finds the slots without a good snapshot that the policy's rules would keep, if the series has no
 * other snapshot for the same period. Snapshots that cleanups have deleted cause no gap. Checks the
 * latest slots, back to the oldest good snapshot, with the current schedule. A slot counts as
 * missed once half of the interval after it has passed.
 *
 * @returns the gaps, newest first.
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
    const missing: Snapshot = { ...good[0]!, ...WITHOUT_HOLD_OR_DRILL, id: 'missing', slot, createdAt: slot };
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
    // A rate has no fixed slots: after half an interval, a snapshot belongs to the next slot.
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
