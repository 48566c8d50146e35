import { describe, expect, test } from 'vitest';
import { jobsOf, problemsIn, type Service } from '../../deploy/policies.ts';
import { policy } from '../harness.ts';

/** A service with the given policies, each with both its rules. */
function service(...policies: Record<string, unknown>[]): Pick<Service, 'custom' | 'functions'> {
  const rules = (time: string) =>
    policies.map((input) => ({ schedule: { rate: input[time] as string, input } }));
  return {
    custom: { policies: Object.fromEntries(policies.map((one, i) => [`p${i}`, one])) },
    functions: { snapshot: { events: rules('schedule') }, cleanup: { events: rules('cleanup') } },
  };
}

test('a policy that asks for copies has a rule for them, at the time that it says; others have none', () => {
  const copied = policy({ offsite: { schedule: 'rate(6 hours)', keep: { last: 2 } } });
  const lacking = service(copied, policy({ policy: 'weekly', schedule: 'rate(7 days)' }));
  expect(problemsIn(lacking)).toEqual([
    'custom.policies.p0: functions.offsite.events has no schedule with it as input',
  ]);
  const rule = (rate: string, input: object) => ({ events: [{ schedule: { rate, input } }] });
  const good = { ...lacking, functions: { ...lacking.functions, offsite: rule('rate(6 hours)', copied) } };
  expect(problemsIn(good)).toEqual([]);
  expect(jobsOf(good).map(({ job, policy: name }) => `${name} ${job}`)).toEqual([
    'daily snapshot',
    'daily cleanup',
    'daily offsite',
    'weekly snapshot',
    'weekly cleanup',
  ]);
  const late = { ...good, functions: { ...good.functions, offsite: rule('rate(1 day)', copied) } };
  expect(problemsIn(late)).toEqual([
    "functions.offsite.events: a rule's rate is rate(1 day), its policy says rate(6 hours)",
  ]);
  const { offsite: _, ...asked } = copied;
  const none = {
    ...service(asked),
    functions: { ...service(asked).functions, offsite: rule('rate(1 day)', asked) },
  };
  expect(problemsIn(none)).toEqual([
    "functions.offsite.events: a rule's rate is rate(1 day), its policy says nothing of that",
  ]);
});

test('a policy that asks for drills has a rule that looks every hour, whenever they begin', () => {
  const drilled = policy({ drill: { schedule: 'cron(0 3 * * ? *)' } });
  const withRule = (rate: string) => ({
    ...service(drilled),
    functions: { ...service(drilled).functions, drill: { events: [{ schedule: { rate, input: drilled } }] } },
  });
  expect(problemsIn(service(drilled))).toEqual([
    'custom.policies.p0: functions.drill.events has no schedule with it as input',
  ]);
  expect(problemsIn(withRule('rate(1 hour)'))).toEqual([]);
  expect(problemsIn(withRule('cron(0 3 * * ? *)'))).toEqual([
    "functions.drill.events: a rule's rate is cron(0 3 * * ? *), and has to be rate(1 hour)",
  ]);
  expect(jobsOf(withRule('rate(1 hour)')).at(-1)).toEqual({
    job: 'drill',
    policy: 'daily',
    schedule: 'rate(1 hour)',
    timezone: 'UTC',
  });
});

test('a cron in a time zone takes a schedule of EventBridge Scheduler, a rate does not', () => {
  const chicago = service(policy({ timezone: 'America/Chicago', cleanup: 'rate(6 hours)' }));
  expect(problemsIn(chicago)).toEqual([
    'functions.snapshot.events: cron(0 0 * * ? *) of its policy is in America/Chicago, and a rule fires in UTC: add "method: scheduler", "timezone: America/Chicago" and as "roleArn" a role that may invoke the function',
  ]);
  const schedule = chicago.functions.snapshot!.events![0]!.schedule!;
  Object.assign(schedule, { method: 'scheduler', timezone: 'America/New_York' });
  expect(problemsIn(chicago)).toHaveLength(1);
  schedule.timezone = 'America/Chicago';
  expect(problemsIn(chicago)).toEqual([]);
  expect(jobsOf(chicago).map(({ timezone }) => timezone)).toEqual(['America/Chicago', 'America/Chicago']);
});

test('two good policies with their rules have no problem', () => {
  expect(problemsIn(service(policy(), policy({ policy: 'weekly', schedule: 'rate(7 days)' })))).toEqual([]);
});

describe('found before it is deployed', () => {
  test('what a run would refuse, with its place in serverless.yml', () => {
    expect(problemsIn(service(policy({ keep: { last: 0 } })))).toEqual([
      'custom.policies.p0.keep.last: must be a whole number of 1 or more; leave the rule out if you do not want it',
    ]);
  });

  test.each(['snapshot', 'cleanup'])('a policy without a %s rule', (job) => {
    const lacking = service(policy());
    lacking.functions[job] = { events: [] };
    expect(problemsIn(lacking)).toEqual([
      `custom.policies.p0: functions.${job}.events has no schedule with it as input`,
    ]);
  });

  test('a rule that fires at another time than its policy says: the slots would be wrong', () => {
    const other = service(policy());
    other.functions.snapshot!.events![0]!.schedule!.rate = 'rate(1 hour)';
    expect(problemsIn(other)).toEqual([
      "functions.snapshot.events: a rule's rate is rate(1 hour), its policy says cron(0 0 * * ? *)",
    ]);
  });

  test('two policies of one name, which would rotate each other', () => {
    expect(problemsIn(service(policy(), policy({ keep: { last: 9 } })))).toEqual([
      "custom.policies: two of them have the name daily: they would rotate each other's snapshots",
    ]);
  });

  test('an ad-hoc event among the policies', () => {
    const [first] = problemsIn(service({ adhoc: true, servers: { all: true } }));
    expect(first).toBe('custom.policies.p0.adhoc: an ad-hoc event has no schedule: send it by hand');
  });
});

test.each([
  ['', true],
  ['autosnap_prod_123456789012_us-east-1', true],
  ['a b', false],
  ['../other', false],
  ['x'.repeat(101), false],
  [7, false],
])('custom.owner %j', (owner, good) => {
  const problems = problemsIn({ ...service(policy()), custom: { ...service(policy()).custom, owner } });
  expect(problems).toEqual(good ? [] : [expect.stringMatching(/^custom\.owner: must be/)]);
});
