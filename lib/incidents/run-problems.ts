import { HOUR_MS, MINUTE_MS } from '../config/dates.ts';
import type { RecordedFailure } from '../reporting/failed-run.ts';
import type { ReasonCode } from '../reporting/reasons.ts';
import { causeOfServer, type Problem, serverProblemKey } from './problem.ts';

/** Lambda retries a failed run twice within minutes, and a retry may succeed. */
const RETRIES_MS = 10 * MINUTE_MS;

/** The time until the run that resumes deferred work has reported. */
const RESUMED_MS = HOUR_MS;

/** Causes that only a person removes: a retry fails, too. */
const LASTING: readonly ReasonCode[] = [
  'SERVER_IN_STATE',
  'SERVER_LOCKED',
  'VOLUME_SERVER_AT_RACKSPACE',
  'VOLUME_IN_STATE',
  'CLOCK_AHEAD',
  'CLOCK_BEHIND',
  'ID_UNKNOWN',
  'BUSY_TOO_LONG',
];

/** Causes of the cloud, which the servers of a region share. */
const OF_CLOUD: readonly ReasonCode[] = [
  'CLOUD',
  'IMAGE_NOT_FOUND',
  'IMAGE_LOST',
  'IMAGE_FAILED',
  'IMAGE_EMPTY',
];

/** Whether no retry may still succeed. */
function isFinal({ at, resumesAt, isLastTry }: RecordedFailure, now: Date): boolean {
  if (resumesAt && !isLastTry) return now.getTime() >= Date.parse(resumesAt) + RESUMED_MS;
  return now.getTime() >= at.getTime() + RETRIES_MS;
}

/** The problems that a failed run reports: the run itself, and the servers that failed in it. */
export function problemsOfRun(run: RecordedFailure, now: Date): Problem[] {
  const { job, policy, account, crashed, failures, servers, more } = run;
  const final = isFinal(run, now);
  const base = { account, policies: [policy], job, isTransient: false };
  return [
    ...(failures.length === 0 || !final
      ? []
      : [
          {
            ...base,
            kind: 'run' as const,
            key: `run/${account}/${policy}/${job}`,
            isTotal: crashed,
            reasons: [{ code: 'RUN_FAILED' as const, job, policy, failures }],
          },
        ]),
    ...servers
      .filter(({ cause }) => final || (cause && LASTING.includes(cause)))
      .map(({ region, ...failed }) => {
        const reason = { code: 'SERVER_FAILED' as const, job, policy, where: region, ...failed };
        return {
          ...base,
          kind: 'server' as const,
          key: serverProblemKey({ account, region, server: failed.server, policy }, job),
          region,
          server: failed.server,
          ...(OF_CLOUD.includes(reason.cause ?? reason.code)
            ? { sharedCause: `${account}/${region}/${causeOfServer(reason)}` }
            : {}),
          reasons: [reason],
        };
      }),
    ...(more > 0 && final
      ? [
          {
            ...base,
            kind: 'server' as const,
            key: `servers/${account}/${policy}/${job}`,
            server: `others of ${job} ${policy}`,
            reasons: [{ code: 'SERVERS_FAILED' as const, job, policy, count: more }],
          },
        ]
      : []),
  ];
}
