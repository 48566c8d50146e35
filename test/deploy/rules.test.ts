import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventsOf, rulesOf } from '../../deploy/rules.ts';

const POLICY = { schedule: 'cron(0 0 * * ? *)', cleanup: 'rate(6 hours)' };
const OFFSITE = { schedule: 'rate(6 hours)' };
const DRILL = { schedule: 'cron(0 3 * * ? *)' };
const service = (policies: object, name = 'autosnap') => ({ service: name, custom: { policies } });

interface Rule {
  Name: string;
  ScheduleExpression: string;
  Targets: { Id: string; Arn: { 'Fn::GetAtt': [string, string] }; Input: string }[];
}
const rulesIn = (policies: object, name?: string) =>
  Object.entries(rulesOf(service(policies, name), 'prod'))
    .filter(([, { Type }]) => Type === 'AWS::Events::Rule')
    .map(([id, { Properties }]) => [id, Properties as unknown as Rule] as const);
/** The events and their schedules: `<function> <input> <schedule>`. */
const firesIn = (policies: object) =>
  rulesIn(policies)
    .flatMap(([, { ScheduleExpression, Targets }]) =>
      Targets.map(({ Arn, Input }) => `${Arn['Fn::GetAtt'][0]} ${Input} ${ScheduleExpression}`),
    )
    .sort();

test('an event of a rule contains only the name of the policy', () => {
  expect(firesIn({ daily: { ...POLICY, offsite: OFFSITE, drill: DRILL } })).toEqual([
    'CleanupLambdaFunction {"policy":"daily"} rate(6 hours)',
    'DrillLambdaFunction {"policy":"daily"} rate(1 hour)',
    'OffsiteLambdaFunction {"policy":"daily"} rate(6 hours)',
    'SnapshotLambdaFunction {"policy":"daily"} cron(0 0 * * ? *)',
  ]);
});

test('Serverless sees the same schedules as events of the functions', () => {
  const event = (rate: string) => ({ schedule: { rate: [rate], input: { policy: 'daily' } } });
  expect(eventsOf(service({ daily: { ...POLICY, drill: DRILL } }))).toEqual({
    snapshot: [event('cron(0 0 * * ? *)')],
    cleanup: [event('rate(6 hours)')],
    drill: [event('rate(1 hour)')],
  });
});

test('a cron in another time zone is a schedule of EventBridge Scheduler, a rate is a rule', () => {
  const zoned = { ...POLICY, timezone: 'America/Chicago' };
  const resources = rulesOf(service({ daily: POLICY, zoned }), 'prod');
  const schedules = Object.entries(resources).filter(([, { Type }]) => Type === 'AWS::Scheduler::Schedule');
  expect(schedules).toEqual([
    [
      'ZonedSnapshotSchedule',
      {
        Type: 'AWS::Scheduler::Schedule',
        Properties: {
          Name: 'autosnap-prod_zoned-snapshot',
          Description: 'snapshot of zoned',
          ScheduleExpression: 'cron(0 0 * * ? *)',
          ScheduleExpressionTimezone: 'America/Chicago',
          FlexibleTimeWindow: { Mode: 'OFF' },
          Target: {
            Arn: { 'Fn::GetAtt': ['SnapshotLambdaFunction', 'Arn'] },
            RoleArn: { 'Fn::GetAtt': ['SchedulerRole', 'Arn'] },
            Input: '{"policy":"zoned"}',
          },
        },
      },
    ],
  ]);
  expect(firesIn({ daily: POLICY, zoned })).toEqual([
    'CleanupLambdaFunction {"policy":"daily"} rate(6 hours)',
    'CleanupLambdaFunction {"policy":"zoned"} rate(6 hours)',
    'SnapshotLambdaFunction {"policy":"daily"} cron(0 0 * * ? *)',
  ]);
  expect(eventsOf(service({ zoned })).snapshot).toEqual([
    {
      schedule: {
        rate: ['cron(0 0 * * ? *)'],
        method: 'scheduler',
        timezone: 'America/Chicago',
        input: { policy: 'zoned' },
      },
    },
  ]);
});

test('the role of the schedules may invoke only the functions that they start, and exists only with schedules', () => {
  const [zoned, drill] = [
    { ...POLICY, timezone: 'Asia/Kathmandu' },
    { ...POLICY, drill: DRILL },
  ];
  expect(rulesOf(service({ drill }), 'prod')).not.toHaveProperty('SchedulerRole');
  const { SchedulerRole } = rulesOf(service({ drill, zoned }), 'prod');
  expect(SchedulerRole!.Properties.Policies).toEqual([
    {
      PolicyName: 'invoke',
      PolicyDocument: {
        Version: '2012-10-17',
        Statement: [
          {
            Effect: 'Allow',
            Action: 'lambda:InvokeFunction',
            Resource: [{ 'Fn::GetAtt': ['SnapshotLambdaFunction', 'Arn'] }],
          },
        ],
      },
    },
  ]);
});

