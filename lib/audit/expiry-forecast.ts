import { byTime } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import { intervalMs } from '../config/schedule.ts';
import { counts, FAILED_FOR_MS, hasPassed, retain } from '../snapshots/retention.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import type { ExpiryCondition } from './model.ts';
import { nextRunAfter } from './next-run.ts';

/**
 * The maximum number of simulated slots. Rules that keep snapshots for years would need very many.
 */
const MOST_SLOTS = 450;

/** The fields of a snapshot without a hold and without a drill, such as a future snapshot. */
export const WITHOUT_HOLD_OR_DRILL = {
  hold: undefined,
  proven: undefined,
  drilled: undefined,
} satisfies Partial<Snapshot>;

/**
 * The earliest time at which a snapshot can be deleted. Whatever happens to the other snapshots of
 * its series, it is not deleted before `at`.
 */
export interface Expiry {
  at: Date;
  condition?: ExpiryCondition;
}

/** The input of a forecast: a series, and whether it gets more snapshots. */
export interface ExpiryForecastInput {
  series: readonly Snapshot[];
  /** Whether the policy will take more snapshots of the server. */
  grows: boolean;
  now: Date;
}

/**
 * Forecasts the earliest deletion of each snapshot of a series, if the schedule continues and no
 * hold changes. Simulates the schedule slot by slot with the retention function itself. The
 * simulation assumes that every snapshot succeeds, including the pending ones, and that a newer
 * snapshot soon passes a drill, so that each snapshot is deleted as early as possible. A snapshot
 * that is missing in the result stays longer than the simulation: because of a hold, a yearly rule,
 * or a schedule that has ended.
 *
 * @returns the expiries by snapshot id. The expiry of a pending snapshot assumes that it succeeds.
 */
export function forecastExpiry(input: ExpiryForecastInput, policy: Policy): Map<string, Expiry> {
  const { series, grows, now } = input;
  const withoutDrills = series.map((s): Snapshot => ({ ...s, ...WITHOUT_HOLD_OR_DRILL, hold: s.hold }));
  const finished = withoutDrills.map((s): Snapshot => (s.state === 'pending' ? { ...s, state: 'good' } : s));
  const earliest = simulate({ ...input, series: finished }, policy);
  const hasPending = series.some(({ state }) => state === 'pending');
  const unfinished = hasPending ? simulate({ ...input, series: withoutDrills }, policy) : earliest;
  const proofs = proofsIn(series, now);
  const everyMs = grows && !policy.schedule.exact ? (intervalMs(policy.schedule, now) ?? 0) : 0;
  return new Map(
    [...earliest].map(([id, at]) => {
      const condition: ExpiryCondition | undefined = proofs.has(id)
        ? 'DRILL'
        : unfinished.get(id)?.getTime() !== at.getTime()
          ? 'PENDING'
          : everyMs > 0
            ? 'RATE'
            : undefined;
      // A run of a rate may come up to an interval earlier than the newest snapshot suggests.
      const early = new Date(Math.max(now.getTime(), at.getTime() - everyMs));
      return [id, { at: early, ...(condition ? { condition } : {}) }];
    }),
  );
}

/**
 * The newest snapshots that passed their last drill, or any drill: they stay until a newer snapshot
 * passes.
 */
function proofsIn(series: readonly Snapshot[], now: Date): Set<string> {
  // Held snapshots are considered too, because they count again when their hold ends.
  const finished = series.filter(({ state, slot }) => state === 'good' && slot <= now);
  const counted = finished.filter((s) => counts(s, now));
  const newestOf = (some: Snapshot[]) => {
    const newest = newestSlot(some, now);
    return some.filter(({ slot }) => slot.getTime() === newest?.getTime());
  };
  const newest = [finished, counted].flatMap((some) => [
    ...newestOf(some.filter(hasPassed)),
    ...newestOf(some.filter(({ proven }) => proven)),
  ]);
  return new Set(newest.map(({ id }) => id));
}

/**
 * Simulates when the retention function deletes each snapshot, as time passes and new snapshots
 * are taken.
 */
function simulate({ series, grows, now }: ExpiryForecastInput, policy: Policy): Map<string, Date> {
  const expiries = new Map<string, Date>();
  const { schedule, keep, timezone } = policy;
  const model = series[0];
  if (!model) return expiries;
  let kept: Snapshot[] = [...series];
  let waiting = series.filter(mayGo);
  const newest = newestSlot(series, now);
  let slot = grows ? nextRunAfter(schedule, newest, now) : undefined;
  const changes = changesIn(series, now);
  for (let slots = 0, at: Date | undefined = now; at && waiting.length > 0 && slots < MOST_SLOTS; ) {
    const time = at;
    if (slot && slot <= time) {
      slots += 1;
      kept.push({
        ...model,
        ...WITHOUT_HOLD_OR_DRILL,
        id: `slot ${slots}`,
        slot: time,
        createdAt: time,
        state: 'good',
        partial: false,
        exposure: undefined,
      });
      slot = nextRunAfter(schedule, time, time);
    }
    const decisions = retain(kept, keep, { now: time, timezone });
    kept = decisions.flatMap((decision) => (decision.keep ? [decision.snapshot] : []));
    const stays = new Set(kept);
    for (const snapshot of waiting) if (!stays.has(snapshot)) expiries.set(snapshot.id, time);
    waiting = waiting.filter((snapshot) => stays.has(snapshot));
    while (changes[0] && changes[0] <= time) changes.shift();
    at = [changes[0], slot].filter((one) => one !== undefined).sort(byTime)[0];
  }
  return expiries;
}

/** The slot of the newest snapshot, from which the next run of a rate is counted. */
export function newestSlot(series: readonly Snapshot[], now: Date): Date | undefined {
  return pastSlots(series, now).at(-1);
}

/** The slot of the oldest snapshot. */
export function oldestSlot(series: readonly Snapshot[], now: Date): Date | undefined {
  return pastSlots(series, now)[0];
}

/** The slots of a series that have come, the oldest first. */
function pastSlots(series: readonly Snapshot[], now: Date): Date[] {
  return series
    .map(({ slot }) => slot)
    .filter((slot) => slot <= now)
    .sort(byTime);
}

/** Whether a snapshot will be deleted one day without an operator. */
function mayGo({ hold, exposure, state }: Snapshot): boolean {
  const isFinished = state === 'good' || state === 'failed';
  return isFinished && hold !== 'forever' && hold !== 'protected' && exposure === undefined;
}

/**
 * The future times at which a retention decision may change without a new snapshot: a hold ends, a
 * failed snapshot is a day old, or a slot that is dated in the future is reached.
 */
function changesIn(series: readonly Snapshot[], now: Date): Date[] {
  return series
    .flatMap(({ hold, slot, state, createdAt }) => [
      ...(hold instanceof Date ? [hold] : []),
      ...(state === 'failed' ? [new Date(createdAt.getTime() + FAILED_FOR_MS)] : []),
      slot,
    ])
    .filter((at) => at > now)
    .sort(byTime);
}
