import { createHash } from 'node:crypto';
import { isoSeconds } from '../config/dates.ts';
import { dormancyOf } from '../config/dormancy.ts';
import type { Policy } from '../config/policy.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { JOBS, scheduleOf } from '../runtime/work-item.ts';
import type { AuditedPolicy } from './model.ts';

/** The entry of a policy in the audit: its jobs and next runs, with what was found of it. */
export function auditedPolicy(
  deployed: Policy,
  { now }: Run,
  found: Pick<
    AuditedPolicy,
    'readable' | 'nothingSelected' | 'cleanups' | 'schedules' | 'unreadable' | 'problems'
  >,
): AuditedPolicy {
  const { policy, account, schedule, cleanup, servers, regions } = deployed;
  const [nextRun, nextCleanup] = [schedule.next(now), cleanup.next(now)];
  return {
    policy,
    account,
    jobs: JOBS.filter((job) => scheduleOf(job, deployed)),
    selection: createHash('sha256').update(JSON.stringify({ servers, regions })).digest('hex').slice(0, 16),
    ...(nextRun ? { nextRun: isoSeconds(nextRun) } : {}),
    ...(nextCleanup ? { nextCleanup: isoSeconds(nextCleanup) } : {}),
    ...(schedule.exact ? {} : { runsAtRate: true }),
    ...(cleanup.exact ? {} : { cleansAtRate: true }),
    ...found,
    problems: [...found.problems, ...dormantSchedules(deployed, now)],
  };
}

/** The schedules of a policy that have ended, pause or have not begun. */
function dormantSchedules(policy: Policy, now: Date): Reason[] {
  return JOBS.flatMap((job): Reason[] => {
    // The function of drills runs at a rate, and drills at the schedule of the policy.
    const schedule = job === 'drill' ? policy.drill?.schedule : scheduleOf(job, policy);
    const dormancy = schedule && dormancyOf(schedule, now);
    return dormancy ? [{ code: 'POLICY_SCHEDULE_ENDED', job, ...dormancy }] : [];
  });
}
