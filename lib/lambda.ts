import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { secretsManager } from './credentials.ts';
import { runMetrics } from './metrics.ts';
import { connect, type Session } from './openstack/session.ts';
import { planText } from './plan-text.ts';
import { deployedPolicies } from './policies.ts';
import { failureOf, type Report } from './report.ts';
import type { Run } from './run.ts';

/** Left for the report when everything else has to stop, in milliseconds. */
const LAST_MS = 5_000;

const service = process.env.AUTOSNAP_SERVICE ?? 'autosnap';
const stage = process.env.AUTOSNAP_STAGE ?? 'dev';
const owner = `${service}-${stage}`;

const logger = new Logger({ serviceName: owner });
const metrics = runMetrics(owner);
const credentials = secretsManager();

/** What a job gets besides its event. */
export interface Job extends Run {
  /** Logs in to a cloud account, with a token of its own. */
  login(account: string): Promise<Session>;
}

/**
 * Makes a Lambda handler of a job: its report is measured, logged and returned. A report with failures makes the
 * invocation fail at its end, with an error that sums them up.
 */
export function lambda(work: (event: unknown, job: Job) => Promise<Report>) {
  return middy<unknown, Report, Error, Context>()
    .use(injectLambdaContext(logger, { resetKeys: true }))
    .use({ after: metrics.publish, onError: metrics.publish })
    .handler(async (event, context) => {
      const endsMs = performance.now() + context.getRemainingTimeInMillis() - LAST_MS;
      const deadline = { remainingMs: () => endsMs - performance.now() };
      const policies = deployedPolicies();
      const report = await work(event, {
        owner,
        now: new Date(),
        requestId: context.awsRequestId,
        ...(policies ? { policies } : {}),
        login: (account) =>
          connect((options) => credentials(`${service}/${stage}/${account}`, options), deadline),
      });
      const failure = failureOf(report);
      metrics.add(report, !failure);
      logger[failure ? 'error' : 'info']('report', { report });
      if (report.dryRun && report.job === 'cleanup') console.info(planText(report));
      if (failure) throw failure;
      return report;
    });
}
