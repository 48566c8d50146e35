import { DAY_MS, HOUR_MS } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import type { AccountJob } from '../reporting/failed-run.ts';
import { JOBS, scheduleOf, type WorkItem } from '../runtime/work-item.ts';
import type { AuditedSeries, SeenSchedules } from './model.ts';
import { isExpected } from './series-states.ts';

/** Additional time for a run that starts late, takes long or is retried. */
const SLACK_MS = 2 * HOUR_MS;
/** The assumed age of a run without a record. Records in the bucket expire after 30 days. */
const MAX_AGE_MS = 28 * DAY_MS;

/**
 * When a job of a policy in an account last succeeded, or, if it never has, when an audit first
 * found no record of the job.
 */
export interface GoodRun extends AccountJob {
  at: Date;
}

/** The jobs of policies without a record. They are new, so their allowed time starts now. */
export function jobsWithoutRecord(
  policies: readonly Policy[],
  goodRuns: readonly GoodRun[],
): Omit<GoodRun, 'at'>[] {
  const known = new Set(goodRuns.map(({ job, policy, account }) => `${job}/${policy}/${account}`));
  return policies.flatMap((one) =>
    JOBS.filter((job) => scheduleOf(job, one) && !known.has(`${job}/${one.policy}/${one.account}`)).map(
      (job) => ({ job, policy: one.policy, account: one.account }),
    ),
  );
}

/**
 * For each job of a policy, the time since its last run, divided by the time that its schedule
 * allows. From 1 on, the runs of the job are missing.
 *
 * - The allowed time ends at: next scheduled run + half an interval + 2 h. A run may resume for
 *   half an interval.
 * - For snapshots it ends earlier if all servers of the policy are late, so that one mail reports
 *   the missing runs instead of one for each server.
 * - A run that failed for some servers counts: these failures are reported by themselves.
 * - A job without a record counts as last run 28 days ago.
 *
 * @param runs the last good runs, and the last ones that failed in part.
 * @param series the series of the policy.
 * @param schedules since when the jobs have their schedules: the allowed time of one that was
 *   deployed later than the last run starts then.
 */
export function runOverdue(
  policy: Policy,
  runs: readonly (AccountJob & { at: Date })[],
  series: readonly AuditedSeries[],
  now: Date,
  schedules: SeenSchedules = {},
): Partial<Record<WorkItem['job'], number>> {
  const overdue = JOBS.flatMap((job) => {
    const due = dueRun(job, policy, runs, now, schedules);
    if (!due) return [];
    const { since, asked, next } = due;
    const isOver = job === 'snapshot' && asked <= now && areAllLate(series);
    const dueMs = isOver ? asked.getTime() : (asked.getTime() + next.getTime()) / 2 + SLACK_MS;
    return [[job, (now.getTime() - since.getTime()) / (dueMs - since.getTime())] as const];
  });
  return Object.fromEntries(overdue);
}

/**
 * The slot of a snapshot run that has come, while the run has not ended: it may be in progress, or
 * be missing later. Undefined if there is none.
 */
export function awaitedSlot(
  policy: Policy,
  runs: readonly (AccountJob & { at: Date })[],
  now: Date,
  schedules: SeenSchedules = {},
): Date | undefined {
  const due = dueRun('snapshot', policy, runs, now, schedules);
  return due && due.asked <= now ? due.asked : undefined;
}

/**
 * The next scheduled run of a job (`asked`) after its last one (`since`), and the run after that.
 * Undefined if the policy does not enable the job, or its schedule has no such times.
 */
function dueRun(
  job: WorkItem['job'],
  policy: Policy,
  runs: readonly (AccountJob & { at: Date })[],
  now: Date,
  schedules: SeenSchedules,
): Record<'since' | 'asked' | 'next', Date> | undefined {
  const schedule = scheduleOf(job, policy);
  const its = runs.filter(
    (run) => run.job === job && run.policy === policy.policy && run.account === policy.account,
  );
  const oldest = now.getTime() - MAX_AGE_MS;
  const last = its.length > 0 ? Math.max(...its.map(({ at }) => at.getTime())) : oldest;
  const since = new Date(Math.max(last, Date.parse(schedules[job]?.since ?? '1970-01-01')));
  const asked = schedule?.next(since);
  const next = asked && schedule?.next(asked);
  return next && { since, asked, next };
}

/**
 * Whether all servers of a policy are late, not counting those that wait for their first snapshot
 * or are late for a known cause.
 */
function areAllLate(series: readonly AuditedSeries[]): boolean {
  const due = series.filter((one) => isExpected(one) && one.state !== 'waiting' && !one.cause);
  return due.length > 0 && due.every(({ state }) => state !== 'protected');
}

/**
 * The jobs of a policy whose runs are missing, so that a job that never runs is reported like a
 * failure.
 */
export function missingRuns(overdue: ReturnType<typeof runOverdue>): WorkItem['job'][] {
  return JOBS.filter((job) => overdue[job] !== undefined && overdue[job] >= 1);
}
