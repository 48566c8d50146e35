import type { Policy } from '../config/policy.ts';
import type { Snapshot } from '../snapshots/marker.ts';
import { forecastExpiry } from './expiry-forecast.ts';
import { gaps } from './gaps.ts';
import type { Gap } from './model.ts';

/** What can be said of a series from its policy alone. */
export interface RunForecast {
  /** When a snapshot will go; undefined when that can't be foreseen. */
  goes(snapshot: Snapshot): Date | undefined;
  gaps: Gap[];
}

/**
 * {@link forecastExpiry} and {@link gaps} of the series of one policy. Servers of the same age have
 * the same history, and what is found for one is true of all: a fleet costs little more than a
 * server.
 */
export function forecastRuns(policy: Policy, now: Date): (series: readonly Snapshot[]) => RunForecast {
  const known = new Map<string, { goes: Map<string, Date>; gaps: Gap[] }>();
  return (series) => {
    // Which of two equals it is makes no difference either, so ids are places in the history.
    const history = series.map((snapshot, i) => ({ ...snapshot, id: String(i) }));
    const key = history
      .map((s) => `${s.slot.getTime()} ${s.state} ${String(s.hold)} ${Number(s.proven)} ${Number(s.drilled)}`)
      .join();
    let found = known.get(key);
    if (!found) {
      found = { goes: forecastExpiry(history, policy, now), gaps: gaps(history, policy, now) };
      known.set(key, found);
    }
    const { goes } = found;
    return { goes: (snapshot) => goes.get(String(series.indexOf(snapshot))), gaps: found.gaps };
  };
}
