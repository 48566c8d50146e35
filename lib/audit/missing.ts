import type { Policy } from '../config/policy.ts';
import { JOBS, scheduleOf, type WorkItem } from '../runtime/work-item.ts';

const HOUR_MS = 3_600_000;
/** For a run that is late, long, or tried again. */
const SLACK_MS = 2 * HOUR_MS;
/** What the bucket for reports remembers: its objects expire after 30 days. */
const LONGEST_MS = 28 * 24 * HOUR_MS;

/**
 * When each job of a policy in an account has last ended well; of one that never has, when the
 * audit first asked for it.
 */
export interface GoodRun {
  job: string;
  policy: string;
  account: string;
  at: Date;
}

/**
 * The jobs of some policies of which there is no record: they are new, so the time in which a run
 * has to come begins now.
 */
export function unrecorded(policies: readonly Policy[], goodRuns: readonly GoodRun[]): Omit<GoodRun, 'at'>[] {
  const known = new Set(goodRuns.map(({ job, policy, account }) => `${job}/${policy}/${account}`));
  return policies.flatMap((one) =>
    JOBS.filter((job) => scheduleOf(job, one) && !known.has(`${job}/${one.policy}/${one.account}`)).map(
      (job) => ({ job, policy: one.policy, account: one.account }),
    ),
  );
}

/**
 * How long ago each job of a policy last ended well, over the longest time that its schedule
 * allows: from 1 on its runs are missing. Allowed is the time until the next run after that one,
 * half of that run's interval (for so long a run may resume by itself), and two hours. A job that
 * has never ended well is missing, unless its schedule has longer pauses than the records last.
 */
export function runOverdue(
  policy: Policy,
  goodRuns: readonly GoodRun[],
  now: Date,
): Partial<Record<WorkItem['job'], number>> {
  const overdue = JOBS.flatMap((job) => {
    const schedule = scheduleOf(job, policy);
    if (!schedule) return [];
    const last = goodRuns.find(
      (run) => run.job === job && run.policy === policy.policy && run.account === policy.account,
    );
    const since = last?.at ?? new Date(now.getTime() - LONGEST_MS);
    const asked = schedule.next(since);
    const next = asked && schedule.next(asked);
    if (!asked || !next) return [];
    const dueMs = asked.getTime() + (next.getTime() - asked.getTime()) / 2 + SLACK_MS;
    return [[job, (now.getTime() - since.getTime()) / (dueMs - since.getTime())] as const];
  });
  return Object.fromEntries(overdue);
}

/** The jobs of a policy whose runs are missing. Silence counts as a failure. */
export function missingRuns(policy: Policy, goodRuns: readonly GoodRun[], now: Date): WorkItem['job'][] {
  const overdue = runOverdue(policy, goodRuns, now);
  return JOBS.filter((job) => overdue[job] !== undefined && overdue[job] >= 1);
}
