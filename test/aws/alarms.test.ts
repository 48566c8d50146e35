import { GetMetricStatisticsCommand, PutMetricDataCommand, type Statistic } from '@aws-sdk/client-cloudwatch';
import { beforeAll, expect, test } from 'vitest';
import { aws } from './clients.ts';
import { stateOf } from './deployed.ts';
import { templateOf } from './template.ts';

interface Alarm {
  AlarmName: string;
  Namespace: string;
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
  Statistic: Statistic;
  Unit?: 'Count' | 'None';
  Period: number;
  EvaluationPeriods: number;
  Threshold: number;
  ComparisonOperator: 'GreaterThanOrEqualToThreshold' | 'LessThanThreshold';
  TreatMissingData: 'breaching' | 'notBreaching';
  AlarmActions: string[];
}

let alarms: Alarm[];

beforeAll(async () => {
  alarms = Object.values(await templateOf('prod'))
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
    .map(({ Properties }) => Properties as unknown as Alarm);
});

/** Whether the alarm is on, by CloudWatch's rules, after its metric has had these values; undefined is none. */
async function isOn(alarm: Alarm, value: number | undefined, hour: number): Promise<boolean> {
  const { Namespace, MetricName, Dimensions, Statistic, Unit, Period, Threshold } = alarm;
  // A time of its own for each look.
  const start = new Date(Math.floor(Date.now() / 3_600_000 - 24 - hour) * 3_600_000);
  if (value !== undefined) {
    const datum = { MetricName, Dimensions, Timestamp: start, Value: value, ...(Unit ? { Unit } : {}) };
    await aws.cloudWatch.send(new PutMetricDataCommand({ Namespace, MetricData: [datum] }));
  }
  const { Datapoints = [] } = await aws.cloudWatch.send(
    new GetMetricStatisticsCommand({
      Namespace,
      MetricName,
      Dimensions,
      StartTime: start,
      EndTime: new Date(start.getTime() + Period * 1000),
      Period,
      Statistics: [Statistic],
      ...(Unit ? { Unit } : {}),
    }),
  );
  const found = (Datapoints[0] as Record<string, number> | undefined)?.[Statistic];
  if (found === undefined) return alarm.TreatMissingData === 'breaching';
  return alarm.ComparisonOperator === 'LessThanThreshold' ? found < Threshold : found >= Threshold;
}

/** Of each metric that an alarm watches: a value on a good day, one on a bad day. Undefined: nothing was emitted. */
const DAYS: Record<string, { good: (number | undefined)[]; bad: (number | undefined)[] }> = {
  Errors: { good: [0, undefined], bad: [1, 3] },
  Throttles: { good: [0, undefined], bad: [1] },
  ApproximateNumberOfMessagesVisible: { good: [0, undefined], bad: [1, 7] },
  Troubles: { good: [0], bad: [1, 5, undefined] },
};

test('each alarm is off on a good day and on on a bad one', async () => {
  expect([...new Set(alarms.map(({ MetricName }) => MetricName))].toSorted()).toEqual(
    Object.keys(DAYS).toSorted(),
  );
  let hour = 0;
  for (const alarm of alarms) {
    const { good, bad } = DAYS[alarm.MetricName]!;
    for (const [values, on] of [
      [good, false],
      [bad, true],
    ] as const) {
      for (const value of values) {
        expect(await isOn(alarm, value, hour++), `${alarm.AlarmName} after ${value}`).toBe(on);
      }
    }
  }
});

test('each watches something that is deployed, and tells the topic', async () => {
  const { functions, queues, topics } = await stateOf('prod');
  const watched: Record<string, string[]> = {
    FunctionName: Object.keys(functions).map((name) => `autosnap-prod-${name}`),
    QueueName: Object.keys(queues).map((name) => `autosnap-prod-${name}`),
    service: ['autosnap-prod'],
    policy: ['daily', 'weekly'],
  };
  for (const { AlarmName, Dimensions, AlarmActions } of alarms) {
    for (const { Name, Value } of Dimensions) expect(watched[Name], AlarmName).toContain(Value);
    expect(AlarmActions).toEqual(['arn:aws:sns:us-east-1:123456789012:autosnap-prod-alerts']);
  }
  expect(Object.keys(topics)).toEqual(['alerts']);
  const names = alarms.map(({ AlarmName }) => AlarmName.replace('autosnap-prod-', ''));
  expect(names).toEqual(
    expect.arrayContaining([
      'snapshot-errors',
      'cleanup-errors',
      'audit-errors',
      'snapshot-throttles',
      'failed-runs',
      'daily-trouble',
      'weekly-trouble',
    ]),
  );
});
