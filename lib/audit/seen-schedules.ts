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
 * @param before the schedules that the last audit recorded: none of a policy that it did not know;
 *   undefined if no audit has recorded any of the account.
 */
export function schedulesSeen(before: SeenSchedules | undefined, policy: Policy, now: Date): SeenSchedules {
  const schedules: SeenSchedules = {};
  for (const job of JOBS) {
    const expression = scheduleOf(job, policy)?.expression;
    if (expression === undefined) continue;
    const earlier = before ? before[job] : { expression, since: UNKNOWN };
    schedules[job] = earlier?.expression === expression ? earlier : { expression, since: isoSeconds(now) };
  }
  return schedules;
}
