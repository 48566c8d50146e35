import { expect, test } from 'vitest';
import { triggerOf } from '../../deploy/schedule-expression.ts';

test.each([
  ['cron(0 2 * * ? *)', 'UTC'],
  ['rate(6 hours)', 'UTC'],
  ['rate(6 hours)', 'America/Chicago'],
  ['rate(1 day)', 'Asia/Kathmandu'],
])('an EventBridge rule: %s in %s', (expression, timezone) => {
  expect(triggerOf(expression, timezone)).toEqual({
    Type: 'AWS::Events::Rule',
    Properties: { ScheduleExpression: expression },
  });
});

test.each([
  ['cron(0 2 * * ? *)', 'America/Chicago'],
  ['cron(0/15 * * * ? *)', 'Asia/Kathmandu'],
  ['cron(0 6 ? * SUN *)', 'Etc/GMT+5'],
])('an EventBridge Scheduler schedule: %s in %s', (expression, timezone) => {
  expect(triggerOf(expression, timezone)).toEqual({
    Type: 'AWS::Scheduler::Schedule',
    Properties: {
      ScheduleExpression: expression,
      ScheduleExpressionTimezone: timezone,
      FlexibleTimeWindow: { Mode: 'OFF' },
    },
  });
});
