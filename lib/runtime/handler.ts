import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { FindAccounts } from '../config/accounts.ts';
import { deployedPolicies } from '../config/deployed-policies.ts';
import { ownerOf, settings } from '../config/environment.ts';
import type { Policy } from '../config/policy.ts';
import type { Credentials } from '../openstack/credentials.ts';
import { connect, type Session } from '../openstack/session.ts';
import { reasonFor } from '../reporting/failure.ts';
import { type HeartbeatPing, sendPing } from '../reporting/heartbeat.ts';
import { runMetrics } from '../reporting/metrics.ts';
import type { Reason } from '../reporting/reasons.ts';
import { ofRequestText } from '../reporting/sentences/restoration.ts';
import type { Sentence } from '../reporting/sentences/sentence.ts';
import { type FailedAnswer, isResultWanted } from './client-context.ts';
import { jsonLog, plainLog } from './log.ts';
import type { Run } from './run.ts';
import { accountsIn, secretsManager } from './secrets.ts';

/** Time reserved for the report at the end of an invocation, in milliseconds. */
const REPORT_RESERVE_MS = 5_000;

const deployed = settings();
const { service, stage, heartbeat } = deployed;
const deployment = `${service}-${stage}`;

const log = deployed.isLogForPeople ? plainLog() : jsonLog(deployment);
/** The metrics of this function, which each invocation publishes at its end. */
export const metrics = runMetrics(deployment);
const credentials = secretsManager();

/** The context that a job gets besides its event. */
export interface JobContext extends Run {
  deployment: string;
  /** Whether Lambda invoked the function; false for `serverless invoke local`. */
  isDeployed: boolean;
  policies?: readonly Policy[];
  /** Whether the client wants the result although the run has failed. */
  isResultWanted: boolean;
  /** The time at which Lambda ends the invocation at the latest. */
  endsAt: Date;
  /** The ARN of one of the deployment's functions. */
  arnOf(job: string): string;
  /** Lists the accounts of this stage whose names start with a prefix. */
  findAccounts: FindAccounts;
  /** Reads the secret of a cloud account and bypasses the cache. */
  credentials(account: string): Promise<Credentials>;
  /** Logs in to a cloud account with a new token. */
  login(account: string): Promise<Session>;
}

/**
 * How an invocation ends. Its result is logged in any case, and returned unless the invocation
 * fails.
 */
export interface RunEnding {
  failure: Error | undefined;
  /**
   * A later run resumes the work and handles the failure too, so the failure is logged and not
   * thrown.
   */
  resumes?: boolean;
  /** The result as text for people. */
  text?: Sentence | undefined;
  /** What is logged instead of the result, if the result is too long for a log. */
  logged?: unknown;
}

/**
 * Creates a Lambda handler that runs `work` for an event and throws the failure of its result,
 * unless the work resumes, or the client wants the result in any case; see client-context.ts. Such
 * a client gets a {@link FailedAnswer} if there is no result.
 */
export function invocation<R>(
  work: (event: unknown, job: JobContext) => Promise<R>,
  endingOf: (result: R, job: JobContext) => RunEnding,
) {
  return handlerOf(async (event, job) => {
    let result: R;
    try {
      result = await work(event, job);
    } catch (error) {
      logFailure(error);
      if (!job.isResultWanted) throw withRequest(error);
      // Other clients than the commands do not get it, so it is no part of the type.
      return failedAnswer(error, job) as R;
    }
    const { failure, resumes } = logResult(result, endingOf(result, job));
    if (failure && !resumes && !job.isResultWanted) throw failure;
    return result;
  });
}

function failedAnswer(error: unknown, { requestId }: JobContext): FailedAnswer {
  const { request = requestId } = error as { request?: string };
  const { message } = error as Error;
  return { failed: { reason: reasonFor(error), message, request } };
}

/** An error of a restore with its id in the message: Lambda answers no more of an error. */
function withRequest(error: unknown): unknown {
  const { request, message } = error as Error & { request?: string };
  if (request !== undefined) Object.assign(error as Error, { message: ofRequestText(message, request) });
  return error;
}

/** Logs a result, as an error if the invocation failed. */
export function logResult(result: unknown, ending: RunEnding): RunEnding {
  log.result(ending.failure ? 'error' : 'info', ending.logged ?? result, ending.text);
  return ending;
}

/** Logs the error of a run that has no result, and the restore that it belongs to, if to one. */
export function logFailure(error: unknown): void {
  log.failure(error);
}

/** Logs something that went wrong beside the result of a run. */
export function logReason(level: 'warn' | 'error', reason: Reason): void {
  log.reason(level, reason);
}

/**
 * Releases a lease at the end of a run. An error is only logged, because a lease expires by itself.
 */
export async function releaseLease(lease: { release(): Promise<void> }): Promise<void> {
  await lease.release().catch(({ message }: Error) => {
    logReason('warn', { code: 'LEASE_NOT_RELEASED', message });
  });
}

/** Pings the heartbeat URL with the result of a run, if a heartbeat is configured. */
export async function pingHeartbeat(beat: HeartbeatPing | undefined, good: boolean): Promise<void> {
  const problem = heartbeat && beat ? await sendPing(heartbeat, beat, good) : undefined;
  if (problem) logReason('warn', { code: 'HEARTBEAT_NOT_SENT', message: problem });
}

/** Creates a Lambda handler that gets the event and the job's context. */
export function handlerOf<E, R>(work: (event: E, job: JobContext) => Promise<R>) {
  return middy<E, R, Error, Context>()
    .use(log.middleware ?? [])
    .handler((event, context) => work(event, jobOf(context)));
}

function jobOf(context: Context): JobContext {
  const remainingMs = context.getRemainingTimeInMillis();
  const deadlineMs = performance.now() + remainingMs - REPORT_RESERVE_MS;
  const deadline = { remainingMs: () => deadlineMs - performance.now() };
  const secretOf = (account: string) => `${service}/${stage}/${account}`;
  const { policies, problems } = deployedPolicies();
  if (problems.length > 0) {
    logReason('error', { code: 'POLICIES_INVALID', problems });
  }
  const now = new Date();
  return {
    owner: ownerOf(deployed, context.invokedFunctionArn),
    deployment,
    // Outside Lambda the ARN is missing or a placeholder.
    isDeployed: /^arn:/.test(context.invokedFunctionArn ?? ''),
    defaultOwner: ownerOf({ service, stage, owner: undefined }, context.invokedFunctionArn),
    now,
    endsAt: new Date(now.getTime() + remainingMs),
    requestId: context.awsRequestId,
    isResultWanted: isResultWanted(context),
    ...(policies ? { policies } : {}),
    // `serverless invoke local` has no ARN; only deployed functions call this.
    arnOf: (job) =>
      [...context.invokedFunctionArn.split(':').slice(0, 6), `${deployment}-${job}`, '$LATEST'].join(':'),
    findAccounts: (prefix) => accountsIn(secretOf(''), prefix),
    credentials: (account) => credentials(secretOf(account), { fresh: true }),
    login: (account) => connect((options) => credentials(secretOf(account), options), deadline),
  };
}
