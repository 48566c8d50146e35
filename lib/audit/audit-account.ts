import type { Policy } from '../config/policy.ts';
import { ValidationError } from '../config/validation-error.ts';
import { isCloudError } from '../openstack/errors.ts';
import type { Deadline } from '../openstack/http.ts';
import type { Session } from '../openstack/session.ts';
import type { AccountJob } from '../reporting/failed-run.ts';
import { reasonFor } from '../reporting/failure.ts';
import type { Reason } from '../reporting/reasons.ts';
import type { Run } from '../runtime/run.ts';
import type { AdhocSnapshot } from './adhoc-snapshots.ts';
import { type AccountAudit, auditRegions } from './audit-regions.ts';
import { auditedPolicy } from './audited-policy.ts';
import type { ReadableCopies } from './copy-freshness.ts';
import type { AccountCoverage, CoveredServer } from './coverage/record.ts';
import type { SelectedSince } from './expected-state.ts';
import type { GoodRun } from './missing-runs.ts';
import { cleanupsSeen } from './seen-cleanups.ts';
import { schedulesSeen } from './seen-schedules.ts';

/** Audits one account. An account that can't be read is a problem of its policies. */
export async function auditAccount(
  account: string,
  policies: Policy[],
  {
    run,
    login,
    bucketUntil,
    coverage,
    goodRuns,
    adhocSnapshots = [],
    deployed,
  }: Pick<Extras, 'bucketUntil' | 'coverage' | 'goodRuns' | 'adhocSnapshots'> & {
    run: Run;
    /** The policies of all accounts. */
    deployed: readonly Policy[];
    login: (account: string) => Promise<Session>;
  },
): Promise<AccountAudit> {
  const nothing = {
    account,
    series: [],
    accounts: [],
    uncovered: [],
    unlisted: [{ account }],
    warnings: [],
    leftBehind: [],
  };
  try {
    const session = await login(account);
    const bucket = bucketUntil?.(session.deadline);
    const own = coverage?.find((one) => one.account === account && one.project === session.projectId);
    const recorded = ({ policy }: Policy) => own?.policies.find((one) => one.policy === policy);
    return await auditRegions(session, bucket, account, policies, {
      run,
      remembered: own?.servers ?? [],
      selectedSince: coverage && sinceBy(own?.servers, run.now),
      cleanupsOf: (policy) =>
        coverage && goodRuns && cleanupsSeen(recorded(policy)?.cleanups, policy, goodRuns, run.now),
      schedulesOf: (policy) => {
        const before = recorded(policy);
        return coverage && schedulesSeen(own && (before ? before.schedules : {}), policy, run.now);
      },
      adhocSnapshots: adhocSnapshots.filter((one) => one.account === account),
      deployed,
    });
  } catch (error) {
    if (!isCloudError(error) && !(error instanceof ValidationError)) throw error;
    const problem: Reason = { code: 'POLICY_ACCOUNT_UNREADABLE', account, problem: reasonFor(error) };
    return {
      ...nothing,
      policies: policies.map((p) =>
        auditedPolicy(p, run, {
          readable: false,
          nothingSelected: false,
          unreadable: 'account',
          problems: [problem],
        }),
      ),
    };
  }
}

/**
 * Since when a policy selects a server, by the record of earlier audits; `now` if they have not
 * recorded it. If they have recorded nothing of the account, since its oldest snapshot.
 */
function sinceBy(covered: readonly CoveredServer[] | undefined, now: Date): SelectedSince {
  if (!covered) return (_, __, oldest = now) => oldest;
  const known = new Map(covered.map(({ server, since }) => [server, since]));
  return (server, policy) => new Date(known.get(server)?.[policy] ?? now);
}

/** What an audit knows besides what the cloud says. */
export interface Extras {
  /** The price of a stored gigabyte (10^9 bytes) a month. */
  pricePerGb?: number | undefined;
  /** The last good run of each job, if known. */
  goodRuns?: readonly GoodRun[] | undefined;
  /** The last failed run of each job. */
  failedRuns?: readonly (AccountJob & { at: Date; crashed: boolean })[] | undefined;
  /** The bucket of the copies, with a deadline for its requests. */
  bucketUntil?: ((deadline: Deadline) => ReadableCopies['store']) | undefined;
  /**
   * The coverage that earlier audits recorded. These servers are requested by their ids if no
   * listing has them.
   */
  coverage?: readonly AccountCoverage[] | undefined;
  /** The ad-hoc snapshots of the last day. */
  adhocSnapshots?: readonly AdhocSnapshot[] | undefined;
}
