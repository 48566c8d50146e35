import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { secretsManager } from './credentials.ts';
import { isoSeconds } from './dates.ts';
import { type Beat, beatOf, tell } from './heartbeat.ts';
import { runMetrics } from './metrics.ts';
import { isCloudError, restated } from './openstack/errors.ts';
import type { Traffic } from './openstack/http.ts';
import type { Credentials } from './openstack/identity.ts';
import { connect, type Session } from './openstack/session.ts';
import { planText } from './plan-text.ts';
import { deployedPolicies } from './policies.ts';
import type { Policy } from './policy.ts';
import { queueAt } from './queue.ts';
import { failureOf, type Report, withFailures } from './report.ts';
import type { Run } from './run.ts';
import { settings } from './settings.ts';
import { storeIn } from './store.ts';
import { prospectOf } from './work.ts';

/** Left for the report when everything else has to stop, in milliseconds. */
const LAST_MS = 5_000;

const { service, stage, bucket, heartbeat, queue: queueUrl } = settings();
const owner = `${service}-${stage}`;

export const logger = new Logger({ serviceName: owner });
const metrics = runMetrics(owner);
const store = bucket ? storeIn(bucket) : undefined;
/** None where nothing is deployed. */
export const queue = queueUrl ? queueAt(queueUrl) : undefined;
const credentials = secretsManager();

/** What a job gets besides its event. */
export interface Job extends Run {
  policies?: readonly Policy[];
  /** The ARN of one of the deployment's functions. */
  arnOf(job: string): string;
  /** Reads the secret of a cloud account, past any memory of it. */
  credentials(account: string): Promise<Credentials>;
  /** Logs in to a cloud account, with a token of its own. */
  login(account: string): Promise<Session>;
}

/** How an invocation ends, besides that its result is logged, and returned unless it has failed. */
export interface Ending {
  failure: Error | undefined;
  /** Its work goes on by itself, and whoever goes on with it sees to the failure too: it is logged, and not thrown. */
  goesOn?: boolean;
  /** The result for people to read. */
  text?: string | undefined;
}

/** What a job does for an event. */
export type Runner = (event: unknown, job: Job) => Promise<Report>;

/**
 * Makes a Lambda handler of a job: its report is measured, logged, kept and returned. What the run has left goes on by
 * itself, where there is a queue; see continuation.ts. Else a report with failures makes the invocation fail at its
 * end, with an error that sums them up.
 */
export function lambda(name: Report['job'], runner: Runner) {
  return invocation(
    (event, job) => runJob(name, runner, event, job, (report) => handOver(report, event, job)),
    endingOf,
  );
}

/** How a run ends. */
export function endingOf(report: Report): Ending {
  return {
    failure: failureOf(report),
    goesOn: report.goesOn !== undefined,
    text: report.dryRun && report.job === 'cleanup' ? planText(report) : undefined,
  };
}

/**
 * Runs a job once, and measures and keeps its report.
 *
 * @param settle what becomes of that which the run has left.
 */
export async function runJob(
  name: Report['job'],
  runner: Runner,
  event: unknown,
  job: Job,
  settle: (report: Report) => Promise<Report>,
): Promise<Report> {
  const sessions: Session[] = [];
  const login = async (account: string) => {
    const session = await job.login(account).catch((error: unknown) => {
      throw isCloudError(error) ? restated(error, `The account ${account}: ${error.message}`) : error;
    });
    sessions.push(session);
    return session;
  };
  const beat = beatOf(name, event);
  const report = await runner(event, { ...job, login })
    .then(settle)
    .catch(async (error) => {
      if (beat) metrics.addCrash(beat);
      await sendBeat(beat, false);
      throw error;
    });
  const failed = failureOf(report) !== undefined;
  const ended = report.goesOn === undefined;
  metrics.add(report, ended && !failed, sumOf(sessions));
  await Promise.all([keep(report, job), failed || ended ? sendBeat(beat, !failed) : undefined]);
  return report;
}

/** Puts into the queue that a run's work goes on; where there is none, Lambda has to try the run again. */
async function handOver(
  report: Report,
  event: unknown,
  { now, since = now, requestId }: Job,
): Promise<Report> {
  const { job, left } = report;
  if (!left || job === 'hold') return report;
  const work = { job, event: event as Record<string, unknown>, since, requestId };
  const forNextTry = left.outOfTime ? [`stopped in time: ${left.outOfTime} for the next try`] : [];
  if (!queue) return withFailures(report, forNextTry);
  const { at, over } = prospectOf(report, work, now);
  const settled = withFailures(report, over);
  if (!at) return settled;
  try {
    const tries = failureOf(settled) ? 1 : 0;
    await queue.send([{ ...work, tries }], at.getTime() - now.getTime());
    return { ...settled, goesOn: isoSeconds(at) };
  } catch (error) {
    logger.warn('what is left was not handed over', { reason: (error as Error).message });
    return withFailures(settled, forNextTry);
  }
}

function sumOf(sessions: Session[]): Traffic {
  const sum = (key: keyof Traffic) => sessions.reduce((total, { traffic }) => total + traffic[key], 0);
  return { calls: sum('calls'), rateLimited: sum('rateLimited') };
}

/** For the daily digest. A run that can't be remembered is no worse for it. */
async function keep(report: Report, { requestId, now }: Job): Promise<void> {
  if (!store || report.dryRun) return;
  try {
    await store.putRun(report, requestId, now);
  } catch (error) {
    logger.warn('the report was not kept for the digest', { reason: (error as Error).message });
  }
}

/** Tells a dead man's switch, where there is one, how a run has ended. */
export async function sendBeat(beat: Beat | undefined, good: boolean): Promise<void> {
  const problem = heartbeat && beat ? await tell(heartbeat, beat, good) : undefined;
  if (problem) logger.warn('the heartbeat was not sent', { reason: problem });
}

/** {@link lambda} for a job with a result of another form. */
export function invocation<R>(
  work: (event: unknown, job: Job) => Promise<R>,
  endingOf: (result: R) => Ending,
) {
  return handlerOf(async (event, job) => {
    const result = await work(event, job);
    const { failure, goesOn } = say(result, endingOf(result));
    if (failure && !goesOn) throw failure;
    return result;
  });
}

/** Logs a result. */
export function say(result: unknown, ending: Ending): Ending {
  logger[ending.failure ? 'error' : 'info']('report', { report: result });
  if (ending.text) console.info(ending.text);
  return ending;
}

/** A Lambda handler, with all that it knows besides its event. */
export function handlerOf<E, R>(work: (event: E, job: Job) => Promise<R>) {
  return middy<E, R, Error, Context>()
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .use({ after: metrics.publish, onError: metrics.publish })
    .handler((event, context) => work(event, jobOf(context)));
}

function jobOf(context: Context): Job {
  const endsMs = performance.now() + context.getRemainingTimeInMillis() - LAST_MS;
  const deadline = { remainingMs: () => endsMs - performance.now() };
  const secretOf = (account: string) => `${service}/${stage}/${account}`;
  const policies = deployedPolicies();
  const arn = context.invokedFunctionArn.split(':').slice(0, 6);
  return {
    owner,
    now: new Date(),
    requestId: context.awsRequestId,
    ...(policies ? { policies } : {}),
    arnOf: (job) => [...arn, `${owner}-${job}`, '$LATEST'].join(':'),
    credentials: (account) => credentials(secretOf(account), { fresh: true }),
    login: (account) => connect((options) => credentials(secretOf(account), options), deadline),
  };
}
