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
  Unit: 'Count';
  Period: number;
  Threshold: number;
  ComparisonOperator: 'GreaterThanOrEqualToThreshold' | 'LessThanThreshold';
  TreatMissingData: 'missing';
  AlarmActions?: string[];
  InsufficientDataActions?: string[];
}

let alarms: Alarm[];

beforeAll(async () => {
  alarms = Object.values(await templateOf('prod'))
    .filter(({ Type }) => Type === 'AWS::CloudWatch::Alarm')
    .map(({ Properties }) => Properties as unknown as Alarm);
});

/** The alarm's state, by CloudWatch's rules, after an hour with this value; undefined is none. */
async function stateAfter(alarm: Alarm, value: number | undefined, hour: number): Promise<string> {
  const { Namespace, MetricName, Dimensions, Unit, Period, Threshold } = alarm;
  // A time of its own for each look.
  const start = new Date(Math.floor(Date.now() / 3_600_000 - 24 - hour) * 3_600_000);
  if (value !== undefined) {
    const datum = { MetricName, Dimensions, Timestamp: start, Value: value, Unit };
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
      Statistics: [alarm.Statistic],
      Unit,
    }),
  );
  const found = (Datapoints[0] as Record<string, number> | undefined)?.[alarm.Statistic];
  if (found === undefined) return 'INSUFFICIENT_DATA';
  const isOn = alarm.ComparisonOperator === 'LessThanThreshold' ? found < Threshold : found >= Threshold;
  return isOn ? 'ALARM' : 'OK';
}

test('the alarms of a policy are on when it is in trouble, and the alarm on missing audits has no data without audits', async () => {
  let hour = 0;
  for (const alarm of alarms) {
    const isOfPolicy = alarm.MetricName === 'Troubles';
    const states = isOfPolicy ? { 0: 'OK', 1: 'ALARM', 5: 'ALARM' } : { 1: 'OK' };
    for (const [value, state] of Object.entries(states)) {
      expect(await stateAfter(alarm, Number(value), hour++), `${alarm.AlarmName} ${value}`).toBe(state);
    }
    expect(await stateAfter(alarm, undefined, hour++), alarm.AlarmName).toBe('INSUFFICIENT_DATA');
  }
});

test('each alarm watches what is deployed, and only the one on missing audits notifies the topic', async () => {
  const { topics } = await stateOf('prod');
  expect(Object.keys(topics)).toEqual(['alerts']);
  const summary = alarms.map(({ AlarmName, Dimensions, AlarmActions, InsufficientDataActions }) => [
    AlarmName,
    Dimensions.map(({ Value }) => Value),
    AlarmActions,
    InsufficientDataActions,
  ]);
  const topic = 'arn:aws:sns:us-east-1:123456789012:autosnap-prod-alerts';
  expect(summary.toSorted()).toEqual([
    ['autosnap-prod_audit-missing', ['autosnap-prod'], undefined, [topic]],
    ['autosnap-prod_daily-trouble', ['autosnap-prod', 'daily'], undefined, undefined],
    ['autosnap-prod_weekly-trouble', ['autosnap-prod', 'weekly'], undefined, undefined],
  ]);
});
