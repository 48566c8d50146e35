import { describe, expect, test } from 'vitest';
import { configurationProblems, warningsIn } from '../../deploy/check.ts';
import { FUNCTIONS, functionsOf, type Service } from '../../deploy/policies.ts';
import { addOwnStatements } from '../../deploy/role.ts';
import { policy } from '../harness.ts';

/** A block of custom.policies; `changes` are applied to it. */
function block(changes: Record<string, unknown> = {}): Record<string, unknown> {
  const { policy: _, ...its } = policy(changes);
  return its;
}

/** The problems of a serverless.yml with one valid policy; `changes` are applied to it. */
function problemsOf(
  changes: Omit<Partial<Service>, 'custom'> & { custom?: object } = {},
  stage = 'prod',
): string[] {
  const service: Service = {
    service: 'autosnap',
    provider: { runtime: 'nodejs24.x' },
    ...changes,
    custom: { policies: { daily: block() }, ...changes.custom },
  };
  return configurationProblems({ service, stage, region: 'us-east-1' });
}

test('a valid file has no problem', () => {
  expect(problemsOf()).toEqual([]);
});

describe('settings', () => {
  const alert = { Protocol: 'email', Endpoint: 'ops@example.com' };
  test.each<[string, unknown]>([
    ['alerts', []],
    ['alerts', [alert, { Protocol: 'sqs', Endpoint: { 'Fn::GetAtt': ['Mine', 'Arn'] } }]],
    ['digest', 'on-trouble'],
    ['reportLink', 'console'],
    ['heartbeat', ''],
    ['heartbeat', 'https://hc-ping.com/key/autosnap-{policy}-{job}'],
    ['pricePerGb', ''],
    ['pricePerGb', 0.1],
    ['copiesBucket', { Ref: 'Copies' }],
    ['copiesBucket', 'my-copies'],
    ['owner', ''],
    ['owner', 'autosnap_prod_123456789012_us-east-1'],
    ['alerts', [{ Protocol: 'sms', Endpoint: '+14155550100' }]],
    ['serverless-offline', { port: 3000 }],
    ['common', { schedule: 'rate(1 day)', cleanup: 'rate(1 day)', keep: { last: 2 } }],
    // A variable or an anchor refers to these values: a policy has the value, or it is an object of
    // values by stage.
    ['keep', block().keep],
    ['keep', { prod: { last: 7 }, dev: { last: 1 } }],
    ['schedules', 'cron(0 0 * * ? *)'],
  ])('%s: %j is valid', (key, value) => {
    expect(problemsOf({ custom: { [key]: value } })).toEqual([]);
  });

  const subscription = 'must be such as { Protocol: email, Endpoint: ops@example.com }';
  test.each<[string, unknown, string]>([
    ['alerts', ['ops@example.com'], `custom.alerts.0: ${subscription}`],
    ['alerts', 'ops@example.com', 'custom.alerts: must be a list of subscriptions, or [] for nobody'],
    ['alerts', [{ Protocol: 'email' }], `custom.alerts.0.Endpoint: ${subscription}`],
    ['alerts', [{ ...alert, Protocol: 'mail' }], 'custom.alerts.0.Protocol: must be one of email, '],
    ['reportLink', 'none', 'custom.reportLink: must be signed or console'],
    ['digest', 'weekly', 'custom.digest: must be always, on-trouble or never'],
    ['heartbeat', 'hc-ping.com', 'custom.heartbeat: must be an http or https URL, or "" for none'],
    [
      'heartbeat',
      'https://hc-ping.com/key/{stage}-{policy}',
      'custom.heartbeat: may have {job}, {policy}, {account} in it, and no other braces',
    ],
    ['pricePerGb', '10 cents', 'custom.pricePerGb: must be a price such as 0.10, or "" for none'],
    ['copiesBucket', 'My_Copies', 'custom.copiesBucket: must be !Ref Copies, or the name of an S3 bucket'],
    ['owner', 'a b', 'custom.owner: must be 1 to 100 of A-Z, a-z, 0-9, _ and -, in quotes'],
    ['owner', '../other', 'custom.owner: must be 1 to 100 of A-Z, a-z, 0-9, _ and -, in quotes'],
    ['owner', 'x'.repeat(101), 'custom.owner: must be 1 to 100 of A-Z, a-z, 0-9, _ and -, in quotes'],
    ['owner', 7, 'custom.owner: must be 1 to 100 of A-Z, a-z, 0-9, _ and -, in quotes'],
    [
      'alerts',
      [{ ...alert, Endpoint: 'ops' }],
      'custom.alerts.0.Endpoint: is not an address for this Protocol',
    ],
    [
      'alerts',
      [{ Protocol: 'https', Endpoint: 'ops@example.com' }],
      'custom.alerts.0.Endpoint: is not an address for this Protocol',
    ],
    [
      'alerts',
      [{ Protocol: 'sms', Endpoint: 'ops@example.com' }],
      'custom.alerts.0.Endpoint: is not an address for this Protocol',
    ],
    ['alert', [], 'custom.alert: did you mean "alerts"?'],
    ...['copyBucket', 'copies_buckets', 'CopiesBucket'].map((key): [string, unknown, string] => [
      key,
      'mine',
      `custom.${key}: did you mean "copiesBucket"?`,
    ]),
    ['PricePerGB', 1, 'custom.PricePerGB: did you mean "pricePerGb"?'],
    ['reportlinks', 'console', 'custom.reportlinks: did you mean "reportLink"?'],
    ['owners', 'me', 'custom.owners: did you mean "owner"?'],
    ...(
      [
        ['account', 'account', 'customer-a'],
        ['accounts', 'account', ['a', 'b']],
        ['timezone', 'timezone', 'Asia/Tokyo'],
        ['timeZone', 'timezone', 'Asia/Tokyo'],
        ['region', 'regions', ['DFW']],
        ['max_deletes', 'maxDeletes', 3],
      ] as const
    ).map(([key, field, value]): [string, unknown, string] => [
      key,
      value,
      `custom.${key}: this key belongs to a policy: move it into a block of custom.policies, as ${field}; or rename the key`,
    ]),
    ['copiesBucket', { Ref: 'Reports' }, 'custom.copiesBucket'],
    ['weekly', block(), 'custom.weekly: is a policy: move it into custom.policies'],
    ['alerts', null, 'custom.alerts: must be a list of subscriptions, or [] for nobody'],
    ['digest', null, 'custom.digest: must be always, on-trouble or never'],
  ])('%s: %j is refused', (key, value, problem) => {
    expect(problemsOf({ custom: { [key]: value } })).toEqual([expect.stringContaining(problem)]);
  });

  test.each(['polices', 'policy', 'Policies', 'plicies'])(
    'policies under the key %s are refused, with the right key',
    (key) => {
      const custom: object = { [key]: { daily: block() } };
      const service = { service: 'autosnap', custom };
      expect(configurationProblems({ service, stage: 'prod', region: 'us-east-1' })).toEqual([
        `custom.${key}: did you mean "policies"?`,
        'custom.policies: must hold a block for each policy, by its name; {} for none',
      ]);
    },
  );
});

