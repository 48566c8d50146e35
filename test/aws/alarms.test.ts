import { GetMetricStatisticsCommand, PutMetricDataCommand, type Statistic } from '@aws-sdk/client-cloudwatch';
import { beforeAll, expect, test } from 'vitest';
import { aws } from './clients.ts';
import { stateOf } from './deployed.ts';
import { templateOf } from './template.ts';

interface Metric {
  Namespace: string;
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
}

interface Watched extends Metric {
  Statistic: Statistic;
  Unit?: 'Count' | 'None';
  Period: number;
}

interface Alarm extends Partial<Watched> {
  AlarmName: string;
  /** Instead of one: the sum of several. */
  Metrics?: { Expression?: string; MetricStat?: { Metric: Metric; Period: number; Stat: Statistic } }[];
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

function watchedBy(alarm: Alarm): Watched[] {
  if (!alarm.Metrics) return [alarm as Watched];
  const [sum, ...metrics] = alarm.Metrics;
  expect(sum).toEqual({ Id: 'all', Expression: 'SUM(METRICS())' });
  return metrics.map(({ MetricStat }) => {
    const { Metric, Period, Stat } = MetricStat!;
    return { ...Metric, Period, Statistic: Stat };
  });
}

/**
 * Whether the alarm is on, by CloudWatch's rules, after one of its metrics has had this value;
 * undefined is none.
 */
async function isOn(
  alarm: Alarm,
  metric: Watched,
  value: number | undefined,
  hour: number,
): Promise<boolean> {
  // A time of its own for each look.
  const start = new Date(Math.floor(Date.now() / 3_600_000 - 24 - hour) * 3_600_000);
  if (value !== undefined) {
    const { Namespace, MetricName, Dimensions, Unit } = metric;
    const datum = { MetricName, Dimensions, Timestamp: start, Value: value, ...(Unit ? { Unit } : {}) };
    await aws.cloudWatch.send(new PutMetricDataCommand({ Namespace, MetricData: [datum] }));
  }
  const values = await Promise.all(watchedBy(alarm).map((one) => statisticOf(one, start)));
  const found = values.filter((one) => one !== undefined);
  if (found.length === 0) return alarm.TreatMissingData === 'breaching';
  const sum = found.reduce((a, b) => a + b);
  return alarm.ComparisonOperator === 'LessThanThreshold' ? sum < alarm.Threshold : sum >= alarm.Threshold;
}

async function statisticOf({ Statistic, ...metric }: Watched, start: Date): Promise<number | undefined> {
  const { Namespace, MetricName, Dimensions, Unit, Period } = metric;
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
  return (Datapoints[0] as Record<string, number> | undefined)?.[Statistic];
}

/**
 * Of each metric that an alarm watches: a value on a good day, one on a bad day. Undefined: nothing
 * was emitted.
 */
const DAYS: Record<string, { good: (number | undefined)[]; bad: (number | undefined)[] }> = {
  Errors: { good: [0, undefined], bad: [1, 3] },
  Throttles: { good: [0, undefined], bad: [1] },
  ApproximateNumberOfMessagesVisible: { good: [0, undefined], bad: [1, 7] },
  Troubles: { good: [0], bad: [1, 5, undefined] },
};

test('each alarm is off on a good day and on on a bad one', async () => {
  const watched = alarms.flatMap((alarm) => watchedBy(alarm).map((metric) => ({ alarm, metric })));
  expect([...new Set(watched.map(({ metric }) => metric.MetricName))].toSorted()).toEqual(
    Object.keys(DAYS).toSorted(),
  );
  let hour = 0;
  for (const { alarm, metric } of watched) {
    const { good, bad } = DAYS[metric.MetricName]!;
    for (const [values, on] of [
      [good, false],
      [bad, true],
    ] as const) {
      for (const value of values) {
        const isAlarm = await isOn(alarm, metric, value, hour++);
        expect(isAlarm, `${alarm.AlarmName} after ${value} of ${JSON.stringify(metric.Dimensions)}`).toBe(on);
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
  for (const alarm of alarms) {
    const { AlarmName, AlarmActions } = alarm;
    for (const { Name, Value } of watchedBy(alarm).flatMap(({ Dimensions }) => Dimensions)) {
      expect(watched[Name], AlarmName).toContain(Value);
    }
    expect(AlarmActions).toEqual(['arn:aws:sns:us-east-1:123456789012:autosnap-prod-alerts']);
  }
  expect(Object.keys(topics)).toEqual(['alerts']);
  const names = alarms.map(({ AlarmName }) => AlarmName.replace('autosnap-prod_', ''));
  expect(names).toEqual(
    expect.arrayContaining([
      'snapshot-errors',
      'cleanup-errors',
      'audit-errors',
      'throttles',
      'failed-runs',
      'daily-trouble',
      'weekly-trouble',
    ]),
  );
});
