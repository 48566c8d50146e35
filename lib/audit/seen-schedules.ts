import { isoSeconds } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import { JOBS, scheduleOf } from '../runtime/work-item.ts';
import type { SeenSchedules } from './model.ts';

/** The time of schedules that were there before audits recorded any. */
const UNKNOWN = isoSeconds(new Date(0));

/**
 * The schedules of a policy, each with the time since which audits have seen it, so that runs and
 * snapshots are not late by a schedule that has just been deployed.
 *
 * @param before the schedules that the last audit recorded; 'none' if it did not know the policy,
 *   'unknown' if no audit has recorded the account.
 */
export function schedulesSeen(before: SeenSchedules | 'none' | 'unknown', policy: Policy, now: Date) {
  const schedules: SeenSchedules = {};
  for (const job of JOBS) {
    const expression = scheduleOf(job, policy)?.expression;
    if (expression === undefined) continue;
    const earlier = typeof before === 'string' ? undefined : before[job];
    const since =
      before === 'unknown' ? UNKNOWN : earlier?.expression === expression ? earlier.since : isoSeconds(now);
    schedules[job] = { expression, since };
  }
  return schedules;
}
