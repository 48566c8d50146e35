import { METRICS_NAMESPACE } from '../lib/reporting/metrics.ts';
import { jobsOf, policiesOf, type Service } from './policies.ts';
import { logicalIdOf, namePrefix, type Resources } from './resources.ts';

/**
 * The CloudWatch alarms of a deployment, as CloudFormation resources by their logical ids. For each function that runs by
 * itself: a run failed. For all of them: a run was throttled. For each policy, from the hourly audit: it is in trouble, or
 * nobody can say whether it is. And for the queue of failed runs: it is not empty. All of them tell the topic `Alerts`.
 *
 * One alarm a policy, because a stack has no more than 500 resources; which trouble it is, the report page says.
 *
 * Source: AWS CloudFormation template reference, "AWS::CloudWatch::Alarm".
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
        `A run of ${job} has failed. It is tried again; what it says: npx serverless logs -f ${job} --stage ${stage}`,
        { ...metricOf(job, 'Errors'), Statistic: 'Sum', Period: 300 },
      ),
    ]),
    [
      'ThrottlesAlarm',
      alarm(
        'throttles',
        'Lambda has refused to run a function: too much runs in this AWS account. Lambda tries again for hours.',
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
        `Policy ${policy}: snapshots are late, failed or stuck, a drill has failed, a selector matches no server, runs are missing, or none of it can be told. Which and why: npx serverless report --stage ${stage}`,
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
        `Runs have failed all their tries. Once the cause is mended, run them again: npx serverless rerun --stage ${stage}`,
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
