import { isoSeconds } from '../config/dates.ts';
import { dormancyOf } from '../config/dormancy.ts';
import type { Policy } from '../config/policy.ts';
import type { Server } from '../openstack/compute.ts';
import { beginsTooLate, latenessOf } from './lateness.ts';
import { type AuditedSeries, LATE, type LateCause } from './model.ts';
import { nextRunAfter } from './next-run.ts';

/** Since when a policy selects a server, of which the oldest snapshot has the slot `oldest`. */
export type SelectedSince = (server: string, policy: string, oldest: Date | undefined) => Date;

/** The state of a series whose snapshots do not come because of `cause`. */
export function lateFor(
  cause: LateCause,
  { newestGood }: { newestGood?: string | undefined },
): Pick<AuditedSeries, 'state' | 'cause'> {
  return { state: newestGood ? 'late' : 'never', cause };
}

/**
 * The state and the lateness of a series that is expected to get snapshots. The lateness starts at
 * the newest good snapshot, or else when the server was created; but not before the policy started
 * to select the server, nor before it had its schedule.
 */
export function expected(
  server: Server,
  newestGood: string | undefined,
  {
    policy: { schedule, policy },
    newest,
    oldest,
    now,
    selectedSince,
    scheduledSince,
  }: {
    policy: Policy;
    newest: Date | undefined;
    /** The slot of the oldest snapshot, in any state. */
    oldest: Date | undefined;
    now: Date;
    selectedSince: SelectedSince | undefined;
    scheduledSince: Date | undefined;
  },
): Pick<AuditedSeries, 'state' | 'cause' | 'overdue' | 'lateSeconds' | 'nextRun'> {
  // A snapshot in any state shows that the policy already selected the server at that time.
  const selected = selectedSince?.(server.id, policy, oldest);
  const good = newestGood === undefined ? undefined : new Date(newestGood);
  const since = later(later(good ?? server.createdAt, selected), scheduledSince);
  const dormancy = dormancyOf(schedule, now);
  const mayWait =
    dormancy?.begins !== undefined &&
    since !== undefined &&
    !beginsTooLate(schedule, { newest: good, since }, now);
  if (dormancy && !mayWait) return lateFor({ code: 'SERIES_SCHEDULE_ENDED', ...dormancy }, { newestGood });
  const next = nextRunAfter(schedule, newest, now);
  const nextRun = next ? { nextRun: isoSeconds(next) } : {};
  const lateness = since && latenessOf(schedule, since, now);
  if (!lateness) return { state: newestGood ? 'protected' : 'never', ...nextRun };
  const isLate = lateness.overdue >= LATE;
  const state = newestGood ? (isLate ? 'late' : 'protected') : isLate ? 'never' : 'waiting';
  return { state, ...lateness, ...nextRun };
}

/** The later of two times, of which each may be unknown. */
export function later(a: Date | undefined, b: Date | undefined): Date | undefined {
  return a && b && a < b ? b : (a ?? b);
}
