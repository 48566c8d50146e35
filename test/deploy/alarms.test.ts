import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { alarmsOf } from '../../deploy/alarms.ts';
import { answers } from '../../local/cloud/faults.ts';
import { deploy, harness, policy, setTime } from '../harness.ts';
import { reportBucket } from '../report-bucket.ts';

const alarmsFor = (policies: object) =>
  Object.values(alarmsOf({ service: 'autosnap', custom: { policies } }, 'test')).map((a) => a.Properties);

test('the alarm of a policy watches exactly the metrics of an audit: namespace, name, dimensions, unit', async () => {
  const { cloud, run, logs } = await harness();
  deploy([policy()]);
  cloud.region('DFW').addServer({ name: 'web-1' });
  await run('audit', {});
  const [line] = logs()
    .split('\n')
    .filter((one) => one.includes('"Troubles":'))
    .map((one) => JSON.parse(one));
  const [alarm] = alarmsFor({ daily: {} }).filter(({ MetricName }) => MetricName === 'Troubles');
  const [{ Namespace, Dimensions, Metrics }] = line._aws.CloudWatchMetrics;
  expect(Namespace).toBe(alarm!.Namespace);
  const watched = alarm!.Dimensions as { Name: string; Value: string }[];
  expect(Dimensions.map((set: string[]) => set.toSorted())).toEqual([
    watched.map(({ Name }) => Name).toSorted(),
  ]);
  for (const { Name, Value } of watched) expect(line[Name]).toBe(Value);
  expect(Metrics).toContainEqual({ Name: 'Troubles', Unit: alarm!.Unit });
  // The server has no snapshot yet.
  expect(line.Troubles).toBe(1);
});

test('a failed run, or one that could not begin, has not succeeded; dry runs and ad-hoc runs do not count', async () => {
  setTime('2026-11-24T00:00:10Z');
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

test('alarms have unique names, whatever the names of the policies; only missing audits notify', () => {
  const names = fc.uniqueArray(fc.stringMatching(/^[a-z0-9-]{1,40}$/), { minLength: 2, maxLength: 6 });
  fc.assert(
    fc.property(names, (its) => {
      const policies = Object.fromEntries(its.map((name) => [name, policy()]));
      const alarms = alarmsOf({ service: 'autosnap', custom: { policies } }, 'test');
      const ids = Object.keys(alarms);
      expect(ids).toHaveLength(its.length + 1);
      expect(ids.every((id) => /^[A-Za-z0-9]{1,255}$/.test(id))).toBe(true);
      const titles = Object.values(alarms).map(({ Properties }) => Properties.AlarmName);
      expect(new Set(titles).size).toBe(ids.length);
      // A new alarm has insufficient data. An action on any other state would mail about a
      // deployment.
      for (const { Properties } of Object.values(alarms)) {
        expect(Properties.TreatMissingData).toBe('missing');
        expect(Properties).not.toHaveProperty('AlarmActions');
        expect(Properties).not.toHaveProperty('OKActions');
      }
      const notifying = Object.values(alarms).filter((a) => 'InsufficientDataActions' in a.Properties);
      expect(notifying.map(({ Properties }) => Properties.AlarmName)).toEqual([
        'autosnap-test_audit-missing',
      ]);
    }),
  );
});

test('an audit is counted unless it could not be published', async () => {
  const { run, fail, logs } = await harness();
  deploy([policy()]);
  const counted = () => logs().match(/"Audits":\d/g) ?? [];
  await run('audit', {});
  expect(counted()).toEqual(['"Audits":1']);
  await reportBucket().then((s3) => {
    s3.down = true;
  });
  vi.resetModules();
  await fail('audit', {});
  expect(counted()).toEqual(['"Audits":1']);
});
