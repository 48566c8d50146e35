/**
 * What starts a job by a schedule expression, as far as the expression decides: the CloudFormation type and the
 * properties that say when. The target, the state and the name are for the caller to add.
 */
export type Trigger =
  | { Type: 'AWS::Events::Rule'; Properties: { ScheduleExpression: string } }
  | {
      Type: 'AWS::Scheduler::Schedule';
      Properties: {
        ScheduleExpression: string;
        ScheduleExpressionTimezone: string;
        FlexibleTimeWindow: { Mode: 'OFF' };
      };
    };

/**
 * An EventBridge rule, or where that can't do it an EventBridge Scheduler schedule: rules know UTC only. A rate has no
 * zone, so it is a rule whatever the zone.
 *
 * Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html,
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-events-rule.html and
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-scheduler-schedule.html
 *
 * @param expression `cron(…)` or `rate(…)`, as lib/config/schedule.ts reads it.
 * @param timezone a name of the IANA time zone database.
 */
export function triggerOf(expression: string, timezone: string): Trigger {
  if (timezone === 'UTC' || /^rate\(/.test(expression)) {
    return { Type: 'AWS::Events::Rule', Properties: { ScheduleExpression: expression } };
  }
  return {
    Type: 'AWS::Scheduler::Schedule',
    Properties: {
      ScheduleExpression: expression,
      ScheduleExpressionTimezone: timezone,
      // The slot is the exact minute; a window would make each run look late.
      FlexibleTimeWindow: { Mode: 'OFF' },
    },
  };
}
