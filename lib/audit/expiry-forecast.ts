import type { Policy } from '../config/policy.ts';
import { intervalMs } from '../config/schedule.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { counts, FAILED_FOR_MS, hasPassed, retain } from '../snapshots/retention.ts';
import type { ExpiryCondition } from './model.ts';
import { nextRunAfter } from './next-run.ts';

/** Further ahead nobody plans, and what is kept for years would take as many steps. */
const MOST_SLOTS = 450;

/** What a snapshot that is still to be taken has not met yet: a hold, a drill. */
export const UNTRIED = { hold: undefined, proven: undefined, drilled: undefined } satisfies Partial<Snapshot>;

/** When a snapshot will be released: not before `at`, whatever comes of the rest of its series. */
export interface Expiry {
  at: Date;
  condition?: ExpiryCondition;
}

/** A series, and what is to come of it. */
export interface Prospect {
  series: readonly Snapshot[];
  /** Whether the policy will take more snapshots of the server. */
  grows: boolean;
  now: Date;
}

/**
 * When each snapshot of a series will be released at the earliest, if from now on the schedule is
 * kept and nobody changes a hold: found by doing just that, slot by slot, with the retention
 * function itself. Every snapshot succeeds, the pending ones too, and what passed a drill is soon
 * followed by a newer one that does: so each goes as early as it can. What has no answer here stays
 * for longer than can be foreseen: because of a hold, a yearly tier, or a schedule that has ended.
 *
 * @returns by the snapshot's id; for a pending one as if it succeeds.
 */
export function forecastExpiry(prospect: Prospect, policy: Policy): Map<string, Expiry> {
  const { series, grows, now } = prospect;
  const untried = series.map((s): Snapshot => ({ ...s, ...UNTRIED, hold: s.hold }));
  const finished = untried.map((s): Snapshot => (s.state === 'pending' ? { ...s, state: 'good' } : s));
  const earliest = simulate({ ...prospect, series: finished }, policy);
  const hasPending = series.some(({ state }) => state === 'pending');
  const unfinished = hasPending ? simulate({ ...prospect, series: untried }, policy) : earliest;
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
      // The runs of a rate may come up to an interval earlier than the newest one lets expect.
      const early = new Date(Math.max(now.getTime(), at.getTime() - everyMs));
      return [id, { at: early, ...(condition ? { condition } : {}) }];
    }),
  );
}

/** The newest snapshots that are known to boot, or ever were: they stay until a newer one is. */
function proofsIn(series: readonly Snapshot[], now: Date): Set<string> {
  const counted = series.filter((s) => counts(s, now));
  const newestOf = (some: Snapshot[]) => {
    const newest = newestSlot(some, now);
    return some.filter(({ slot }) => slot.getTime() === newest?.getTime());
  };
  const newest = [
    ...newestOf(counted.filter(hasPassed)),
    ...newestOf(counted.filter(({ proven }) => proven)),
  ];
  return new Set(newest.map(({ id }) => id));
}

/** When the retention function lets each snapshot go, if nothing but time and new ones come. */
function simulate({ series, grows, now }: Prospect, policy: Policy): Map<string, Date> {
  const goes = new Map<string, Date>();
  const { schedule, keep, timezone } = policy;
  const model = series[0];
  if (!model) return goes;
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
        ...UNTRIED,
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
    for (const snapshot of waiting) if (!stays.has(snapshot)) goes.set(snapshot.id, time);
    waiting = waiting.filter((snapshot) => stays.has(snapshot));
    while (changes[0] && changes[0] <= time) changes.shift();
    at = [changes[0], slot].filter((one) => one !== undefined).sort(byTime)[0];
  }
  return goes;
}

/** The slot of the newest snapshot, where the next run of a rate is counted from. */
export function newestSlot(series: readonly Snapshot[], now: Date): Date | undefined {
  return series
    .map(({ slot }) => slot)
    .filter((slot) => slot <= now)
    .sort(byTime)
    .at(-1);
}

/** Whether a snapshot goes one day without anybody doing anything to it. */
function mayGo({ hold, exposure, state }: Snapshot): boolean {
  const isFinished = state === 'good' || state === 'failed';
  return isFinished && hold !== 'forever' && hold !== 'protected' && exposure === undefined;
}

/** When what counts in a series changes by itself: a hold ends, a failed one has been seen enough. */
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

function byTime(a: Date, b: Date): number {
  return a.getTime() - b.getTime();
}
