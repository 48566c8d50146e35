import type { Policy } from '../config/policy.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { counts, retain } from '../snapshots/retention.ts';

/** Further ahead nobody plans, and what is kept for years would take as many steps. */
const MOST_SLOTS = 450;

/** What a snapshot that is still to be taken has not met yet: a hold, a drill. */
export const UNTRIED = { hold: undefined, proven: undefined, drilled: undefined } satisfies Partial<Snapshot>;

/**
 * When each good snapshot of a series will be released, if from now on the schedule is kept and
 * every snapshot succeeds: found by doing just that, slot by slot, with the retention function
 * itself. What has no answer here stays for longer than can be foreseen: because of a hold, a
 * yearly tier, or a schedule that has ended.
 *
 * @returns the slot whose snapshot lets it go, by the snapshot's id.
 */
export function forecastExpiry(series: readonly Snapshot[], policy: Policy, now: Date): Map<string, Date> {
  const goes = new Map<string, Date>();
  let waiting = series.filter((s) => counts(s, now));
  let kept: Snapshot[] = waiting;
  const model = waiting[0];
  let slot = policy.schedule.next(now);
  for (let i = 0; model && slot && waiting.length > 0 && i < MOST_SLOTS; i++) {
    const at = slot;
    const taken: Snapshot = { ...model, ...UNTRIED, id: `slot ${i}`, slot: at, createdAt: at };
    const decisions = retain([...kept, taken], policy.keep, { now: at, timezone: policy.timezone });
    kept = decisions.filter(({ keep }) => keep).map(({ snapshot }) => snapshot);
    const stays = new Set(kept);
    for (const snapshot of waiting) if (!stays.has(snapshot)) goes.set(snapshot.id, at);
    waiting = waiting.filter((snapshot) => stays.has(snapshot));
    slot = policy.schedule.next(at);
  }
  return goes;
}
