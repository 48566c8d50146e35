import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { secretsManager } from './credentials.ts';
import { type Beat, beatOf, tell } from './heartbeat.ts';
import { runMetrics } from './metrics.ts';
import { isCloudError, restated } from './openstack/errors.ts';
import type { Traffic } from './openstack/http.ts';
import type { Credentials } from './openstack/identity.ts';
import { connect, type Session } from './openstack/session.ts';
import { planText } from './plan-text.ts';
import { deployedPolicies } from './policies.ts';
import type { Policy } from './policy.ts';
import { failureOf, type Report } from './report.ts';
import type { Run } from './run.ts';
import { settings } from './settings.ts';
import { storeIn } from './store.ts';

/** Left for the report when everything else has to stop, in milliseconds. */
const LAST_MS = 5_000;

const { service, stage, bucket, heartbeat } = settings();
const owner = `${service}-${stage}`;

const logger = new Logger({ serviceName: owner });
const metrics = runMetrics(owner);
const store = bucket ? storeIn(bucket) : undefined;
const credentials = secretsManager();

/** What a job gets besides its event. */
export interface Job extends Run {
  policies?: readonly Policy[];
  /** Reads the secret of a cloud account, past any memory of it. */
  credentials(account: string): Promise<Credentials>;
  /** Logs in to a cloud account, with a token of its own. */
  login(account: string): Promise<Session>;
}

/** How an invocation ends, besides that its result is logged, and returned unless it has failed. */
export interface Ending {
  failure: Error | undefined;
  /** The result for people to read. */
  text?: string | undefined;
}

/**
 * Makes a Lambda handler of a job: its report is measured, logged, kept and returned. A report with failures makes the
 * invocation fail at its end, with an error that sums them up.
 */
export function lambda(name: Report['job'], work: (event: unknown, job: Job) => Promise<Report>) {
  return invocation(
    async (event, job) => {
      const sessions: Session[] = [];
      const login = async (account: string) => {
        const session = await job.login(account).catch((error: unknown) => {
          throw isCloudError(error) ? restated(error, `The account ${account}: ${error.message}`) : error;
        });
        sessions.push(session);
        return session;
      };
      const beat = beatOf(name, event);
      const report = await work(event, { ...job, login }).catch(async (error) => {
        if (beat) metrics.addCrash(beat);
        await sendBeat(beat, false);
        throw error;
      });
      const good = failureOf(report) === undefined;
      metrics.add(report, good, sumOf(sessions));
      await Promise.all([keep(report, job), sendBeat(beat, good)]);
      return report;
    },
    (report) => ({
      failure: failureOf(report),
      text: report.dryRun && report.job === 'cleanup' ? planText(report) : undefined,
    }),
  );
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
  return middy<unknown, R, Error, Context>()
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .use({ after: metrics.publish, onError: metrics.publish })
    .handler(async (event, context) => {
      const endsMs = performance.now() + context.getRemainingTimeInMillis() - LAST_MS;
      const deadline = { remainingMs: () => endsMs - performance.now() };
      const secretOf = (account: string) => `${service}/${stage}/${account}`;
      const policies = deployedPolicies();
      const result = await work(event, {
        owner,
        now: new Date(),
        requestId: context.awsRequestId,
        ...(policies ? { policies } : {}),
        credentials: (account) => credentials(secretOf(account), { fresh: true }),
        login: (account) => connect((options) => credentials(secretOf(account), options), deadline),
      });
      const { failure, text } = endingOf(result);
      logger[failure ? 'error' : 'info']('report', { report: result });
      if (text) console.info(text);
      if (failure) throw failure;
      return result;
    });
}
