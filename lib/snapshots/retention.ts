import { Temporal } from 'temporal-polyfill';
import { DAY_MS, isoSeconds } from '../config/dates.ts';
import { PERIODS, type Period } from '../config/keep-rules.ts';
import { memoize } from '../config/memoize.ts';
import type { Keep } from '../config/policy.ts';
import { codeOf, type Reason } from '../reporting/reasons.ts';
import type { Snapshot } from './snapshot.ts';
import { isEmpty } from './snapshot-state.ts';

/** How long a failed snapshot stays, so that somebody can examine it. */
export const FAILED_FOR_MS = DAY_MS;

/** Whether to keep a snapshot, and why. */
export interface Decision {
  snapshot: Snapshot;
  keep: boolean;
  /** Why the snapshot is kept or deleted. Never empty. */
  reasons: Reason[];
}

/** What a retention decision depends on besides the rules and the snapshots. */
export interface RetentionOptions {
  now: Date;
  /** The time zone of the calendar periods. */
  timezone: string;
}

/** The name of the period that contains a time. */
const NAMES: Record<Period, (time: Temporal.ZonedDateTime) => string> = {
  // With the offset, because a clock change repeats an hour.
  hourly: (t) => `${t.toPlainDate()}T${String(t.hour).padStart(2, '0')}${t.offset}`,
  daily: (t) => `${t.toPlainDate()}`,
  weekly: (t) => `${t.yearOfWeek}-W${String(t.weekOfYear).padStart(2, '0')}`,
  monthly: (t) => `${t.toPlainDate().toPlainYearMonth()}`,
  yearly: (t) => `${t.year}`,
};

/**
 * Decides which snapshots of one series to keep. Only good snapshots count, by the slot for which
 * they were made. These snapshots stay:
 * - the snapshots that the rules keep;
 * - held snapshots, and snapshots that are hidden or visible to others;
 * - pending and unknown snapshots, and snapshots dated in the future;
 * - the newest snapshot that passed a drill, because a newer untested snapshot may not boot.
 *
 * A failed snapshot is deleted a day later, once there is a newer good snapshot. A partial
 * snapshot, which still has some of its data, is deleted only when the rules would delete it if
 * it were good.
 *
 * The rules count slots, not images: the images of one slot, which two concurrent runs have made,
 * count once and are kept or deleted together.
 *
 * The order of `series` and duplicates in it do not matter. Decisions come newest first.
 *
 * @throws {RangeError} when `keep` has no rule, so that a missing rule never deletes anything.
 */
export function retain(series: readonly Snapshot[], keep: Keep, options: RetentionOptions): Decision[] {
  const { atLeast, ...rules } = keep;
  if (Object.values(rules).every((rule) => rule === undefined)) throw new RangeError('no keep rule at all');

  const snapshots = newestFirst(series);
  const counted = snapshots.filter((s) => counts(s, options.now));
  const slots = [...Map.groupBy(counted, ({ slot }) => slot.getTime()).values()];
  const reasonsById = new Map<string, Reason[]>(counted.map(({ id }) => [id, []]));
  const reasonsFor = ({ id }: Snapshot) => reasonsById.get(id)!;
  const addReason: AddReason = (slot, reason) => {
    for (const s of slot) reasonsFor(s).push(reason);
  };

  for (const [i, slot] of slots.slice(0, keep.last ?? 0).entries())
    addReason(slot, { code: 'LAST', rank: i + 1, of: keep.last! });
  for (const period of PERIODS) {
    const n = keep[period];
    if (n !== undefined) keepPeriods(slots, period, n, options.timezone, addReason);
  }
  if (keep.within !== undefined && slots[0]) {
    const since = timeOf(slots[0]).getTime() - keep.within;
    for (const slot of slots)
      if (timeOf(slot).getTime() > since) addReason(slot, { code: 'WITHIN', ms: keep.within });
  }
  const proven = slots.find((slot) => slot.some(hasPassed));
  if (proven) addReason(proven, { code: 'PROVEN' });
  const everProven = slots.find((slot) => slot.some((s) => s.proven));
  if (everProven && everProven !== proven) addReason(everProven, { code: 'PROVEN_ONCE' });
  for (const s of counted) if (s.exposure) reasonsFor(s).push(exposedBecause(s)!);
  for (const s of slots.slice(0, atLeast).flat()) {
    if (reasonsFor(s).length === 0) reasonsFor(s).push({ code: 'AT_LEAST', count: atLeast });
  }

  const newestGood = counted[0];
  return snapshots.map((snapshot) => {
    const reasons = reasonsById.get(snapshot.id);
    if (reasons && reasons.length > 0) return { snapshot, keep: true, reasons };
    if (reasons) return { snapshot, keep: false, reasons: [{ code: 'NO_RULE' }] };
    const kept =
      uncountedReason(snapshot, newestGood, options.now) ?? keptIfWhole(snapshot, snapshots, keep, options);
    return kept
      ? { snapshot, keep: true, reasons: [kept] }
      : { snapshot, keep: false, reasons: [{ code: 'FAILED' }] };
  });
}

