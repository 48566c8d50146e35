import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import type { AccountsBeginning } from '../config/accounts.ts';
import { deployedPolicies } from '../config/deployed-policies.ts';
import { ownerOf, settings } from '../config/environment.ts';
import type { Policy } from '../config/policy.ts';
import type { Credentials } from '../openstack/identity.ts';
import { connect, type Session } from '../openstack/session.ts';
import { type Beat, tell } from '../reporting/heartbeat.ts';
import { runMetrics } from '../reporting/metrics.ts';
import type { Run } from './run.ts';
import { accountsIn, secretsManager } from './secrets.ts';

/** Left for the report when everything else has to stop, in milliseconds. */
const LAST_MS = 5_000;

const deployed = settings();
const { service, stage, heartbeat } = deployed;
const deployment = `${service}-${stage}`;

export const logger = new Logger({ serviceName: deployment });
export const metrics = runMetrics(deployment);
const credentials = secretsManager();

/** What a job gets besides its event. */
export interface Job extends Run {
  deployment: string;
  /** Whether Lambda has invoked it: `serverless invoke local` works by the event alone. */
  isDeployed: boolean;
  policies?: readonly Policy[];
  /** When the invocation has ended at the latest. */
  endsAt: Date;
  /** The ARN of one of the deployment's functions. */
  arnOf(job: string): string;
  /** The accounts of this stage whose names begin so. */
  accountsBeginning: AccountsBeginning;
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

/** Makes a Lambda handler of what is to be done for an event. */
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

/** Tells a dead man's switch, where there is one, how a run has ended. */
export async function sendBeat(beat: Beat | undefined, good: boolean): Promise<void> {
  const problem = heartbeat && beat ? await tell(heartbeat, beat, good) : undefined;
  if (problem) logger.warn('the heartbeat was not sent', { reason: problem });
}

/** A Lambda handler, with all that it knows besides its event. */
export function handlerOf<E, R>(work: (event: E, job: Job) => Promise<R>) {
  return middy<E, R, Error, Context>()
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .use({ after: metrics.publish, onError: metrics.publish })
    .handler((event, context) => work(event, jobOf(context)));
}

function jobOf(context: Context): Job {
  const remainingMs = context.getRemainingTimeInMillis();
  const endsMs = performance.now() + remainingMs - LAST_MS;
  const deadline = { remainingMs: () => endsMs - performance.now() };
  const secretOf = (account: string) => `${service}/${stage}/${account}`;
  const { policies, problems } = deployedPolicies();
  if (problems.length > 0)
    logger.error('deployed policies are refused, and nothing is done by them', { problems });
  const now = new Date();
  return {
    owner: ownerOf(deployed, context.invokedFunctionArn),
    deployment,
    // Elsewhere there is no ARN, or none that looks like one.
    isDeployed: /^arn:/.test(context.invokedFunctionArn ?? ''),
    defaultOwner: ownerOf({ service, stage, owner: undefined }, context.invokedFunctionArn),
    now,
    endsAt: new Date(now.getTime() + remainingMs),
    requestId: context.awsRequestId,
    ...(policies ? { policies } : {}),
    // `serverless invoke local` has none.
    arnOf: (job) =>
      [...context.invokedFunctionArn.split(':').slice(0, 6), `${deployment}-${job}`, '$LATEST'].join(':'),
    accountsBeginning: (beginning) => accountsIn(secretOf(''), beginning),
    credentials: (account) => credentials(secretOf(account), { fresh: true }),
    login: (account) => connect((options) => credentials(secretOf(account), options), deadline),
  };
}