describe('schedule events under a function', () => {
  const EVERYTHING = {
    daily: block({
      offsite: { schedule: 'rate(1 day)', keep: { last: 2 } },
      drill: { schedule: 'rate(1 day)' },
    }),
  };
  const events = (name: string, schedule: unknown) =>
    problemsOf({ functions: { [name]: { events: [{ schedule }] } }, custom: { policies: EVERYTHING } });

  test.each(['offsite', 'drill'])('%s for a policy without it is refused', (name) => {
    const functions = {
      [name]: { events: [{ schedule: { rate: ['rate(1 day)'], input: { policy: 'daily' } } }] },
    };
    expect(problemsOf({ functions })).toEqual([
      `functions.${name}.events.0.schedule.input.policy: daily has no ${name}: add ${name} to the policy, or remove the event`,
    ]);
  });

  test('a function with another key is recognised by its handler', () => {
    const mine = { handler: 'handlers/cleanup.handler', events: [{ schedule: 'rate(1 day)' }] };
    expect(problemsOf({ functions: { mine } })).toEqual([
      expect.stringContaining(
        'functions.mine.events.0.schedule: must have an input that names a policy (daily)',
      ),
    ]);
  });

  test.each<[string, unknown]>([
    [
      'snapshot',
      { rate: ['rate(1 day)'], input: { policy: 'daily', dryRun: true }, description: 'a dry run' },
    ],
    ['audit', { rate: ['rate(1 hour)'], input: { digest: 'never' } }],
    ['audit', 'rate(1 hour)'],
    ['mine', { rate: ['rate(1 day)'], enabled: false }],
  ])('%s: %j is valid', (name, schedule) => {
    expect(events(name, schedule)).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    [
      'cleanup',
      'rate(1 day)',
      'functions.cleanup.events.0.schedule: must have an input that names a policy (daily), such as { policy: daily }',
    ],
    [
      'snapshot',
      { rate: ['rate(1 day)'], input: { policy: 'dayly' } },
      'functions.snapshot.events.0.schedule.input: must have an input that names a policy (daily)',
    ],
    [
      'offsite',
      { rate: ['rate(1 day)'], input: { policy: 'daily' }, enabled: false },
      'functions.offsite.events.0.schedule.enabled: remove it: custom.policies decides when a function runs',
    ],
    [
      'drill',
      { rate: ['rate(1 day)'], input: { policy: 'daily' }, inputPath: '$.detail' },
      'functions.drill.events.0.schedule.inputPath: remove it',
    ],
    [
      'audit',
      { rate: ['rate(1 day)'], input: { digest: 'weekly' } },
      'functions.audit.events.0.schedule.input: digest: must be "always", "on-trouble" or "never"',
    ],
    [
      'audit',
      { rate: ['rate(1 day)'], input: { acceptDropped: true } },
      'functions.audit.events.0.schedule.input.acceptDropped: remove it: only a person accepts',
    ],
    [
      'snapshot',
      { rate: ['rate(1 day)'], input: { policy: 'daily', dryrun: true } },
      'functions.snapshot.events.0.schedule.input: dryrun: is not a known key: did you mean "dryRun"?',
    ],
    [
      'cleanup',
      { rate: ['rate(1 day)'], input: { policy: 'daily', servers: {} } },
      'functions.cleanup.events.0.schedule.input: servers: must select servers',
    ],
    [
      'offsite',
      { rate: ['rate(1 day)'], input: { policy: 'daily', regions: ['DFW'] } },
      "functions.offsite.events.0.schedule.input: servers, regions: this job can't be narrowed",
    ],
    [
      'cleanup',
      { rate: ['cron(0 0 * * *)'], input: { policy: 'daily' } },
      'functions.cleanup.events.0.schedule.rate: is not a valid EventBridge schedule',
    ],
    [
      'audit',
      'cron(0 0 * * *)',
      'functions.audit.events.0.schedule.rate: is not a valid EventBridge schedule',
    ],
    ['hold', 'rate(1 day)', 'functions.hold.events.0.schedule: remove it: hold has no schedule'],
    [
      'cleanup',
      { rate: ['rate(1 day)'], input: { policy: 'daily', servers: { ids: ['x'.repeat(8_200)] } } },
      'functions.cleanup.events.0.schedule.input: has 8241 characters, and EventBridge allows 8192',
    ],
  ])('%s: %j is refused', (name, schedule, problem) => {
    expect(events(name, schedule)).toEqual([expect.stringContaining(problem)]);
  });

  test('rules in addition to the name of a policy are refused, with the remedy', () => {
    const input = { policy: 'daily', keep: { last: 1 } };
    expect(events('cleanup', { rate: ['rate(1 day)'], input })[0]).toBe(
      'functions.cleanup.events.0.schedule.input: the policy is incomplete, but has more keys than a policy name: send {"policy": "daily"}',
    );
  });

  test('a function needs a runtime', () => {
    const functions = { mine: {}, other: { runtime: 'python3.13' }, third: { image: 'an-image' } };
    expect(problemsOf({ functions, provider: {} })).toEqual([
      'functions.mine.runtime: is missing: add one, such as nodejs24.x',
    ]);
  });

  test('a rule of another kind is refused', () => {
    const eventBridge = { schedule: 'rate(1 hour)', input: { policy: 'daily' } };
    expect(problemsOf({ functions: { cleanup: { events: [{ eventBridge }] } } })).toEqual([
      'functions.cleanup.events.0.eventBridge: write it as a schedule event instead',
    ]);
  });

  test.each(['snapshot', 'restore', 'continue'])('a rule for a pattern of events is refused: %s', (name) => {
    const eventBridge = { pattern: { source: ['aws.ec2'] } };
    expect(problemsOf({ functions: { [name]: { events: [{ eventBridge }] } } })).toEqual([
      expect.stringMatching(
        RegExp(`^functions\\.${name}\\.events\\.0\\.eventBridge: remove it: ${name} would refuse the events`),
      ),
    ]);
    const mine = { runtime: 'nodejs24.x', events: [{ eventBridge }] };
    expect(problemsOf({ functions: { mine } })).toEqual([]);
  });

  test('a role of its own is refused for a function of Autosnap only', () => {
    const role = 'arn:aws:iam::000000000000:role/mine';
    const renamed = { handler: 'handlers/cleanup.handler', runtime: 'nodejs24.x', role };
    const mine = { handler: 'mine.handler', runtime: 'nodejs24.x', role };
    expect(problemsOf({ functions: { snapshot: { role }, renamed, mine } })).toEqual([
      expect.stringMatching(/^functions\.snapshot\.role: the functions have their own role: remove this one/),
      expect.stringMatching(/^functions\.renamed\.role: the functions have their own role: remove this one/),
    ]);
  });

  test('a function with more schedules than its resource policy allows is refused', () => {
    const schedule = { rate: ['rate(1 day)'], input: { policy: 'daily', dryRun: true } };
    const of = (count: number) =>
      problemsOf({ functions: { snapshot: { events: Array(count).fill({ schedule }) } } });
    expect(of(44)).toEqual([]);
    const short = { events: Array(45).fill({ schedule: 'rate(1 day)' }) };
    expect(problemsOf({ functions: { mine: short } })).toEqual([expect.stringContaining('45 schedules')]);
    expect(of(45)).toEqual([
      'functions.snapshot.events: 45 schedules exceed the 44 that one function can have: use policies instead',
    ]);
  });
});

