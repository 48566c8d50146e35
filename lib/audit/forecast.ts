import { byTime } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import { orphanFloor } from '../snapshots/orphan-plan.ts';
import { endOf, FAILED_FOR_MS, failedAdhocEnd, hasPassed, staysBecause } from '../snapshots/retention.ts';
import type { Snapshot } from '../snapshots/snapshot.ts';
import { type Expiry, forecastExpiry } from './expiry-forecast.ts';
import { gaps } from './missing-snapshots.ts';
import type { Gap } from './model.ts';

/** The expiries and the gaps of a series, which follow from its snapshots and its policy. */
export interface RunForecast {
  /** When a snapshot will be deleted at the earliest; undefined without a forecast. */
  expiryOf(snapshot: Snapshot): Expiry | undefined;
  gaps: Gap[];
}

/**
 * Computes {@link forecastExpiry} and {@link gaps} for the series of one policy. Servers of the
 * same age have the same history, so the result is cached by history, and a fleet takes little
 * longer than one server.
 */
export function forecastRuns(
  policy: Policy,
  now: Date,
): (series: readonly Snapshot[], grows: boolean) => RunForecast {
  const known = new Map<string, { expiries: Map<string, Expiry>; gaps: Gap[] }>();
  return (series, grows) => {
    // The position in the history replaces the id, so that equal histories have equal results.
    const history = series.map((snapshot, i) => ({ ...snapshot, id: String(i) }));
    const key = `${grows} ${history.map(cacheKeyOf).join()}`;
    let found = known.get(key);
    if (!found) {
      found = {
        expiries: forecastExpiry({ series: history, grows, now }, policy),
        gaps: grows ? gaps(history, policy, now) : [],
      };
      known.set(key, found);
    }
    const { expiries } = found;
    return {
      expiryOf: (snapshot) =>
        withFailureExpiry(snapshot, expiries.get(String(series.indexOf(snapshot))), now),
      gaps: found.gaps,
    };
  };
}

/** The fields of a snapshot that affect the forecast of its series, as a cache key. */
function cacheKeyOf(snapshot: Snapshot): string {
  const { slot, state, partial, hold, exposure, createdAt, proven } = snapshot;
  const failed = state === 'failed' ? createdAt.getTime() : '';
  return [
    slot.getTime(),
    state,
    partial,
    hold,
    exposure,
    failed,
    hasPassed(snapshot),
    proven !== undefined,
  ].join(' ');
}

/**
 * The earliest expiry of a pending snapshot: it may fail, and is then deleted a day after its
 * creation.
 */
function withFailureExpiry(
  { state, createdAt }: Snapshot,
  expiry: Expiry | undefined,
  now: Date,
): Expiry | undefined {
  if (state !== 'pending') return expiry;
  const at = new Date(Math.max(now.getTime(), createdAt.getTime() + FAILED_FOR_MS));
  return expiry && expiry.at <= at ? expiry : { at, condition: 'FAILS' };
}

/**
 * Forecasts when each snapshot of a deleted server will be deleted at the earliest: `orphans`
 * applies once the newest good snapshot is older than `orphans.after`. Undefined if all snapshots
 * stay.
 */
export function forecastOrphan(
  series: readonly Snapshot[],
  policy: Policy,
  now: Date,
): RunForecast['expiryOf'] | undefined {
  const { orphans } = policy;
  const having = (state: Snapshot['state']) => series.filter((s) => s.state === state);
  const counted = having('good').length > 0 ? having('good') : having('pending');
  if (!orphans || counted.length === 0) return undefined;
  const newestMs = Math.max(...counted.map(({ slot }) => slot.getTime()));
  const orphansFrom = new Date(Math.max(now.getTime(), newestMs + orphans.after));
  const floor = orphanFloor(policy);
  // The ownership of snapshots with volume snapshots can't be proven without their server, so they
  // stay.
  const provable = series.filter(({ volumeSnapshots }) => volumeSnapshots.length === 0);
  const expiries = forecastExpiry(
    { series: provable, grows: false, now: orphansFrom },
    { ...policy, keep: { last: floor, atLeast: floor } },
  );
  return (snapshot) =>
    provable.includes(snapshot)
      ? withFailureExpiry(snapshot, expiries.get(snapshot.id), orphansFrom)
      : undefined;
}

/**
 * When an ad-hoc snapshot will be deleted at the earliest, from its expiry and its hold; a failed
 * one of which a newer one is good, a day after its creation.
 */
export function forecastAdhoc(
  snapshot: Snapshot,
  series: readonly Snapshot[],
  now: Date,
): Expiry | undefined {
  const failedEnd = staysBecause(snapshot, now) ? undefined : failedAdhocEnd(snapshot, series, now);
  const [at] = [endOf(snapshot), failedEnd].filter((end) => end !== undefined).sort(byTime);
  return at && { at, ...(snapshot.state === 'pending' ? { condition: 'PENDING' } : {}) };
}
