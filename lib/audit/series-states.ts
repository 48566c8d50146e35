import type { AuditedSeries, SeriesState } from './model.ts';

/** A state of series, as the headline ranks it and the page shows it. */
export interface StateTraits {
  /** The name on the page. */
  label: string;
  section: 'attention' | 'waiting' | 'protected' | 'kept';
  icon: 'never' | 'late' | 'waiting' | 'protected' | 'kept';
  color: 'never' | 'late' | 'good' | 'soft';
  /**
   * Of the states of servers that are expected to have snapshots: the order, the worst last.
   * `protected` comes after `waiting`, so that a server counts as protected if one policy protects
   * it and another one waits for its first snapshot. Among the parts of a server in one policy it
   * is the other way round; see {@link worstPartFirst}.
   */
  rank?: number;
}

/** The states of series, in the order of the page. */
export const SERIES_STATES: Record<SeriesState, StateTraits> = {
  never: { label: 'No snapshot', section: 'attention', icon: 'never', color: 'never', rank: 3 },
  late: { label: 'Late', section: 'attention', icon: 'late', color: 'late', rank: 2 },
  waiting: { label: 'Waiting', section: 'waiting', icon: 'waiting', color: 'soft', rank: 0 },
  protected: { label: 'Protected', section: 'protected', icon: 'protected', color: 'good', rank: 1 },
  deselected: { label: 'Not selected', section: 'kept', icon: 'kept', color: 'soft' },
  orphaned: { label: 'Server gone', section: 'kept', icon: 'kept', color: 'soft' },
  adhoc: { label: 'Ad hoc', section: 'kept', icon: 'kept', color: 'soft' },
};

/** Whether a series is of a server that is expected to have snapshots. */
export function isExpected({ state }: AuditedSeries): boolean {
  return SERIES_STATES[state].rank !== undefined;
}

/**
 * Whether failed and stuck snapshots of a series count as trouble. They do not if the server is
 * gone or no longer selected, because they would then count forever.
 */
export function isWatched(series: AuditedSeries): boolean {
  return isExpected(series) || series.countedBy !== undefined;
}

/** Orders series: the worst state first, then the most overdue, then by name. */
export function worstFirst(a: AuditedSeries, b: AuditedSeries): number {
  return (
    rankOf(b) - rankOf(a) ||
    (b.overdue ?? Infinity) - (a.overdue ?? Infinity) ||
    a.name.localeCompare(b.name, 'en', { numeric: true })
  );
}

/**
 * Orders the parts of a server in one policy: the worst first, then the one with the oldest good
 * snapshot. A part that waits for its first snapshot is worse than a protected one.
 */
export function worstPartFirst(a: AuditedSeries, b: AuditedSeries): number {
  const rank = (one: AuditedSeries) => (one.state === 'protected' ? -1 : rankOf(one));
  const [slotA, slotB] = [a.newestGood ?? '', b.newestGood ?? ''];
  return rank(b) - rank(a) || (slotA < slotB ? -1 : slotA > slotB ? 1 : worstFirst(a, b));
}

function rankOf({ state }: AuditedSeries): number {
  return SERIES_STATES[state].rank ?? -1;
}