test('an invalid schedule creates no rule, because the check reports it first', () => {
  const broken = { daily: { schedule: '0 0 * * *', cleanup: 7 }, weekly: null };
  expect(eventsOf(service(broken))).toEqual({});
  expect(rulesOf(service(broken), 'prod')).toEqual({});
});

test('each function has one permission, for the rules of this deployment', () => {
  const policies = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`p${i}`, POLICY]));
  const permissions = Object.entries(rulesOf(service(policies), 'prod')).filter(
    ([, { Type }]) => Type === 'AWS::Lambda::Permission',
  );
  expect(permissions.map(([id]) => id)).toEqual(['SnapshotRulesPermission', 'CleanupRulesPermission']);
  for (const [, { Properties }] of permissions) {
    expect(Properties.SourceArn).toEqual({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: for Fn::Sub
      'Fn::Sub': 'arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:rule/autosnap-prod_*',
    });
  }
  for (const [, { Name }] of rulesIn(policies)) expect(Name).toMatch(/^autosnap-prod_/);
});

test('150 policies with copies and drills need less than two thirds of a stack', () => {
  const policies = Object.fromEntries(
    Array.from({ length: 150 }, (_, i) => [`customer-${i}`, { ...POLICY, offsite: OFFSITE, drill: DRILL }]),
  );
  const made = Object.values(rulesOf(service(policies), 'prod'));
  // 150 separate rules, and three to five of the other 450 jobs in each shared rule.
  const rules = made.filter(({ Type }) => Type === 'AWS::Events::Rule').length;
  expect(rules).toBeGreaterThanOrEqual(150 + 450 / 5);
  expect(rules).toBeLessThanOrEqual(150 + 450 / 3);
  expect(made.filter(({ Type }) => Type === 'AWS::Lambda::Permission')).toHaveLength(4);
});

// JavaScript would put keys that are integers before all others.
const names = fc.stringMatching(/^[a-z-][a-z0-9-]{0,39}$/);
const blocks = fc.record(
  {
    schedule: fc.constantFrom('cron(0 0 * * ? *)', 'rate(1 day)', 'rate(12 hours)'),
    cleanup: fc.constantFrom('rate(6 hours)', 'rate(1 day)'),
    offsite: fc.constant(OFFSITE),
    drill: fc.constant(DRILL),
    timezone: fc.constantFrom('UTC', 'America/Chicago'),
  },
  { requiredKeys: ['schedule', 'cleanup'] },
);
const policies = fc.dictionary(names, blocks, { maxKeys: 40, noNullPrototype: true });

test('for any policies, each job fires once, and no limit of EventBridge is exceeded', () => {
  fc.assert(
    fc.property(policies, fc.stringMatching(/^[a-z][a-z-]{0,30}$/), (its, name) => {
      const rules = rulesIn(its, name);
      const schedules = Object.values(rulesOf(service(its, name), 'prod'))
        .filter(({ Type }) => Type === 'AWS::Scheduler::Schedule')
        .map(({ Properties }) => String(Properties.Name));
      const jobs = Object.values(its).flatMap(({ timezone: _, ...asked }) => Object.keys(asked));
      const targets = [...rules.flatMap(([, { Targets }]) => Targets.map(({ Id }) => Id)), ...schedules];
      expect(new Set(targets).size).toBe(jobs.length);
      expect(targets).toHaveLength(jobs.length);
      expect(new Set(rules.map(([, { Name }]) => Name)).size).toBe(rules.length);
      for (const one of schedules) expect(one).toMatch(/^[\w.-]{1,64}$/);
      for (const [id, { Name, Targets }] of rules) {
        expect(id).toMatch(/^[A-Za-z0-9]+$/);
        expect(Name).toMatch(/^[\w.-]{1,64}$/);
        expect(Targets.length).toBeLessThanOrEqual(5);
        for (const { Id } of Targets) expect(Id).toMatch(/^[\w.-]{1,64}$/);
      }
    }),
  );
});

test('a policy that is added or removed changes only the rules that it shares, and at most one beside each', () => {
  fc.assert(
    fc.property(policies, names, blocks, (without, name, added) => {
      fc.pre(!(name in without));
      const [few, many] = [rulesIn(without), rulesIn({ ...without, [name]: added })];
      const jobs = many
        .flatMap(([, { Targets }]) => Targets)
        .filter(({ Input }) => Input.includes(`"${name}"`));
      for (const [one, other] of [
        [few, new Map(many)],
        [many, new Map(few)],
      ] as const) {
        const changed = one.filter(([id, rule]) => !isDeepStrictEqual(rule, other.get(id)));
        expect(changed.length).toBeLessThanOrEqual(2 * jobs.length);
      }
    }),
  );
});

test('the order of the policies changes no rule', () => {
  fc.assert(
    fc.property(policies, (its) => {
      const turned = Object.fromEntries(Object.entries(its).reverse());
      expect(new Map(rulesIn(turned))).toEqual(new Map(rulesIn(its)));
    }),
  );
});