describe('the number of policies in a deployment', () => {
  const many = (count: number, changes: Record<string, unknown> = {}) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, block(changes)]));

  test.each<[string, Record<string, unknown>, string]>([
    [
      'an exception of every server',
      { servers: { all: true, except: { names: ['*'] } } },
      '.servers.except.names: "*" excludes every server, so the policy protects none: correct it',
    ],
    [
      'a region given twice',
      { regions: ['DFW', 'ORD', 'DFW'] },
      '.regions: names DFW more than once: take it out once',
    ],
  ])('%s is a warning', (_, changes, warning) => {
    const [said, ...more] = rulesOf(1, 'us-east-1', changes);
    expect(said).toMatch(/^custom\.policies\.[^.]+\./);
    expect(said?.slice(said.lastIndexOf(warning))).toBe(warning);
    expect(more).toEqual([]);
  });

  test('no policy at all is a warning', () => {
    expect(rulesOf(0, 'us-east-1')).toEqual([
      'custom.policies: has no policy, so nothing is protected: add one',
    ]);
  });

  test.each<[string, Record<string, unknown>]>([
    ['plain', {}],
    ['in another time zone', { timezone: 'America/Chicago' }],
    [
      'cleaned up by a cron in another time zone',
      { timezone: 'America/Chicago', cleanup: 'cron(0 3 * * ? *)' },
    ],
    [
      'in another time zone, with copies and drills',
      {
        timezone: 'America/Chicago',
        offsite: { schedule: 'rate(1 day)', keep: { last: 1 } },
        drill: { schedule: 'rate(1 day)' },
      },
    ],
    [
      'with copies and drills',
      { offsite: { schedule: 'rate(1 day)', keep: { last: 1 } }, drill: { schedule: 'rate(1 day)' } },
    ],
  ])('150 policies, %s, are accepted', (_, changes) => {
    expect(problemsOf({ custom: { policies: many(150, changes) } })).toEqual([]);
  });

  test('more policies are refused, with the possible number and the remedy', () => {
    const [problem, ...more] = problemsOf({ custom: { policies: many(400) } });
    const most = Number(/room for (\d+) of these 400 policies/.exec(problem ?? '')?.[1]);
    expect(problem).toContain('account: customer-*');
    expect(more).toEqual([]);
    expect(problemsOf({ custom: { policies: many(most) } })).toEqual([]);
    expect(problemsOf({ custom: { policies: many(most + 1) } })).toHaveLength(1);
  });

  const rulesOf = (count: number, region: string, changes: Record<string, unknown> = {}) =>
    warningsIn({
      service: { service: 'autosnap', custom: { policies: many(count, changes) } },
      stage: 'prod',
      region,
    });
  // A cleanup with its own schedule, whose rule is not shared.
  const unshared = (count: number) =>
    Object.fromEntries(
      Object.entries(many(count)).map(([name, its], i) => [
        name,
        { ...its, cleanup: `cron(${i % 60} ${Math.floor(i / 60)} * * ? *)` },
      ]),
    );

  test.each<[string, Record<string, unknown>]>([
    ['plain', {}],
    [
      'with copies and drills',
      { offsite: { schedule: 'rate(1 day)', keep: { last: 1 } }, drill: { schedule: 'rate(1 day)' } },
    ],
  ])('150 policies, %s, need no more rules than an AWS account has by default', (_, changes) => {
    expect(rulesOf(150, 'us-east-1', changes)).toEqual([]);
  });

  test.each([
    [150, 'us-east-1', undefined],
    [
      151,
      'us-east-1',
      /make 302 EventBridge rules, and an AWS account has 300 in us-east-1 by default, .*--region us-east-1 .*--quota-code L-244521F2 --desired-value 400;/,
    ],
    [50, 'af-south-1', undefined],
    [
      51,
      'eu-south-1',
      /make 102 EventBridge rules, and an AWS account has 100 in eu-south-1 by default, .*--desired-value 200;/,
    ],
  ])('%d policies that share no rule, in %s', (count, region, warning) => {
    const service = { service: 'autosnap', custom: { policies: unshared(count) } };
    const deployment = { service, stage: 'prod', region };
    expect(
      configurationProblems({ ...deployment, service: { ...service, provider: { runtime: 'nodejs24.x' } } }),
    ).toEqual([]);
    expect(warningsIn(deployment)).toEqual(warning ? [expect.stringMatching(warning)] : []);
  });

  test('rules of other functions count, those of another event bus do not', () => {
    const functions = { mine: { events: [{ schedule: 'rate(1 day)' }] } };
    const rule = (EventBusName?: string) => ({ Type: 'AWS::Events::Rule', Properties: { EventBusName } });
    const warnings = (more: object) =>
      warningsIn({
        service: { service: 'autosnap', custom: { policies: unshared(150) }, ...more },
        stage: 'prod',
        region: 'us-east-1',
      });
    expect(warnings({ functions }).join()).toContain('make 301 EventBridge rules');
    expect(warnings({ resources: { Resources: { Mine: rule() } } }).join()).toContain(
      'make 301 EventBridge rules',
    );
    expect(warnings({ resources: { Resources: { Mine: rule('mine') } } })).toEqual([]);
  });

  test.each([
    ['999MB', 1],
    ['1GB', 0],
  ])('%s of copies a month', (maxBytesPerMonth, count) => {
    const offsite = { schedule: 'rate(1 day)', keep: { last: 1 }, maxBytesPerMonth };
    expect(rulesOf(1, 'us-east-1', { offsite, account: ['a', 'b'] })).toEqual(
      Array(count).fill(
        expect.stringContaining('custom.policies.p0.offsite.maxBytesPerMonth: is less than most images have'),
      ),
    );
  });

  test.each([
    ['a', 1],
    ['x'.repeat(34), 34],
  ])('the stage %s is short enough', (stage) => {
    expect(problemsOf({}, stage)).toEqual([]);
  });

  test.each([
    ['service', 'auto_snap', 'prod'],
    ['service', '2autosnap', 'prod'],
    ['stage', 'autosnap', 'a.b'],
  ])('a %s with characters that a stack name may not have is refused', (field, service, stage) => {
    expect(problemsOf({ service }, stage)).toEqual([
      `${field}: must start with a letter, and contain only letters, digits and hyphens`,
    ]);
  });

  test('a stage that makes a name too long is refused', () => {
    expect(problemsOf({}, 'x'.repeat(41))).toEqual([
      `stage: RoleName would be autosnap-${'x'.repeat(41)}-us-east-1-lambdaRole, of 71 characters, 7 more than the 64 that AWS allows: choose a stage of at most 34 characters, or a shorter service name`,
    ]);
  });

  test('a service that makes a name too long at any stage is refused', () => {
    expect(problemsOf({ service: 's'.repeat(60) })).toEqual([
      expect.stringMatching(
        /, of 86 characters, 22 more than the 64 that AWS allows: choose a shorter service name$/,
      ),
    ]);
  });

  test('a stage that makes the name of a function too long is refused, even if the role has its own name', () => {
    const provider = { runtime: 'nodejs24.x', iam: { role: { name: 'mine' } } };
    const functions = { snapshot: {} };
    expect(problemsOf({ provider, functions }, 'x'.repeat(47))).toEqual([
      `stage: FunctionName would be autosnap-${'x'.repeat(47)}-snapshot, of 65 characters, 1 more than the 64 that AWS allows: choose a stage of at most 46 characters, or a shorter service name`,
    ]);
    expect(problemsOf({ provider, functions }, 'x'.repeat(46))).toEqual([]);
  });

  test.each([
    [128, []],
    [
      140,
      ['provider.stackName: has 140 characters, 12 more than the 128 that AWS allows: choose a shorter one'],
    ],
  ])('a stack name of %d characters has the problems %j', (length, problems) => {
    expect(problemsOf({ provider: { runtime: 'nodejs24.x', stackName: 's'.repeat(length) } })).toEqual(
      problems,
    );
  });

  test('a stack name with invalid characters is refused', () => {
    expect(problemsOf({ provider: { runtime: 'nodejs24.x', stackName: 'my_stack' } })).toEqual([
      'provider.stackName: must start with a letter, and contain only letters, digits and hyphens',
    ]);
  });

  test.each<[string, string, number]>([
    ['AWS::SQS::Queue', 'QueueName', 80],
    ['AWS::SNS::Topic', 'TopicName', 256],
    ['AWS::S3::Bucket', 'BucketName', 63],
    ['AWS::CloudWatch::Alarm', 'AlarmName', 255],
    ['AWS::CloudWatch::Dashboard', 'DashboardName', 255],
    ['AWS::IAM::Role', 'RoleName', 64],
    ['AWS::Events::Rule', 'Name', 64],
    ['AWS::Scheduler::Schedule', 'Name', 64],
    ['AWS::Lambda::Function', 'FunctionName', 64],
  ])('an %s of the operator with a name that is too long is refused', (Type, property, most) => {
    const ofLength = (length: number) => ({
      Resources: { Mine: { Type, Properties: { [property]: 'n'.repeat(length) } } },
    });
    expect(problemsOf({ resources: ofLength(most) })).toEqual([]);
    expect(problemsOf({ resources: ofLength(most + 3) })).toEqual([
      `resources.Resources.Mine.Properties.${property}: has ${most + 3} characters, 3 more than the ${most} that AWS allows: choose a shorter one`,
    ]);
  });

  test('all names that are too long are reported together', () => {
    const Queue = { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'q'.repeat(81) } };
    const stackName = 's'.repeat(129);
    const problems = problemsOf(
      { resources: { Resources: { Queue } }, provider: { runtime: 'nodejs24.x', stackName } },
      'x'.repeat(41),
    );
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'provider.stackName',
      'resources.Resources.Queue.Properties.QueueName',
      'stage',
    ]);
  });

  test('a rule of the operator with a name that is too long is refused', () => {
    const schedule = { rate: ['rate(1 day)'], input: { policy: 'daily' }, name: 'n'.repeat(65) };
    expect(problemsOf({ functions: { cleanup: { events: [{ schedule }] } } })).toEqual([
      'functions.cleanup.events.0.schedule.name: has 65 characters, 1 more than the 64 that AWS allows: choose a shorter one',
    ]);
  });
});

