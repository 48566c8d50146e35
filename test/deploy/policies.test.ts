import { describe, expect, test } from 'vitest';
import {
  functionsOf,
  jobsOf,
  policiesOf,
  policyBlockProblems,
  policyWarnings,
} from '../../deploy/policies.ts';
import { policy } from '../harness.ts';

/** A block of custom.policies; `changes` are applied to it. */
function block(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const { policy: _, ...its } = policy(changes);
  return its;
}

const custom = (policies: Record<string, unknown>) => ({ custom: { policies } });

test('the key of a block is the name of the policy', () => {
  const service = custom({ daily: block(), weekly: block({ keep: { last: 8 } }) });
  expect(policiesOf(service)).toEqual([policy(), policy({ policy: 'weekly', keep: { last: 8 } })]);
});

test('each policy has snapshots and cleanups, and copies and drills if it asks for them', () => {
  const offsite = { schedule: 'rate(12 hours)', keep: { last: 2 } };
  const drill = { schedule: 'cron(0 3 * * ? *)' };
  expect(
    jobsOf(custom({ daily: block({ offsite, drill }), weekly: block({ schedule: 'rate(7 days)' }) })),
  ).toEqual([
    { policy: 'daily', job: 'snapshot', schedule: 'cron(0 0 * * ? *)', timezone: 'UTC' },
    { policy: 'daily', job: 'cleanup', schedule: 'rate(6 hours)', timezone: 'UTC' },
    { policy: 'daily', job: 'offsite', schedule: 'rate(12 hours)', timezone: 'UTC' },
    // Drills look after their servers every hour, whatever their schedule.
    { policy: 'daily', job: 'drill', schedule: 'rate(1 hour)', timezone: 'UTC' },
    { policy: 'weekly', job: 'snapshot', schedule: 'rate(7 days)', timezone: 'UTC' },
    { policy: 'weekly', job: 'cleanup', schedule: 'rate(6 hours)', timezone: 'UTC' },
  ]);
});

test.each([null, {}])('%j count as no policies', (policies) => {
  expect(policiesOf({ custom: { policies } })).toEqual([]);
  expect(policyBlockProblems({ custom: { policies } })).toEqual([]);
});

test.each([undefined, [], 'daily'])('%j are refused', (policies) => {
  const problem = 'custom.policies: must hold a block for each policy, by its name; {} for none';
  expect(policyBlockProblems({ custom: { policies } })).toEqual([problem]);
});

test.each<[string, Record<string, unknown>]>([
  ['schedule', { schedule: 'cron(0 0 31 2 ? *)' }],
  ['cleanup', { cleanup: 'cron(0 0 * * ? 2020)' }],
  ['offsite.schedule', { offsite: { schedule: 'cron(0 0 30 2 ? *)', keep: { last: 2 } } }],
  ['drill.schedule', { drill: { schedule: 'cron(0 0 * * ? 2020)' } }],
])('a %s that never fires is refused', (field, changes) => {
  expect(policyBlockProblems(custom({ daily: block(changes) }))).toEqual([
    `custom.policies.daily.${field}: never fires from now on: correct its day, month or year`,
  ]);
});

test.each<[string, Record<string, unknown>, string]>([
  ['schedule', { schedule: 'cron(0 0 * * ? 2030)' }, 'it begins only at 2030-01-01 00:00 UTC'],
  ['schedule', { schedule: 'cron(0 0 * * ? 2024,2030)' }, 'it pauses until 2030-01-01 00:00 UTC'],
  ['cleanup', { cleanup: 'cron(0 0 * * ? 2030)' }, 'it begins only at 2030-01-01 00:00 UTC'],
  [
    'offsite.schedule',
    { offsite: { schedule: 'cron(0 0 * * ? 2030)', keep: { last: 2 } } },
    'its schedule begins only at 2030-01-01 00:00 UTC',
  ],
])('the check warns of a %s that fires only after years', (field, changes, warning) => {
  const found = policyWarnings(custom({ daily: block(changes) }), new Date('2026-11-23T00:00:00Z'));
  expect(found).toEqual([expect.stringContaining(`custom.policies.daily.${field}: ${warning}`)]);
});