/**
 * Why a partial snapshot is kept: the rules would keep it if it were good. A partial snapshot does
 * not count for its series.
 */
function keptIfWhole(
  snapshot: Snapshot,
  series: readonly Snapshot[],
  keep: Keep,
  options: RetentionOptions,
): Reason | undefined {
  if (!snapshot.partial) return undefined;
  const others = series.filter(({ partial }) => !partial);
  const whole: Snapshot = { ...snapshot, state: 'good', partial: false };
  const decision = retain([...others, whole], keep, options).find((one) => one.snapshot === whole)!;
  return decision.keep ? { code: 'PARTIAL', status: snapshot.status, reasons: decision.reasons } : undefined;
}

/** Records why the snapshots of a slot are kept. */
type AddReason = (slot: readonly Snapshot[], reason: Reason) => void;

const timeOf = ([one]: readonly Snapshot[]) => one!.slot;

/** Newest first by slot, then by creation, then by id; each snapshot once. */
function newestFirst(snapshots: readonly Snapshot[]): Snapshot[] {
  return [...new Map(snapshots.map((s) => [s.id, s])).values()].sort(
    (a, b) =>
      b.slot.getTime() - a.slot.getTime() ||
      b.createdAt.getTime() - a.createdAt.getTime() ||
      (a.id < b.id ? 1 : -1),
  );
}

/** Whether a snapshot counts for its series: it is good, not held, and not dated in the future. */
export function counts(snapshot: Snapshot, now: Date): boolean {
  return snapshot.state === 'good' && !heldBecause(snapshot, now) && snapshot.slot <= now;
}

/** Whether a snapshot is known to boot: it passed a drill, and has failed none since. */
export function hasPassed({ proven, drilled }: Snapshot): boolean {
  return proven !== undefined && (drilled === undefined || drilled <= proven);
}

/** Why a hold keeps this snapshot now; undefined without a hold. */
export function heldBecause({ hold }: Snapshot, now: Date): Reason | undefined {
  if (hold === 'protected') return { code: 'PROTECTED' };
  if (hold === 'forever') return { code: 'HELD' };
  return hold && now < hold ? { code: 'HELD_UNTIL', until: isoSeconds(hold) } : undefined;
}

/** Why a hidden or shared snapshot stays; undefined for a private one. */
export function exposedBecause({ exposure }: Snapshot): Reason | undefined {
  return exposure === undefined ? undefined : { code: 'EXPOSED', exposure };
}

/** Why no cleanup may delete this snapshot now; undefined when the rules decide. */
export function staysBecause(snapshot: Snapshot, now: Date): Reason | undefined {
  return heldBecause(snapshot, now) ?? exposedBecause(snapshot);
}

/**
 * Decides whether to keep one ad-hoc snapshot. Ad-hoc snapshots belong to no series, so they never
 * displace each other. An ad-hoc snapshot with an end is deleted after it, once the snapshot is
 * good or failed. A failed one is deleted once it is a day old and a newer one of the server is
 * good, as in a series.
 *
 * @param series the ad-hoc snapshots of the same server or volume.
 */
