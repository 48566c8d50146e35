import { identityOf, titleOf } from '../audit/dropped-text.ts';
import { durationText, shortName } from '../audit/format.ts';
import type { Audit, AuditedPolicy, AuditedSeries, Dropped } from '../audit/model.ts';
import { type Naming, namingOf } from '../audit/naming.ts';
import { worstFirst } from '../audit/sentence.ts';
import { SERIES_TROUBLES, type SeriesTrouble } from '../audit/troubles.ts';
import type { CloudErrorCode } from '../openstack/errors.ts';
import { type FailedRun, isRunOf, type RecordedFailure } from '../reporting/failed-run.ts';
import type { Reason } from '../reporting/reasons.ts';
import { sentenceOf } from '../reporting/sentences.ts';
import type { Problem } from './problem.ts';

const MINUTE_MS = 60_000;
/** Lambda retries a failed run twice within minutes, and a retry may succeed. */
const RETRIES_MS = 10 * MINUTE_MS;
/** The time until the run that resumes deferred work has reported. */
const RESUMED_MS = 60 * MINUTE_MS;

/** The problems of an audit, and of the last runs of its policies' jobs. */
export function incidentProblems(audit: Audit, failedRuns: readonly RecordedFailure[], now: Date): Problem[] {
  const naming = namingOf(audit);
  const accounts = new Set(audit.policies.map(({ account }) => account));
  const found = [
    ...audit.policies.flatMap(unreadableIn),
    ...failedRuns
      .filter((run) => audit.policies.some((policy) => isRunOf(run, policy, accounts)))
      .filter((run) => isFinal(run, now))
      .flatMap(problemsOfRun),
    ...audit.policies.flatMap((one) => problemsOfPolicy(one, failedRuns)),
    ...audit.dropped.map(problemOfDropped),
    ...audit.series.toSorted(worstFirst).flatMap((series) => problemsOfSeries(series, naming, now)),
  ];
  const problems = Map.groupBy(found, ({ key }) => key)
    .values()
    .map((same) => merged(same));
  return (accounts.size > 1 ? problems.map(withAccount) : problems).toArray();
}

/** A problem that names its account, which those of kind unreadable and dropped do by themselves. */
function withAccount(problem: Problem): Problem {
  const { kind, account, title, text } = problem;
  if (kind === 'unreadable' || kind === 'dropped') return problem;
  return { ...problem, title: `${title} (${account})`, text: `${account}: ${text}` };
}

/** Merges a problem that several policies or jobs have seen. */
function merged(same: readonly Problem[]): Problem {
  const [first] = same as [Problem];
  return {
    ...first,
    policies: [...new Set(same.flatMap(({ policies }) => policies))],
    isTransient: same.every(({ isTransient }) => isTransient),
    text: [...new Set(same.map(({ text }) => text))].join('; '),
  };
}

function isFinal({ at, resumesAt }: RecordedFailure, now: Date): boolean {
  if (resumesAt) return now.getTime() >= Date.parse(resumesAt) + RESUMED_MS;
  return now.getTime() >= at.getTime() + RETRIES_MS;
}

function unreadableIn({ account, problems }: AuditedPolicy): Problem[] {
  return problems.flatMap((problem): Problem[] => {
    const base = { kind: 'unreadable' as const, account, policies: [], text: sentenceOf(problem) };
    if (problem.code === 'POLICY_ACCOUNT_UNREADABLE') {
      const title = `account ${account} can't be read`;
      return [{ ...base, ...causeOf(problem.problem), key: `unreadable/${account}`, title }];
    }
    if (problem.code === 'POLICY_REGION_UNREADABLE') {
      const { where: region, problem: why } = problem;
      const title = `${region} of account ${account} can't be read`;
      const text = `${account}: ${base.text}`;
      return [{ ...base, ...causeOf(why), key: `unreadable/${account}/${region}`, region, title, text }];
    }
    return [];
  });
}

/** Errors of a cloud that is down or busy, which often resolve within the hour. */
const TRANSIENT: readonly string[] = [
  'UNAVAILABLE',
  'NO_ANSWER',
  'BAD_ANSWER',
  'RATE_LIMITED',
  'OUT_OF_TIME',
] satisfies CloudErrorCode[];

function causeOf(problem: Reason): Pick<Problem, 'cause' | 'isTransient'> {
  const cause = problem.code === 'CLOUD' ? problem.error : problem.code;
  return { cause, isTransient: TRANSIENT.includes(cause) };
}

