import { METRICS_NAMESPACE } from '../lib/reporting/metrics.ts';
import { policiesOf, type Service } from './policies.ts';
import { logicalIdOf, namePrefix, type Resources } from './resources.ts';

/**
 * The CloudWatch alarms of a deployment, as CloudFormation resources by their logical ids. The
 * audit itself sends mails about incidents, so only the alarm on missing audits notifies the topic
 * `Alerts`. The alarm of a policy has no action: the console shows its state, and an operator can
 * add actions, such as a pager's. Each policy has only one alarm, because a stack is limited to 500
 * resources; the report page names the trouble.
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
      Namespace: METRICS_NAMESPACE,
      Period: 3600,
      Threshold: 1,
      TreatMissingData: 'missing',
      ...properties,
    },
  });
  const ofDeployment = { Name: 'service', Value: deployment };
  return Object.fromEntries([
    ...policiesOf(service).map(({ policy }) => [
      `${logicalIdOf(policy)}TroubleAlarm`,
      alarm(
        `${policy}-trouble`,
        `Policy ${policy}: snapshots are late, failed or stuck, a drill has failed, a selector matches no server, or runs are missing. Details: npx autosnap report --stage ${stage}`,
        {
          MetricName: 'Troubles',
          Dimensions: [ofDeployment, { Name: 'policy', Value: policy }],
          Statistic: 'Maximum',
          Unit: 'Count',
          EvaluationPeriods: 1,
          ComparisonOperator: 'GreaterThanOrEqualToThreshold',
        },
      ),
    ]),
    [
      'AuditMissingAlarm',
      // Missing audits put the alarm into the state INSUFFICIENT_DATA. A new alarm starts in this
      // state and does not notify anybody, because AWS runs actions only when the state changes.
      alarm(
        'audit-missing',
        `No audit succeeded for hours, so nobody is notified of late snapshots and failed runs. Logs: npx serverless logs -f audit --stage ${stage} --startTime 1d`,
        {
          MetricName: 'Audits',
          Dimensions: [ofDeployment],
          Statistic: 'Sum',
          Unit: 'Count',
          EvaluationPeriods: 3,
          ComparisonOperator: 'LessThanThreshold',
          InsufficientDataActions: [{ Ref: 'Alerts' }],
        },
      ),
    ],
  ]);
}