test('a function of the operator with a name that is too long is refused', () => {
  const name = 'm'.repeat(70);
  expect(problemsOf({ functions: { mine: { name } } })).toEqual([
    'functions.mine.name: has 70 characters, 6 more than the 64 that AWS allows: choose a shorter one',
  ]);
  expect(problemsOf({ functions: { [name]: {} } })).toEqual([
    `functions.${name}: its name would be autosnap-prod-${name}, of 84 characters, 20 more than the 64 that AWS allows: give it a shorter one`,
  ]);
});

test('a custom role is refused, and also its name if it is too long', () => {
  const role = 'arn:aws:iam::123456789012:role/mine';
  expect(problemsOf({ provider: { iam: { role } } })).toEqual([
    expect.stringMatching(/^provider.iam.role: the functions have their own role: remove this one/),
  ]);
  expect(problemsOf({ provider: { iam: { role: { name: 'r'.repeat(70) } } } })).toEqual([
    'provider.iam.role.name: has 70 characters, 6 more than the 64 that AWS allows: choose a shorter one',
  ]);
  expect(problemsOf({ provider: { iam: { role: { name: 'r'.repeat(64) } } } })).toEqual([]);
});

describe('statements of the operator are added to those of the product', () => {
  const [own, theirs] = [
    { Effect: 'Allow', Action: 'sns:Publish' },
    { Effect: 'Allow', Action: 's3:GetObject' },
  ];

  test.each([
    ['none', {}, [theirs]],
    ['provider.iam.role.statements', { iam: { role: { statements: [own] } } }, [theirs, own]],
    ['provider.iamRoleStatements', { iamRoleStatements: [own] }, [theirs, own]],
  ])('%s', (_, provider, expected) => {
    const role = { Properties: { Policies: [{ PolicyDocument: { Statement: [theirs] } }] } };
    addOwnStatements({ resources: { extensions: { IamRoleLambdaExecution: role } }, provider });
    expect(role.Properties.Policies[0]!.PolicyDocument.Statement).toEqual(expected);
  });
});