describe('a time zone without an effect', () => {
  const rates = {
    timezone: 'America/Chicago',
    schedule: 'rate(1 day)',
    cleanup: 'rate(6 hours)',
    keep: { last: 7 },
  };
  const offsite = { schedule: 'rate(1 day)', keep: { last: 2 } };

  test.each<[string, Record<string, unknown>]>([
    ['rates alone', {}],
    ['copies and drills at a rate', { offsite, drill: { schedule: 'rate(1 day)' } }],
  ])('%s: is refused', (_, changes) => {
    expect(policyBlockProblems(custom({ daily: block({ ...rates, ...changes }) }))).toEqual([
      'custom.policies.daily.timezone: has no effect: a rate has no time of day, and keep has none of hourly, daily, weekly, monthly, yearly: write the schedule as cron(…), or take timezone out',
    ]);
  });

  test.each<[string, Record<string, unknown>]>([
    ['UTC, which is the default', { timezone: 'UTC' }],
    ['a cron', { cleanup: 'cron(0 3 * * ? *)' }],
    ['drills by a cron', { drill: { schedule: 'cron(0 3 * * ? *)' } }],
    ['calendar periods', { keep: { weekly: 4 } }],
    ['calendar periods of copies', { offsite: { ...offsite, keep: { monthly: 2 } } }],
  ])('%s: has an effect', (_, changes) => {
    expect(policyBlockProblems(custom({ daily: block({ ...rates, ...changes }) }))).toEqual([]);
  });
});

test('the functions may be listed in several parts', () => {
  const [one, other] = [{ snapshot: {} }, { mine: {} }];
  expect(functionsOf([one, other])).toEqual({ ...one, ...other });
  expect(functionsOf(one)).toEqual(one);
  // The parts are merged as in Serverless: a function with more memory keeps its other settings.
  expect(functionsOf([{ snapshot: { handler: 'a.b' } }, { snapshot: { runtime: 'nodejs24.x' } }])).toEqual({
    snapshot: { handler: 'a.b', runtime: 'nodejs24.x' },
  });
  expect(functionsOf(undefined)).toEqual({});
});

test('two valid policies have no problem', () => {
  expect(
    policyBlockProblems(custom({ daily: block(), weekly: block({ schedule: 'rate(7 days)' }) })),
  ).toEqual([]);
});

describe('problems that are found before a deployment', () => {
  test.each<[string, Record<string, unknown>, string]>([
    [
      'what a run would refuse, with its place in serverless.yml',
      { daily: block({ keep: { last: 0 } }) },
      'custom.policies.daily.keep.last: must be a whole number of 1 or more, or be left out',
    ],
    [
      'a second name',
      { daily: policy() },
      'custom.policies.daily.policy: take it out: the key of the block is the name of the policy',
    ],
    [
      'a name that no marker may have',
      { Daily: block() },
      'custom.policies.Daily: its name must be 1 to 40 of a-z, 0-9 and -, and start with a letter or digit',
    ],
    [
      'a switch that is off',
      { daily: block({ enabled: false }) },
      'custom.policies.daily.enabled: take it out: a policy runs as long as it stands here. Comment the block out to stop it; its snapshots stay',
    ],
    [
      'dry runs for ever',
      { daily: block({ dryRun: true }) },
      'custom.policies.daily.dryRun: take it out: each run would only say what it would do. For one such run, send {"policy": "daily", "dryRun": true}',
    ],
    [
      'a cron of five fields',
      { daily: block({ schedule: 'cron(0 0 * * *)' }) },
      'custom.policies.daily.schedule: is not a valid EventBridge schedule: a cron expression has 6 fields (minutes, hours, day-of-month, month, day-of-week, year), this has 5. Midnight of each day is cron(0 0 * * ? *)',
    ],
    [
      'a misspelt rule',
      { daily: block({ keep: { wekly: 4, last: 1 } }) },
      'custom.policies.daily.keep.wekly: is not a known key: did you mean "weekly"?',
    ],
    [
      'an ad-hoc event among the policies',
      { daily: { adhoc: true, servers: { all: true } } },
      'custom.policies.daily.adhoc: take it out: an ad-hoc snapshot has no schedule, and is sent by hand',
    ],
    ...[null, 'rate(1 day)', [block()]].map((nothing): [string, Record<string, unknown>, string] => [
      `${JSON.stringify(nothing)} as a block`,
      { daily: nothing },
      'custom.policies.daily: must be a block with schedule, cleanup, servers and keep',
    ]),
    [
      'two that adopt the same images',
      { daily: block({ adopt: 'autosnap.py' }), other: block({ adopt: 'autosnap.py', account: 'rack*' }) },
      'custom.policies.other.adopt: daily adopts the images of autosnap.py in the same account, and each would rotate the snapshots of the other: leave adopt out of one of them',
    ],
  ])('%s', (_, policies, problem) => {
    expect(policyBlockProblems(custom(policies))).toEqual([problem]);
  });
});
