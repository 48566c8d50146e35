import type { Policy } from '../config/policy.ts';
import { orphanFloor } from '../snapshots/cleanup-plan.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { endOf, FAILED_FOR_MS, hasPassed } from '../snapshots/retention.ts';
import { type Expiry, forecastExpiry } from './expiry-forecast.ts';
import { gaps } from './gaps.ts';
import type { Gap } from './model.ts';

/** What can be said of a series from its policy alone. */
export interface RunForecast {
  /** When a snapshot will go at the earliest; undefined when that can't be foreseen. */
  goes(snapshot: Snapshot): Expiry | undefined;
  gaps: Gap[];
}

/**
 * {@link forecastExpiry} and {@link gaps} of the series of one policy. Servers of the same age have
 * the same history, and what is found for one is true of all: a fleet costs little more than a
 * server.
 */
export function forecastRuns(
  policy: Policy,
  now: Date,
): (series: readonly Snapshot[], grows: boolean) => RunForecast {
  const known = new Map<string, { goes: Map<string, Expiry>; gaps: Gap[] }>();
  return (series, grows) => {
    // Which of two equals it is makes no difference either, so ids are places in the history.
    const history = series.map((snapshot, i) => ({ ...snapshot, id: String(i) }));
    const key = `${grows} ${history.map(keyOf).join()}`;
    let found = known.get(key);
    if (!found) {
      found = {
        goes: forecastExpiry({ series: history, grows, now }, policy),
        gaps: grows ? gaps(history, policy, now) : [],
      };
      known.set(key, found);
    }
    const { goes } = found;
    return {
      goes: (snapshot) => orFailing(snapshot, goes.get(String(series.indexOf(snapshot))), now),
      gaps: found.gaps,
    };
  };
}

/** All of a snapshot that decides about its series. */
function keyOf(snapshot: Snapshot): string {
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

/** A pending snapshot may fail, and then goes a day after it was made. */
function orFailing(
  { state, createdAt }: Snapshot,
  expiry: Expiry | undefined,
  now: Date,
): Expiry | undefined {
  if (state !== 'pending') return expiry;
  const at = new Date(Math.max(now.getTime(), createdAt.getTime() + FAILED_FOR_MS));
  return expiry && expiry.at <= at ? expiry : { at, condition: 'FAILS' };
}

/**
 * When each snapshot of a server that is gone will go at the earliest: once the newest good one is
 * as old as `orphans` says, the series shrinks. Undefined for what stays.
 */
export function forecastOrphan(
  series: readonly Snapshot[],
  policy: Policy,
  now: Date,
): RunForecast['goes'] | undefined {
  const { orphans } = policy;
  const having = (state: Snapshot['state']) => series.filter((s) => s.state === state);
  const counted = having('good').length > 0 ? having('good') : having('pending');
  if (!orphans || counted.length === 0) return undefined;
  const newestMs = Math.max(...counted.map(({ slot }) => slot.getTime()));
  const shrinks = new Date(Math.max(now.getTime(), newestMs + orphans.after));
  const floor = orphanFloor(policy);
  // Of those whose data lie in volume snapshots nothing shows any more whose they are.
  const provable = series.filter(({ volumeSnapshots }) => volumeSnapshots.length === 0);
  const goes = forecastExpiry(
    { series: provable, grows: false, now: shrinks },
    { ...policy, keep: { last: floor, atLeast: floor } },
  );
  return (snapshot) =>
    provable.includes(snapshot) ? orFailing(snapshot, goes.get(snapshot.id), shrinks) : undefined;
}

/** When an ad-hoc snapshot goes at the earliest, by its own end and its hold. */
export function forecastAdhoc(snapshot: Snapshot): Expiry | undefined {
  const at = endOf(snapshot);
  return at && { at, ...(snapshot.state === 'pending' ? { condition: 'PENDING' } : {}) };
}