// A section is empty if all of its lines are commented out.
describe('empty sections', () => {
  const empty = null as never;
  test.each<[string, Parameters<typeof problemsOf>[0]]>([
    ['functions', { functions: empty }],
    ['the role', { provider: { runtime: 'nodejs24.x', iam: { role: null } } }],
    ['iam', { provider: { runtime: 'nodejs24.x', iam: null } }],
    ['resources', { resources: empty }],
  ])('%s: no problem', (_, changes) => {
    expect(problemsOf(changes)).toEqual([]);
  });

  test('a function must not be empty, its events may be', () => {
    expect(problemsOf({ functions: functionsOf([{ mine: empty }]), provider: {} })).toEqual([
      'functions.mine.runtime: is missing: add one, such as nodejs24.x',
    ]);
    expect(problemsOf({ functions: functionsOf({ mine: { handler: 'a.b', events: empty } }) })).toEqual([]);
  });

  test('the resources of the product must not be empty', () => {
    const functions = Object.fromEntries(
      FUNCTIONS.map((name) => [name, { handler: `handlers/${name}.handler` }]),
    );
    expect(problemsOf({ functions, resources: empty })).toEqual([
      'resources: must include deploy/resources.yml, as the serverless.yml of this version does',
    ]);
  });
});

describe('functions of the operator', () => {
  const mine = (more: object) => ({ functions: { mine: { handler: 'mine.handler', ...more } } });
  test.each<[string, object]>([
    [
      'functions.mine.events.1.sqs',
      { events: [{ schedule: 'rate(1 day)' }, { sqs: { arn: 'arn:aws:sqs:::q' } }] },
    ],
    ['functions.mine.events.0.stream', { events: [{ stream: 'arn:aws:kinesis:::s' }] }],
    ['functions.mine.destinations', { destinations: { onFailure: 'other' } }],
    ['functions.mine.tracing', { tracing: 'Active' }],
  ])('%s needs permissions that the role does not have', (field, more) => {
    expect(problemsOf(mine(more))).toEqual([
      `${field}: the role has no permissions for this: add them under provider.iam.role.statements`,
    ]);
    const iam = { role: { statements: [{ Effect: 'Allow' }] } };
    expect(problemsOf({ ...mine(more), provider: { runtime: 'nodejs24.x', iam } })).toEqual([]);
  });

  test('may write logs without additional permissions', () => {
    const role = { Properties: { Policies: [{ PolicyDocument: { Statement: [] as unknown[] } }] } };
    addOwnStatements({
      functions: { snapshot: {}, 'my-own': {} },
      resources: { extensions: { IamRoleLambdaExecution: role } },
    });
    expect(role.Properties.Policies[0]!.PolicyDocument.Statement).toEqual([
      expect.objectContaining({ Resource: [{ 'Fn::GetAtt': ['MyDashownLogGroup', 'Arn'] }] }),
    ]);
  });

  test('events that are not a list', () => {
    expect(problemsOf(mine({ events: { schedule: 'rate(1 day)' } }))).toEqual([
      'functions.mine.events: must be a list: put "- " before each event',
    ]);
  });

  test('count with all of their events', () => {
    const policies = Object.fromEntries(Array.from({ length: 196 }, (_, i) => [`p${i}`, block()]));
    const events = Array.from({ length: 40 }, () => ({ sns: 'topic' }));
    expect(problemsOf({ custom: { policies } })).toEqual([]);
    expect(problemsOf({ ...mine({ events }), custom: { policies } }).join()).toContain('has room for');
  });
});

