import { describe, expect, test } from 'vitest';
import { awaitedSlot, jobsWithoutRecord, missingRuns, runOverdue } from '../../lib/audit/missing-runs.ts';
import type { AuditedSeries } from '../../lib/audit/model.ts';
import { parsePolicy } from '../../lib/config/policy.ts';
import { JOBS } from '../../lib/runtime/work-item.ts';
import { policy } from '../harness.ts';
import { seriesOf, shown } from './audits.ts';

const runOf = (job: string, at: string, changes: object = {}) => ({
  job,
  policy: 'daily',
  account: 'rackspace',
  at: new Date(at),
  ...changes,
});
const missing = (
  job: string,
  last: string | undefined,
  now: string,
  changes: Record<string, unknown> = {},
) => {
  const good = ['snapshot', 'cleanup', 'offsite', 'drill'].map((one) => runOf(one, now));
  const others = good.filter((run) => run.job !== job);
  const its = last === undefined ? others : [...others, runOf(job, last)];
  return missingRuns(runOverdue(parsePolicy(policy(changes)), its, [], new Date(now))).length > 0;
};

test('a snapshot run is missing as soon as all servers of the policy are late', () => {
  const late = seriesOf([shown(2)]);
  const lastRun = [runOf('snapshot', '2026-11-22T00:05:00Z')];
  const isMissing = (series: AuditedSeries[], runs = lastRun) => {
    const overdue = runOverdue(parsePolicy(policy()), runs, series, new Date('2026-11-23T12:00:00Z'));
    return overdue.snapshot! >= 1;
  };
  expect(isMissing([late])).toBe(true);
  expect(isMissing([late, seriesOf([], { state: 'waiting' }), seriesOf([], { state: 'orphaned' })])).toBe(
    true,
  );
  expect(isMissing([late, seriesOf([shown(0)])])).toBe(false);
  expect(isMissing([seriesOf([shown(2)], { cause: { code: 'SERIES_SERVER_UNCERTAIN' } })])).toBe(false);
  expect(isMissing([])).toBe(false);
  // The runs come, and their snapshots fail.
  expect(isMissing([late], [runOf('snapshot', '2026-11-23T00:05:00Z')])).toBe(false);
});

test.each([
  ['2026-11-23T00:05:00Z', '2026-11-24T00:00:00Z', '2026-11-24T00:00:00.000Z'],
  ['2026-11-23T00:05:00Z', '2026-11-23T23:59:59Z', undefined],
  ['2026-11-24T00:05:00Z', '2026-11-24T00:06:00Z', undefined],
])('a snapshot run that last ended %s is awaited at %s since %s', (last, now, expected) => {
  const runs = [runOf('snapshot', last)];
  expect(awaitedSlot(parsePolicy(policy()), runs, new Date(now))?.toISOString()).toBe(expected);
});

test('the last of several runs counts', () => {
  const runs = ['2026-11-20T00:05:00Z', '2026-11-24T00:05:00Z', '2026-11-22T00:05:00Z'];
  const now = new Date('2026-11-24T12:05:00Z');
  const all = runs.map((at) => runOf('snapshot', at));
  expect(runOverdue(parsePolicy(policy()), all, [], now).snapshot).toBeCloseTo(12 / 37.9, 2);
});

