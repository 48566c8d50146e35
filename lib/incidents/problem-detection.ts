import { identityOf } from '../audit/coverage/dropped-items.ts';
import type { Audit, AuditedPolicy, AuditedSeries, Dropped } from '../audit/model.ts';
import { type Naming, namingOf } from '../audit/naming.ts';
import { missingRunsIn, POLICY_TROUBLES, type PolicyTrouble } from '../audit/policy-troubles.ts';
import { isExpected, worstFirst } from '../audit/series-states.ts';
import { SERIES_TROUBLES } from '../audit/troubles.ts';
import { type FailedRun, isRunOf, type RecordedFailure } from '../reporting/failed-run.ts';
import { type Reason, unique } from '../reporting/reasons.ts';
import { JOBS } from '../runtime/work-item.ts';
import { isTransientError, type Problem, serverProblemKey } from './problem.ts';
import { problemsOfRun } from './run-problems.ts';

/** The problems of an audit, and of the last runs of its policies' jobs. */
export function incidentProblems(audit: Audit, failedRuns: readonly RecordedFailure[], now: Date): Problem[] {
  const naming = namingOf(audit);
  const accounts = new Set(audit.policies.map(({ account }) => account));
  const runs = failedRuns.flatMap((run) => {
    const own = audit.policies.filter((one) => isRunOf(run, one, accounts) && mayRun(one, run.job));
    return own.length > 0 ? [withoutDeselected(run, own, audit)] : [];
  });
  const found = [
    ...audit.policies.flatMap(unreadableProblems),
    ...runs.flatMap((run) => problemsOfRun(run, now)),
    ...POLICY_TROUBLES.flatMap(({ name }) => PROBLEMS_OF[name](audit, failedRuns)),
    ...audit.warnings.flatMap(problemOfCoverage),
    ...audit.series
      .toSorted(worstFirst)
      .flatMap((series) => problemsOfSeries(series, naming, mayBeTaken(series, audit))),
  ];
  const problems = Map.groupBy(found, ({ key }) => key)
    .values()
    .map((same) => merged(same))
    .toArray();
  const counted = problems.flatMap((one) => withoutNamed(one, problems));
  return accounts.size > 1 ? counted.map(withAccount) : counted;
}

/**
 * The problem that stands for the servers that the record of a failed run does not name, without
 * those that the audit has found in trouble: they are problems of their own. Other problems stay.
 */
function withoutNamed(problem: Problem, all: readonly Problem[]): Problem[] {
  const [first] = problem.reasons;
  if (first?.code !== 'SERVERS_FAILED') return [problem];
  const found = all.filter(
    ({ account, job, policies, reasons }) =>
      account === problem.account &&
      job === problem.job &&
      policies.includes(first.policy) &&
      reasons.every(({ code }) => code === 'SERVER_IN_TROUBLE'),
  );
  const count = first.count - found.length;
  return count > 0 ? [{ ...problem, reasons: [{ ...first, count }] }] : [];
}

/** Whether the policy still enables a job of a failed run. */
function mayRun({ jobs = [...JOBS] }: AuditedPolicy, job: string): boolean {
  return jobs.includes(job);
}

/**
 * A failed run without the servers that the policy no longer selects, because they were deleted,
 * excepted or retagged, or their id was removed: no later run can end their failure. Servers stay
 * as long as their region can't be read. So do failed deletions and copies, which concern the
 * snapshots of such servers, too.
 */
function withoutDeselected(
  run: RecordedFailure,
  policies: readonly AuditedPolicy[],
  { series }: Audit,
): RecordedFailure {
  if (run.job !== 'snapshot' && run.job !== 'drill') return run;
  if (policies.some(({ readable }) => !readable)) return run;
  const isSelected = ({ server, region }: { server: string; region: string }) =>
    series.some(
      (one) =>
        policies.some(({ policy, account }) => one.policy === policy && one.account === account) &&
        one.server === server &&
        one.region === region &&
        isExpected(one),
    ) ||
    policies.some(({ problems }) =>
      problems.some((problem) => problem.code === 'POLICY_ID_UNKNOWN' && problem.server === server),
    );
  return { ...run, servers: run.servers.filter(isSelected) };
}

/** The problem with `namesAccount`, unless its text names the account or it has no account. */
function withAccount(problem: Problem): Problem {
  const { kind } = problem;
  const isNamed = kind === 'unreadable' || kind === 'dropped' || kind === 'coverage';
  return isNamed ? problem : { ...problem, namesAccount: true };
}

/** Merges a problem that several policies or jobs have seen. */
function merged(same: readonly Problem[]): Problem {
  const [first] = same as [Problem];
  const sharedCause = same.find((one) => one.sharedCause !== undefined)?.sharedCause;
  return {
    ...first,
    ...(sharedCause === undefined ? {} : { sharedCause }),
    policies: [...new Set(same.flatMap(({ policies }) => policies))],
    isTransient: same.every(({ isTransient }) => isTransient),
    reasons: unique(same.flatMap(({ reasons }) => reasons)),
  };
}

