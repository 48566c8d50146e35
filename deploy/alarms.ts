import { LATE } from '../lib/audit/protection.ts';
import { METRICS_NAMESPACE } from '../lib/metrics.ts';
import { intervalMs, parseSchedule, type Schedule } from '../lib/schedule.ts';
import { clockChanges } from '../lib/wall-clock.ts';
import { jobsOf, type PolicyJob, type Service } from './policies.ts';
import { logicalIdOf, type Resources } from './resources.ts';

const HOUR_MS = 3_600_000;
/** CloudWatch looks back seven days at most. */
const LONGEST_WINDOW_HOURS = 168;
/** For a run that is late, long, or tried again. */
const SLACK_HOURS = 2;

type Alarm = Resources[string];

/**
 * The CloudWatch alarms of a deployment, as CloudFormation resources by their logical ids. For each function with a
 * schedule: a run failed, a run was throttled. For each policy, from the hourly audit: its snapshots are late, or
 * nobody can say whether they are; some have failed, are stuck or have failed a drill, or a selector matches no server.
 * For each policy and job: no good run for longer than its schedule allows. And for the queue of failed runs: it is not
 * empty. All of them tell the topic `Alerts`.
 *
 * A rule that fires less often than about weekly has no alarm for its missing runs: CloudWatch can't look back so far.
 * That its snapshots are late is seen all the same.
 */
export function alarmsOf(
  service: Pick<Service, 'service' | 'custom'>,
  stage: string,
  now = new Date(),
): Resources {
  const deployment = `${service.service}-${stage}`;
  const jobs = jobsOf(service);
  // Policies share few schedules, and each takes a walk through two years.
  const windows = new Map<string, number | undefined>();
  const windowOf = ({ schedule, timezone }: PolicyJob) => {
    const key = `${schedule} ${timezone}`;
    if (!windows.has(key)) windows.set(key, windowHours(schedule, timezone, now));
    return windows.get(key);
  };
  const look = `The report page says which, and why: npx serverless report --stage ${stage}`;
  const alarm = (name: string, description: string, properties: Record<string, unknown>): Alarm => ({
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      AlarmName: `${deployment}-${name}`,
      AlarmDescription: description,
      Statistic: 'Sum',
      Period: 300,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
      AlarmActions: [{ Ref: 'Alerts' }],
      OKActions: [{ Ref: 'Alerts' }],
      ...properties,
    },
  });
  const ofFunction = (job: string, metric: string, description: string): [string, Alarm] => [
    `${logicalIdOf(job)}${metric}Alarm`,
    alarm(`${job}-${metric.toLowerCase()}`, description, {
      Namespace: 'AWS/Lambda',
      MetricName: metric,
      Dimensions: [{ Name: 'FunctionName', Value: { Ref: `${logicalIdOf(job)}LambdaFunction` } }],
    }),
  ];
  const missing = (job: string, policy: string, hours: number): [string, Alarm] => [
    `${logicalIdOf(policy)}${logicalIdOf(job)}MissingAlarm`,
    alarm(
      `${policy}-${job}-missing`,
      `No good ${job} run of the policy ${policy} for ${hours} hours. What they say: npx serverless logs -f ${job} --stage ${stage}. Is its rule enabled?`,
      {
        Namespace: METRICS_NAMESPACE,
        MetricName: 'Succeeded',
        Dimensions: [
          { Name: 'service', Value: deployment },
          { Name: 'policy', Value: policy },
          { Name: 'job', Value: job },
        ],
        Unit: 'Count',
        Period: 3600,
        EvaluationPeriods: hours,
        ComparisonOperator: 'LessThanThreshold',
        TreatMissingData: 'breaching',
      },
    ),
  ];
  const ofAudit = (
    policy: string,
    metric: string,
    description: string,
    properties: Record<string, unknown>,
  ): [string, Alarm] => [
    `${logicalIdOf(policy)}${metric}Alarm`,
    alarm(`${policy}-${metric.toLowerCase()}`, `Policy ${policy}: ${description}`, {
      Namespace: METRICS_NAMESPACE,
      MetricName: metric,
      Dimensions: [
        { Name: 'service', Value: deployment },
        { Name: 'policy', Value: policy },
      ],
      Statistic: 'Maximum',
      Unit: 'Count',
      Period: 3600,
      ...properties,
    }),
  ];
  return Object.fromEntries([
    ...[...new Set([...jobs.map(({ job }) => job), 'continue', 'audit'])].flatMap((job) => [
      ofFunction(
        job,
        'Errors',
        `A run of ${job} has failed. It is tried again; what it says: npx serverless logs -f ${job} --stage ${stage}`,
      ),
      ofFunction(
        job,
        'Throttles',
        `Lambda has refused to run ${job}: too much runs in this AWS account. Lambda tries again for hours.`,
      ),
    ]),
    ...[...new Set(jobs.map(({ policy }) => policy))].flatMap((policy) => [
      ofAudit(policy, 'Overdue', `snapshots are late, or it can't be read whether they are. ${look}`, {
        Unit: 'None',
        Threshold: LATE,
        EvaluationPeriods: 2,
        TreatMissingData: 'breaching',
      }),
      ofAudit(policy, 'Failed', `snapshots have failed in the cloud. ${look}`, {}),
      ofAudit(policy, 'Stuck', `snapshots will never finish: delete them. ${look}`, {}),
      ofAudit(
        policy,
        'NothingSelected',
        `a selector matches no server, so it protects less than it says. ${look}`,
        {},
      ),
    ]),
    ...jobs
      .filter(({ job }) => job === 'drill')
      .map(({ policy }) =>
        ofAudit(
          policy,
          'DrillsFailed',
          `the last drill of a server has failed: its snapshots can perhaps not be restored. ${look}`,
          {},
        ),
      ),
    ...jobs.flatMap((one) => {
      const hours = windowOf(one);
      return hours === undefined ? [] : [missing(one.job, one.policy, hours)];
    }),
    [
      'FailedRunsAlarm',
      alarm(
        'failed-runs',
        `Runs have failed all their tries. Once the cause is mended, run them again: npx serverless rerun --stage ${stage}`,
        {
          Namespace: 'AWS/SQS',
          MetricName: 'ApproximateNumberOfMessagesVisible',
          Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': ['FailedRuns', 'QueueName'] } }],
          Statistic: 'Maximum',
        },
      ),
    ],
  ]);
}