test.each<[string, string, string | undefined, string, boolean, Record<string, unknown>?]>([
  ['the last run was the last slot', 'snapshot', '2026-11-24T00:05:00Z', '2026-11-24T23:59:00Z', false],
  ['a run goes on for half the interval', 'snapshot', '2026-11-23T00:05:00Z', '2026-11-24T13:59:00Z', false],
  ['and two hours', 'snapshot', '2026-11-23T00:05:00Z', '2026-11-24T14:00:00Z', true],
  ['a cleanup every six hours', 'cleanup', '2026-11-24T00:00:00Z', '2026-11-24T10:59:00Z', false],
  ['a cleanup that has not come', 'cleanup', '2026-11-24T00:00:00Z', '2026-11-24T11:00:00Z', true],
  ['no run at all', 'cleanup', undefined, '2026-11-24T11:00:00Z', true],
  [
    'no run at all of a yearly schedule',
    'snapshot',
    undefined,
    '2026-11-24T11:00:00Z',
    false,
    { schedule: 'cron(0 0 1 1 ? *)' },
  ],
  [
    'a weekly one, on the day after',
    'snapshot',
    '2026-11-15T06:10:00Z',
    '2026-11-23T06:00:00Z',
    false,
    { schedule: 'cron(0 6 ? * SUN *)' },
  ],
  [
    'a weekly one, four days later',
    'snapshot',
    '2026-11-15T06:10:00Z',
    '2026-11-26T06:00:00Z',
    true,
    { schedule: 'cron(0 6 ? * SUN *)' },
  ],
  [
    'a schedule that is over',
    'snapshot',
    undefined,
    '2026-11-24T11:00:00Z',
    false,
    { schedule: 'cron(0 0 * * ? 2020)' },
  ],
  ['what the policy does not ask for', 'drill', undefined, '2026-11-24T11:00:00Z', false],
  [
    'drills, which look every hour',
    'drill',
    '2026-11-24T00:00:00Z',
    '2026-11-24T03:30:00Z',
    true,
    { drill: { schedule: 'rate(30 days)' } },
  ],
  [
    'copies',
    'offsite',
    '2026-11-22T00:00:00Z',
    '2026-11-24T00:00:00Z',
    true,
    { offsite: { schedule: 'rate(1 day)', keep: { last: 1 } } },
  ],
])('%s: %s last at %s, now %s: missing is %s', (_, job, last, now, expected, changes) => {
  expect(missing(job, last, now, changes)).toBe(expected);
});

describe('a good run counts only for its own job, policy and account', () => {
  test.each([{ policy: 'weekly' }, { account: 'customer-b' }, { job: 'offsite' }])('%o', (other) => {
    const now = '2026-11-24T12:00:00Z';
    const runs = [runOf('snapshot', now), runOf('cleanup', now, other)];
    expect(missingRuns(runOverdue(parsePolicy(policy()), runs, [], new Date(now)))).toEqual(['cleanup']);
  });
});

test('a job without a record is new: it is overdue only an interval after the first audit', () => {
  const policies = [parsePolicy(policy()), parsePolicy(policy({ policy: 'weekly', account: 'b' }))];
  expect(jobsWithoutRecord(policies, [runOf('snapshot', '2026-11-23T00:05:00Z')])).toEqual([
    { job: 'cleanup', policy: 'daily', account: 'rackspace' },
    { job: 'snapshot', policy: 'weekly', account: 'b' },
    { job: 'cleanup', policy: 'weekly', account: 'b' },
  ]);
});

test('a job whose schedule was deployed after its last run has the time of the new schedule from then on', () => {
  const at = new Date('2026-11-16T00:00:00Z');
  const runs = JOBS.map((job) => ({ job, policy: 'daily', account: 'rackspace', at }));
  const daily = parsePolicy(policy({ schedule: 'cron(0 0 * * ? *)' }));
  const missingAt = (now: string, since: string) =>
    missingRuns(runOverdue(daily, runs, [], new Date(now), { snapshot: { expression: '', since } })).includes(
      'snapshot',
    );
  expect(missingAt('2026-11-23T10:00:00Z', '2026-11-16T00:00:00Z')).toBe(true);
  expect(missingAt('2026-11-23T10:00:00Z', '2026-11-23T09:00:00Z')).toBe(false);
  // Due at midnight, and half a day and two hours later missing.
  expect(missingAt('2026-11-24T13:59:00Z', '2026-11-23T09:00:00Z')).toBe(false);
  expect(missingAt('2026-11-24T14:00:00Z', '2026-11-23T09:00:00Z')).toBe(true);
});