export function retainAdhoc(snapshot: Snapshot, series: readonly Snapshot[], now: Date): Decision {
  const { expires, state } = snapshot;
  const kept =
    staysBecause(snapshot, now) ??
    (state === 'pending' || state === 'unknown' ? notFinished(snapshot) : undefined);
  if (kept) return { snapshot, keep: true, reasons: [kept] };
  const ends = expires && { until: isoSeconds(expires) };
  const goesAt = failedAdhocEnd(snapshot, series, now);
  if (goesAt && goesAt <= now) return { snapshot, keep: false, reasons: [{ code: 'FAILED' }] };
  const failed: Reason | undefined =
    state === 'failed' ? { code: 'ADHOC_FAILED', status: snapshot.status, ...ends } : undefined;
  if (!ends) return { snapshot, keep: true, reasons: [failed ?? { code: 'ADHOC' }] };
  const { until } = ends;
  return now < expires!
    ? { snapshot, keep: true, reasons: [failed ?? { code: 'ADHOC_UNTIL', until }] }
    : { snapshot, keep: false, reasons: [{ code: 'ADHOC_ENDED', until }] };
}

/**
 * When a failed ad-hoc snapshot is deleted because a newer one of the server is good; undefined if
 * none is, or if the snapshot has not failed.
 */
export function failedAdhocEnd(
  { state, partial, slot, createdAt }: Snapshot,
  series: readonly Snapshot[],
  now: Date,
): Date | undefined {
  const isReplaced = series.some((other) => counts(other, now) && other.slot > slot);
  if (state !== 'failed' || partial || !isReplaced) return undefined;
  return new Date(createdAt.getTime() + FAILED_FOR_MS);
}

/**
 * Until when an ad-hoc snapshot stays, from its expiry and its hold; undefined if it never expires.
 * The state of the snapshot does not matter.
 */
export function endOf({ expires, hold, exposure }: Snapshot): Date | undefined {
  if (!expires || hold === 'protected' || hold === 'forever' || exposure !== undefined) return undefined;
  return hold && hold > expires ? hold : expires;
}

/** The name of the period that contains a slot. */
const periodOf = memoize(
  (period: Period, slot: Date, timezone: string) =>
    NAMES[period](Temporal.Instant.fromEpochMilliseconds(slot.getTime()).toZonedDateTimeISO(timezone)),
  (period, slot, timezone) => `${period} ${slot.getTime()} ${timezone}`,
);

/**
 * Keeps the newest snapshot in each of the latest `n` periods that have one. With fewer periods,
 * the oldest snapshot also stays: it may become the only one of a period that still counts.
 */
function keepPeriods(
  slots: readonly Snapshot[][],
  period: Period,
  n: number,
  timezone: string,
  addReason: AddReason,
): void {
  const newestOf = new Map<string, Snapshot[]>();
  for (const slot of slots) {
    const key = periodOf(period, timeOf(slot), timezone);
    if (newestOf.has(key)) continue;
    if (newestOf.size === n) break;
    newestOf.set(key, slot);
  }
  for (const [key, slot] of newestOf) addReason(slot, { code: codeOf(period), period: key });
  if (newestOf.size < n)
    addReason(slots.at(-1) ?? [], { code: 'OLDEST', rule: period, have: newestOf.size, of: n });
}

/** Why a snapshot is kept although it does not count; undefined when it may be deleted. */
function uncountedReason(s: Snapshot, newestGood: Snapshot | undefined, now: Date): Reason | undefined {
  const stays = staysBecause(s, now);
  if (stays) return stays;
  if (s.state !== 'failed') return s.state === 'good' ? { code: 'IN_FUTURE' } : notFinished(s);
  if (!newestGood || newestGood.slot <= s.slot) return { code: 'FAILED_ALONE' };
  const ageMs = now.getTime() - s.createdAt.getTime();
  return ageMs < FAILED_FOR_MS ? { code: 'FAILED_LATELY' } : undefined;
}

function notFinished(snapshot: Snapshot): Reason {
  const { state, status, sizeBytes = 0 } = snapshot;
  if (isEmpty(snapshot)) return { code: 'ACTIVE_WITHOUT_DATA', hasSize: sizeBytes > 0 };
  if (state === 'pending') return { code: 'UNFINISHED', status };
  return status === 'error_deleting' ? { code: 'DELETION_FAILED' } : { code: 'UNKNOWN_STATUS', status };
}