function problemsOfRun({ job, policy, account, crashed, failures, servers }: RecordedFailure): Problem[] {
  const base = { account, policies: [policy], job, isTransient: false };
  const [first, ...more] = failures;
  return [
    ...(first === undefined
      ? []
      : [
          {
            ...base,
            kind: 'run' as const,
            key: `run/${account}/${policy}/${job}`,
            cause: 'run',
            isTotal: crashed,
            title: `${job} ${policy} failed`,
            text: `${job} ${policy} failed: ${first}${more.length > 0 ? `, and ${more.length} more` : ''}`,
          },
        ]),
    ...servers.map(({ region, server, name, text }) => ({
      ...base,
      kind: 'server' as const,
      key: serverKey({ account, region, server, policy }, job),
      region,
      server,
      cause: 'server',
      title: `${nameOf({ name, server })}: ${job} ${policy} failed`,
      text,
    })),
  ];
}

function problemsOfPolicy(
  { policy, account, problems, missing = [], nothingSelected }: AuditedPolicy,
  failedRuns: readonly FailedRun[],
): Problem[] {
  const base = { account, policies: [policy], isTransient: false };
  // A job whose runs fail is a problem already, of its last run or of the servers that failed.
  const silent = missing.filter(
    (job) => !failedRuns.some((run) => run.job === job && run.policy === policy && run.account === account),
  );
  const unmatched = problems.find(({ code }) => code === 'SELECTOR_UNMATCHED');
  return [
    ...silent.map((job) => ({
      ...base,
      kind: 'missing' as const,
      key: `missing/${account}/${policy}/${job}`,
      job,
      cause: 'missing',
      isTotal: true,
      title: `${policy}: ${job} runs are missing`,
      text: `${policy}: ${sentenceOf({ code: 'POLICY_RUN_MISSING', job })}`,
    })),
    ...(nothingSelected
      ? [
          {
            ...base,
            kind: 'policy' as const,
            key: `policy/${account}/${policy}`,
            cause: 'policy',
            title: `${policy}: a selector matches no server`,
            text: `${policy}: ${unmatched ? sentenceOf(unmatched) : 'it selects no server'}`,
          },
        ]
      : []),
  ];
}

function problemOfDropped(dropped: Dropped): Problem {
  return {
    kind: 'dropped',
    key: `dropped/${identityOf(dropped)}`,
    account: dropped.code === 'DROPPED_POLICY' ? dropped.accounts[0]! : dropped.account,
    ...('where' in dropped ? { region: dropped.where } : {}),
    policies: dropped.code === 'DROPPED_POLICY' ? [dropped.policy] : [...dropped.policies],
    cause: 'dropped',
    isTransient: false,
    title: titleOf(dropped),
    text: sentenceOf(dropped),
  };
}

function problemsOfSeries(series: AuditedSeries, naming: Naming, now: Date): Problem[] {
  const { account, region, server, name, policy, countedBy, cause } = series;
  return SERIES_TROUBLES.filter(({ isCounted, isIn }) => isCounted && isIn(series)).flatMap(
    ({ digest, name: trouble }): Problem[] =>
      digest
        ? [
            {
              kind: 'server',
              key: serverKey(
                { account, region, server, policy: countedBy ?? policy },
                trouble === 'unproven' ? 'drill' : 'snapshot',
              ),
              account,
              region,
              server,
              job: trouble === 'unproven' ? 'drill' : 'snapshot',
              policies: [countedBy ?? policy],
              cause: 'server',
              isTransient: cause?.code === 'SERIES_SERVER_UNCERTAIN',
              title: `${nameOf({ name, server })}: ${TITLES[trouble](series, now)}`,
              text: sentenceOf(digest.reasonOf(series, naming)),
            },
          ]
        : [],
  );
}

const TITLES: Record<SeriesTrouble['name'], (series: AuditedSeries, now: Date) => string> = {
  late: ({ newestGood }, now) =>
    newestGood
      ? `no good snapshot for ${durationText(now.getTime() - Date.parse(newestGood))}`
      : 'no good snapshot',
  unproven: () => 'its last drill failed',
  behind: () => 'its copies are behind',
  notRotating: () => 'its snapshots are not rotated',
  failed: () => 'a snapshot failed',
  stuck: () => 'a snapshot never finished',
};

/** What fails for a server in one job of a policy is one problem: failed runs and late snapshots. */
function serverKey(
  { account, region, server, policy }: Record<'account' | 'region' | 'server' | 'policy', string>,
  job: string,
): string {
  return `server/${account}/${region}/${server}/${policy}/${job}`;
}

/** A server's name as a subject can have it, which is in ASCII; otherwise its id. */
function nameOf({ name, server }: { name: string; server: string }): string {
  return /^[\x21-\x7e][\x20-\x7e]*$/.test(name) ? shortName(name) : server;
}