test.each<[string, object, string]>([
  ['another resource', { role: { 'Fn::GetAtt': ['Mine', 'Arn'] } }, 'provider.iam.role'],
  ['a text', { role: 'arn:aws:iam::1:role/mine' }, 'provider.iam.role'],
])('a role that is %s is refused', (_, iam, field) => {
  expect(problemsOf({ provider: { runtime: 'nodejs24.x', iam } }).join()).toContain(
    `${field}: the functions have`,
  );
});

test('a role in its former form is refused as well', () => {
  expect(problemsOf({ provider: { runtime: 'nodejs24.x', role: 'mine' } }).join()).toContain(
    'provider.role:',
  );
});

test('a resource with the name of one of the product is refused', () => {
  const Resources = { Dashboard: { Type: 'AWS::S3::Bucket', Properties: {} } };
  expect(problemsOf({ resources: { Resources } })).toEqual([
    'resources.Resources.Dashboard: Autosnap creates a resource of this name: choose another name',
  ]);
});

test('a handler is recognised by its path', () => {
  const functions = {
    mine: { handler: './handlers/cleanup.handler', events: [{ schedule: 'rate(1 hour)' }] },
  };
  expect(problemsOf({ functions }).join()).toContain('must have an input that names a policy');
});

test('the name of a policy must not begin with a hyphen, because its resources would have the names of others', () => {
  expect(problemsOf({ custom: { policies: { '-': block(), dash: block() } } }).join()).toContain(
    'custom.policies.-',
  );
});

test.each([[[]], [{}]])('alerts: an Endpoint of %j is refused', (Endpoint) => {
  expect(problemsOf({ custom: { alerts: [{ Protocol: 'sqs', Endpoint }] } }).join()).toContain(
    'custom.alerts.0.Endpoint',
  );
});