/**
 * For how many hours the runs of a schedule may be silent: its longest pause, and some. Undefined when that is more than
 * an alarm can look back, or when the schedule does not fire any more.
 *
 * @param timezone of a cron: where its clocks change, a pause is an hour longer, or twice as long when a run is skipped.
 */
export function windowHours(expression: string, timezone: string, now: Date): number | undefined {
  const schedule = parseSchedule(expression, timezone);
  const years = { days: 2 * 366, stepHours: LONGEST_WINDOW_HOURS - SLACK_HOURS };
  const changes = clockChanges(timezone, now, new Date(now.getTime() + years.days * 24 * HOUR_MS));
  const longestHours = Math.max(
    longestPauseHours(schedule, now, { days: 62, stepHours: 1 }),
    // Seasons: a pause of weeks can't be missed in longer steps.
    longestPauseHours(schedule, now, years),
    // One of a day can.
    ...changes.map((change) => (intervalMs(schedule, change) ?? 0) / HOUR_MS),
  );
  const hours = Math.ceil(longestHours) + SLACK_HOURS;
  return longestHours === 0 || hours > LONGEST_WINDOW_HOURS ? undefined : hours;
}

function longestPauseHours(
  schedule: Schedule,
  now: Date,
  { days, stepHours }: { days: number; stepHours: number },
): number {
  const endMs = now.getTime() + days * 24 * HOUR_MS;
  let longestMs = 0;
  for (let at = now; at.getTime() < endMs; ) {
    const next = schedule.next(at);
    if (!next) break;
    longestMs = Math.max(longestMs, intervalMs(schedule, at) ?? 0);
    at = new Date(Math.max(next.getTime(), at.getTime() + stepHours * HOUR_MS));
  }
  return longestMs / HOUR_MS;
}
