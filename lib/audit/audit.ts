import pMap from 'p-map';
import { isoSeconds } from '../config/dates.ts';
import type { Policy } from '../config/policy.ts';
import type { Session } from '../openstack/session.ts';
import { isRunOf } from '../reporting/failed-run.ts';
import { type Reason, unique } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import { auditAccount, type Extras } from './audit-account.ts';
import { awaitedSlot, missingRuns, runOverdue } from './missing-runs.ts';
import type { Audit, AuditedPolicy, AuditedSeries } from './model.ts';
import { nextRunAfter } from './next-run.ts';
import { withoutTwins } from './shared-projects.ts';
import { unmanagedWarning } from './unmanaged-snapshots.ts';

/**
 * Audits what the policies protect, and changes nothing. An unreadable part, even a whole account,
 * becomes a problem of its policies and does not stop the rest.
 *
 * @param login opens a session with a cloud account.
 */
export async function audit(
  policies: readonly Policy[],
  run: Run,
  login: (account: string) => Promise<Session>,
  { pricePerGb, goodRuns, failedRuns = [], ...known }: Extras = {},
): Promise<Audit> {
  const accounts = [...Map.groupBy(policies, ({ account }) => account)];
  const audits = await pMap(
    accounts,
    ([account, own]) => auditAccount(account, own, { ...known, goodRuns, run, login, deployed: policies }),
    {
      concurrency: 4,
    },
  );
  const found = withoutTwins(audits);
  const isOneOfSeveral = accounts.length > 1;
  const series = found.flatMap((one) => one.series);
  const bytesOf = (all: readonly { bytes: number }[]) => all.reduce((sum, { bytes }) => sum + bytes, 0);
  const unmanagedBytes = bytesOf(found.flatMap(({ leftBehind }) => leftBehind));
  const bytes = unmanagedBytes + bytesOf(series);
  const audited = withRates(
    found.flatMap((one) => one.policies),
    policies,
    series,
    run.now,
  );
  return {
    owner: run.deployment ?? run.owner,
    at: isoSeconds(run.now),
    policies: goodRuns ? withMissing(audited, policies, { goodRuns, failedRuns }, series, run.now) : audited,
    series,
    accounts: found.flatMap(({ accounts: read }) => read),
    dropped: [],
    uncovered: found.flatMap((one) => one.uncovered),
    unlisted: found.flatMap((one) => one.unlisted),
    warnings: unique(
      found.flatMap(({ account, warnings, leftBehind }) => {
        const own = policies.filter((policy) => policy.account === account);
        const all = [...warnings, ...leftBehind.map((one) => unmanagedWarning(one, own, run))];
        return isOneOfSeveral ? all.map((one) => ({ ...one, ofAccount: account })) : all;
      }),
    ),
    bytes,
    unmanagedBytes,
    ...(pricePerGb === undefined ? {} : { monthlyCost: (bytes / 1e9) * pricePerGb }),
  };
}

/**
 * Sets the next run of policies with a rate, which is counted from the policy's newest snapshot in
 * any account.
 */
function withRates(
  audited: readonly AuditedPolicy[],
  policies: readonly Policy[],
  series: readonly AuditedSeries[],
  now: Date,
): AuditedPolicy[] {
  return audited.map((one) => {
    const schedule = policies.find(({ policy }) => policy === one.policy)?.schedule;
    if (!schedule || schedule.exact) return one;
    const slots = series.flatMap((s) => (s.policy === one.policy ? (s.snapshots[0]?.slot ?? []) : []));
    const newest = slots
      .filter((slot) => slot <= isoSeconds(now))
      .sort()
      .at(-1);
    const nextRun = nextRunAfter(schedule, newest ? new Date(newest) : undefined, now);
    return nextRun ? { ...one, nextRun: isoSeconds(nextRun) } : one;
  });
}

function withMissing(
  audited: readonly AuditedPolicy[],
  policies: readonly Policy[],
  { goodRuns, failedRuns }: Required<{ [K in 'goodRuns' | 'failedRuns']: NonNullable<Extras[K]> }>,
  series: readonly AuditedSeries[],
  now: Date,
): AuditedPolicy[] {
  const accounts = new Set(policies.map(({ account }) => account));
  return audited.map((one) => {
    const isOfIt = (other: { policy: string; account: string }) =>
      other.policy === one.policy && other.account === one.account;
    const policy = policies.find(isOfIt);
    const failed = failedRuns
      .filter((run) => !run.crashed && isRunOf(run, one, accounts))
      .map((run) => ({ ...run, account: one.account }));
    const runs = [...goodRuns, ...failed];
    const byJob = policy ? runOverdue(policy, runs, series.filter(isOfIt), now, one.schedules) : {};
    const missing = missingRuns(byJob);
    const awaited =
      policy && !missing.includes('snapshot') ? awaitedSlot(policy, runs, now, one.schedules) : undefined;
    const overdue = Object.values(byJob);
    const problems = missing.map((job): Reason => ({ code: 'POLICY_RUN_MISSING', job }));
    return {
      ...one,
      missing,
      ...(awaited ? { awaited: isoSeconds(awaited) } : {}),
      ...(overdue.length > 0 ? { runOverdue: Math.max(...overdue) } : {}),
      problems: [...one.problems, ...problems],
    };
  });
}