function unreadableProblems({ account, problems }: AuditedPolicy): Problem[] {
  return problems.flatMap((problem): Problem[] => {
    const base = { kind: 'unreadable' as const, account, policies: [], reasons: [problem] };
    if (problem.code === 'POLICY_ACCOUNT_UNREADABLE') {
      return [{ ...base, ...causeOf(problem.problem), key: `unreadable/${account}` }];
    }
    if (problem.code === 'POLICY_REGION_UNREADABLE') {
      const { where: region, problem: why } = problem;
      const key = `unreadable/${account}/${region}`;
      return [{ ...base, ...causeOf(why), key, region, namesAccount: true }];
    }
    return [];
  });
}

function causeOf(problem: Reason): Pick<Problem, 'cause' | 'isTransient'> {
  const cause = problem.code === 'CLOUD' ? problem.error : problem.code;
  return { cause, isTransient: isTransientError(cause) };
}

/** The problems of each kind of trouble of policies. */
const PROBLEMS_OF: Record<
  PolicyTrouble['name'],
  (audit: Audit, failedRuns: readonly FailedRun[]) => Problem[]
> = {
  nothingSelected: ({ policies }) => policies.flatMap(problemOfSelection),
  missing: ({ policies }, failedRuns) =>
    missingRunsIn(policies).flatMap((one) => problemOfMissing(one, failedRuns)),
  dropped: ({ dropped }) => dropped.map(problemOfDropped),
};

function problemOfSelection({ policy, account, problems, nothingSelected }: AuditedPolicy): Problem[] {
  if (!nothingSelected) return [];
  const unmatched = problems.find((one) => one.code === 'SELECTOR_UNMATCHED');
  return [
    {
      kind: 'policy',
      key: `policy/${account}/${policy}`,
      account,
      policies: [policy],
      isTransient: false,
      reasons: [{ code: 'NOTHING_SELECTED', policy, ...(unmatched ? { selector: unmatched.selector } : {}) }],
    },
  ];
}

/** A job whose runs fail is a problem already, of its last run or of the servers that failed. */
function problemOfMissing(
  { job, of: { policy, account } }: ReturnType<typeof missingRunsIn>[number],
  failedRuns: readonly FailedRun[],
): Problem[] {
  if (failedRuns.some((run) => run.job === job && run.policy === policy && run.account === account)) {
    return [];
  }
  return [
    {
      kind: 'missing',
      key: `missing/${account}/${policy}/${job}`,
      account,
      policies: [policy],
      isTransient: false,
      job,
      isTotal: true,
      reasons: [{ code: 'RUNS_MISSING', job, policy }],
    },
  ];
}

function problemOfDropped(dropped: Dropped): Problem {
  return {
    kind: 'dropped',
    key: `dropped/${identityOf(dropped)}`,
    account: dropped.code === 'DROPPED_POLICY' ? dropped.accounts[0]! : dropped.account,
    ...('where' in dropped ? { region: dropped.where } : {}),
    policies: dropped.code === 'DROPPED_POLICY' ? [dropped.policy] : [...dropped.policies],
    isTransient: false,
    reasons: [dropped],
  };
}

/** A record that one audit could not read or write may be written by the next one. */
function problemOfCoverage(reason: Reason): Problem[] {
  return reason.code === 'COVERAGE_NOT_RECORDED' || reason.code === 'COVERAGE_UNREADABLE'
    ? [
        {
          kind: 'coverage',
          key: 'coverage',
          account: '',
          policies: [],
          isTransient: true,
          reasons: [reason],
        },
      ]
    : [];
}

/**
 * Whether a server is late only by a slot whose run has not ended. It is no problem yet: the run
 * may be in progress, and if it is missing, the server is part of that problem.
 */
function mayBeTaken(
  { account, policy, cause, lateSeconds }: AuditedSeries,
  { at, policies }: Audit,
): boolean {
  const awaited = policies.find((one) => one.policy === policy && one.account === account)?.awaited;
  if (awaited === undefined || lateSeconds === undefined || cause) return false;
  return Date.parse(at) - 1000 * lateSeconds >= Date.parse(awaited);
}

/** E-mails name the account before each problem, so the place is the region alone. */
const placeOf: Naming['placeOf'] = ({ region }) => region;

/**
 * The problems of a series. A late series is not a problem while its run may still be in progress.
 */
function problemsOfSeries(series: AuditedSeries, naming: Naming, mayBeTaken: boolean): Problem[] {
  const { account, region, server, policy, countedBy, cause, ageSeconds } = series;
  const name = series.name && naming.nameOf(series);
  const troubles = SERIES_TROUBLES.filter(({ isCounted, isIn }) => isCounted && isIn(series));
  return troubles
    .filter((one) => one.name !== 'late' || !mayBeTaken)
    .map(
      ({ job, digest }): Problem => ({
        kind: 'server',
        key: serverProblemKey({ account, region, server, policy: countedBy ?? policy }, job),
        account,
        region,
        server,
        job,
        policies: [countedBy ?? policy],
        isTransient: cause?.code === 'SERIES_SERVER_UNCERTAIN',
        reasons: [
          {
            code: 'SERVER_IN_TROUBLE',
            server,
            name,
            problem: digest.reasonOf(series, { ...naming, placeOf }),
            ...(ageSeconds === undefined ? {} : { ageSeconds }),
          },
        ],
      }),
    );
}
