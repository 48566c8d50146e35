import { METRICS_NAMESPACE } from '../lib/reporting/metrics.ts';
import { jobsOf, policiesOf, type Service } from './policies.ts';
import { logicalIdOf, namePrefix, type Resources } from './resources.ts';

/**
 * The CloudWatch alarms of a deployment, as CloudFormation resources by their logical ids. For each
 * scheduled function: a run failed. For all scheduled functions together: a run was throttled. For
 * each policy, from the hourly audit: the policy is in trouble, or its state is unknown. For the
 * queue of failed runs: the queue is not empty. All alarms notify the topic `Alerts`.
 *
 * Each policy has only one alarm, because a stack is limited to 500 resources; the report page
 * names the trouble.
 *
 * Source:
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudwatch-alarm.html
 */
export function alarmsOf(service: Pick<Service, 'service' | 'custom'>, stage: string): Resources {
  const deployment = `${service.service}-${stage}`;
  const alarm = (
    name: string,
    description: string,
    properties: Record<string, unknown>,
  ): Resources[string] => ({
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      AlarmName: `${namePrefix(service, stage)}${name}`,
      AlarmDescription: description,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      TreatMissingData: 'notBreaching',
      AlarmActions: [{ Ref: 'Alerts' }],
      OKActions: [{ Ref: 'Alerts' }],
      ...properties,
    },
  });
  const metricOf = (job: string, MetricName: string) => ({
    Namespace: 'AWS/Lambda',
    MetricName,
    Dimensions: [{ Name: 'FunctionName', Value: { Ref: `${logicalIdOf(job)}LambdaFunction` } }],
  });
  const functions = [...new Set([...jobsOf(service).map(({ job }) => job), 'continue', 'audit'])];
  return Object.fromEntries([
    ...functions.map((job) => [
      `${logicalIdOf(job)}ErrorsAlarm`,
      alarm(
        `${job}-errors`,
        `A run of ${job} failed and is retried. Logs: npx serverless logs -f ${job} --stage ${stage}`,
        { ...metricOf(job, 'Errors'), Statistic: 'Sum', Period: 300 },
      ),
    ]),
    [
      'ThrottlesAlarm',
      alarm(
        'throttles',
        'Lambda throttled a function, because too many functions run in this AWS account. Lambda retries for hours.',
        {
          Metrics: [
            { Id: 'all', Expression: 'SUM(METRICS())' },
            ...functions.map((job) => ({
              Id: job,
              MetricStat: { Metric: metricOf(job, 'Throttles'), Period: 300, Stat: 'Sum' },
              ReturnData: false,
            })),
          ],
        },
      ),
    ],
    ...policiesOf(service).map(({ policy }) => [
      `${logicalIdOf(policy)}TroubleAlarm`,
      alarm(
        `${policy}-trouble`,
        `Policy ${policy}: snapshots are late, failed or stuck, a drill has failed, a selector matches no server, runs are missing, or the state is unknown. Details: npx serverless report --stage ${stage}`,
        {
          Namespace: METRICS_NAMESPACE,
          MetricName: 'Troubles',
          Dimensions: [
            { Name: 'service', Value: deployment },
            { Name: 'policy', Value: policy },
          ],
          Statistic: 'Maximum',
          Unit: 'Count',
          Period: 3600,
          EvaluationPeriods: 2,
          TreatMissingData: 'breaching',
        },
      ),
    ]),
    [
      'FailedRunsAlarm',
      alarm(
        'failed-runs',
        `Runs failed in all their tries. After fixing the cause, rerun them: npx serverless rerun --stage ${stage}`,
        {
          Namespace: 'AWS/SQS',
          MetricName: 'ApproximateNumberOfMessagesVisible',
          Dimensions: [{ Name: 'QueueName', Value: { 'Fn::GetAtt': ['FailedRuns', 'QueueName'] } }],
          Statistic: 'Maximum',
          Period: 300,
        },
      ),
    ],
  ]);
}
