import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { alarmsOf, windowHours } from '../../deploy/alarms.ts';
import { answers } from '../../local/faults.ts';
import { harness, policy } from '../harness.ts';

const NOW = new Date('2026-11-24T10:17:00Z');

function alarmsFor(...policies: Record<string, unknown>[]) {
  const custom = { policies: Object.fromEntries(policies.map((one) => [one.policy, one])) };
  return Object.values(alarmsOf({ service: 'autosnap', custom }, 'test', NOW)).map((a) => a.Properties);
}

describe('how long the runs of a rule may be missing', () => {
  test.each([
    ['cron(0 0 * * ? *)', 26],
    ['cron(30 6,18 * * ? *)', 14],
    ['cron(0 3 ? * MON-FRI *)', 74],
    ['cron(*/5 8-17 ? * MON-FRI *)', 65],
    ['cron(0 0 */3 * ? *)', 74],
    ['rate(5 minutes)', 3],
    ['rate(1 hour)', 3],
    ['rate(6 hours)', 8],
    ['rate(6 days)', 146],
  ])('%s: %i hours', (expression, hours) => {
    expect(windowHours(expression, 'UTC', NOW)).toBe(hours);
  });

  test.each([
    ['cron(0 0 * * ? *)', 'Asia/Kathmandu', 26],
    ['cron(0 0 * * ? *)', 'America/Chicago', 27],
    ['cron(30 2 * * ? *)', 'America/Chicago', 49],
    ['cron(0 * * * ? *)', 'America/Chicago', 4],
    ['rate(6 hours)', 'America/Chicago', 8],
  ])('%s in %s: %i hours, also where the clocks change', (expression, timezone, hours) => {
    expect(windowHours(expression, timezone, NOW)).toBe(hours);
  });

  test('each policy has the hours of its own time zone', () => {
    const schedule = 'cron(30 2 * * ? *)';
    const periods = alarmsFor(
      policy({ schedule }),
      policy({ policy: 'chicago', schedule, timezone: 'America/Chicago' }),
    )
      .filter(({ AlarmName }) => /snapshot-missing$/.test(AlarmName as string))
      .map(({ EvaluationPeriods }) => EvaluationPeriods);
    expect(periods).toEqual([26, 49]);
  });

  test.each([
    ['weekly', 'cron(0 6 ? * SUN *)'],
    ['every seven days', 'rate(7 days)'],
    ['monthly', 'cron(0 6 1 * ? *)'],
    ['daily, but not in December', 'cron(0 0 ? JAN-NOV * *)'],
    ['over', 'cron(0 0 * * ? 2020)'],
  ])('longer than CloudWatch looks back, so no alarm: %s', (_, expression) => {
    expect(windowHours(expression, 'UTC', NOW)).toBeUndefined();
  });

  test('CloudWatch takes no alarm that looks back more than seven days', () => {
    const hours = fc.integer({ min: 1, max: 400 });
    fc.assert(
      fc.property(hours, (n) => {
        const window = windowHours(`rate(${n} hour${n === 1 ? '' : 's'})`, 'UTC', NOW);
        return n <= 166 ? window === n + 2 && window <= 168 : window === undefined;
      }),
    );
  });
});

test('the alarm for missing runs watches exactly what a run emits: namespace, name, dimensions, unit', async () => {
  const { cloud, run, logs } = await harness();
  cloud.region('DFW').addServer({ name: 'web-1' });
  await run('snapshot', policy());
  await run('cleanup', policy());
  const emitted = logs()
    .split('\n')
    .filter((line) => line.includes('"Succeeded":'))
    .map((line) => JSON.parse(line));
  const missing = alarmsFor(policy()).filter(({ MetricName }) => MetricName === 'Succeeded');
  expect(missing).toHaveLength(2);
  expect(emitted).toHaveLength(2);
  for (const [i, line] of emitted.entries()) {
    const [{ Namespace, Dimensions, Metrics }] = line._aws.CloudWatchMetrics;
    const alarm = missing[i]!;
    expect(Namespace).toBe(alarm.Namespace);
    const watched = alarm.Dimensions as { Name: string; Value: string }[];
    expect(Dimensions.map((set: string[]) => set.toSorted())).toEqual([
      watched.map(({ Name }) => Name).toSorted(),
    ]);
    for (const { Name, Value } of watched) expect(line[Name]).toBe(Value);
    expect(Metrics).toContainEqual({ Name: alarm.MetricName, Unit: alarm.Unit });
    expect(line[alarm.MetricName as string]).toBe(1);
  }
});

test('a run with failures or without a beginning has not succeeded; a dry run and one by hand are not counted', async () => {
  const { cloud, run, fail, logs } = await harness();
  cloud.region('DFW').addServer({ name: 'web-1' });
  await run('snapshot', policy({ dryRun: true }));
  await run('hold', { hold: (await run('snapshot', policy())).entries[0]!.image! }).catch(() => {});
  await fail('snapshot', policy({ policy: 'other', servers: { ids: ['nowhere'] } }));
  cloud.faults.push({ service: 'identity', answer: answers.forbidden, times: 9 });
  await fail('cleanup', policy());
  const succeeded = logs()
    .split('\n')
    .filter((line) => line.includes('"Succeeded":'))
    .map((line) => JSON.parse(line))
    .map(({ job, policy: name, Succeeded }) => ({ job, name, Succeeded }));
  expect(succeeded).toEqual([
    { job: 'snapshot', name: 'daily', Succeeded: 1 },
    { job: 'snapshot', name: 'other', Succeeded: 0 },
    { job: 'cleanup', name: 'daily', Succeeded: 0 },
  ]);
});

test('each alarm has a name of its own, whatever the policies are called, and tells the topic', {
  timeout: 60_000,
}, () => {
  const name = fc.stringMatching(/^[a-z0-9-]{1,40}$/);
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 2, maxLength: 6 }), (names) => {
      const custom = { policies: Object.fromEntries(names.map((n) => [n, policy({ policy: n })])) };
      const alarms = alarmsOf({ service: 'autosnap', custom }, 'test', NOW);
      const ids = Object.keys(alarms);
      expect(ids).toHaveLength(6 * names.length + 9);
      expect(ids.every((id) => /^[A-Za-z0-9]{1,255}$/.test(id))).toBe(true);
      const titles = Object.values(alarms).map(({ Properties }) => Properties.AlarmName);
      expect(new Set(titles).size).toBe(ids.length);
      for (const { Properties } of Object.values(alarms)) {
        expect(Properties.AlarmActions).toEqual([{ Ref: 'Alerts' }]);
      }
    }),
    { numRuns: 20 },
  );
});

test('only policies that ask for drills have an alarm for those that failed', () => {
  const names = alarmsFor(policy(), policy({ policy: 'proven', drill: { schedule: 'rate(1 day)' } })).map(
    ({ AlarmName }) => AlarmName as string,
  );
  expect(names.filter((name) => name.includes('drill'))).toEqual([
    'autosnap-test-drill-errors',
    'autosnap-test-drill-throttles',
    'autosnap-test-proven-drillsfailed',
    'autosnap-test-proven-drill-missing',
  ]);
});
