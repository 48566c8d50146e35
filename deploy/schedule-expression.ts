/**
 * The trigger of a schedule expression: the CloudFormation type and the schedule properties. The
 * caller adds the target, the state and the name.
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
 * Returns an EventBridge rule, or an EventBridge Scheduler schedule for a cron expression in
 * another zone than UTC, because rules support only UTC. A rate has no zone, so it is always a
 * rule.
 *
 * Sources: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html,
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-events-rule.html and
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-scheduler-schedule.html
 *
 * @param expression `cron(…)` or `rate(…)`; see lib/config/schedule.ts.
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
      // The slot is the exact minute; with a window each run would look late.
      FlexibleTimeWindow: { Mode: 'OFF' },
    },
  };
}
