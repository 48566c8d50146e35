import { describe, expect, test } from 'vitest';
import { PERIODS } from '../../lib/config/keep-rules.ts';
import { parseEvent, parsePolicy } from '../../lib/config/policy.ts';
import { ValidationError } from '../../lib/config/validation-error.ts';
import { policy } from '../harness.ts';

function problemsOf(event: unknown): readonly string[] {
  try {
    parseEvent(event);
  } catch (error) {
    if (error instanceof ValidationError) return error.problems;
    throw error;
  }
  return [];
}

const DAY_MS = 86_400_000;
const OFFSITE = { schedule: 'rate(1 day)', keep: { last: 1 } };

describe('a valid policy', () => {
  test('has the defaults filled in', () => {
    expect(parseEvent(policy())).toMatchObject({
      account: 'rackspace',
      timezone: 'UTC',
      maxDeletes: 10,
      dryRun: false,
      keep: { last: 3, atLeast: 1 },
    });
  });

  test('has all its schedules in its time zone', () => {
    const schedule = 'cron(0 2 * * ? *)';
    const { cleanup, offsite, drill, ...parsed } = parsePolicy(
      policy({
        timezone: 'America/Chicago',
        schedule,
        cleanup: schedule,
        offsite: { schedule, keep: { last: 1 } },
        drill: { schedule },
      }),
    );
    const now = new Date('2026-07-15T12:00:00Z');
    for (const one of [parsed.schedule, cleanup, offsite!.schedule, drill!.schedule]) {
      expect(one.next(now)).toEqual(new Date('2026-07-16T07:00:00Z'));
    }
  });

  test.each([
    ['12h', DAY_MS / 2],
    ['30d', 30 * DAY_MS],
    ['4w', 28 * DAY_MS],
  ])('within %s means %d ms', (within, ms) => {
    expect(parseEvent(policy({ keep: { within } }))).toMatchObject({ keep: { within: ms } });
  });

  test.each([
    ['500GB', 500e9],
    ['1.5TB', 1.5e12],
    ['20 MB', 20e6],
  ])('offsite.maxBytesPerMonth %s means %d bytes', (maxBytesPerMonth, bytes) => {
    const offsite = { schedule: 'rate(6 hours)', keep: { last: 2 }, maxBytesPerMonth };
    expect(parsePolicy(policy({ offsite })).offsite).toMatchObject({
      keep: { last: 2, atLeast: 1 },
      maxBytesPerMonth: bytes,
    });
  });

  test('by default a drill has one server at a time for two hours, without a network', () => {
    expect(parsePolicy(policy({ drill: { schedule: 'rate(1 day)' } })).drill).toMatchObject({
      atOnce: 1,
      hours: 2,
      networks: [],
      securityGroups: [],
    });
  });

  test.each([
    { offsite: { ...OFFSITE, to: 'cloud-files', container: 'mine' } },
    // At Rackspace, copies to S3 are exported into a container first.
    { offsite: { ...OFFSITE, to: 's3', container: 'mine' } },
    { drill: { schedule: 'rate(1 day)', networks: ['n'], securityGroups: ['web'] } },
    { servers: { all: true, except: { names: ['*-scratch'] } } },
  ])('may have %j', (changes) => {
    expect(problemsOf(policy(changes))).toEqual([]);
  });

  test.each([{ port: 22 }, { path: '/' }, { port: 8080, path: '/health?deep=1' }])(
    'may have the check %j',
    (check) => {
      const drill = { schedule: 'rate(1 day)', networks: ['n'], check };
      expect(parsePolicy(policy({ drill })).drill).toMatchObject({ check });
    },
  );

  test('adds no keep rule that the policy does not have', () => {
    expect(Object.keys(parsePolicy(policy()).keep).sort()).toEqual(['atLeast', 'last']);
  });
});

const MISSING = ['servers', 'policy', 'schedule', 'cleanup', 'keep'];
const KEEP_KEYS = ['atLeast', 'last', ...PERIODS, 'within'].join(', ');
const COUNT = /must be a whole number of 1 or more, or be left out/;
const DURATION = /must be a .*such as 12h, 30d or 4w/;

describe('the refusal of an event names the field and the remedy', () => {
  test.each<[string, unknown, RegExp]>([
    ['a text', 'daily', /must be a JSON object/],
    ['null', null, /must be a JSON object/],
    ['a list', [], /must be a JSON object/],
    ['an unknown key', policy({ sevrers: {} }), /^sevrers: is not a known key: did you mean "servers"\?$/],
    [
      'a key that resembles no other',
      policy({ retention: 7 }),
      /^retention: is not a known key: check its spelling, or remove it$/,
    ],
    ...[
      ['last', 'keep.last'],
      ['hours', 'drill.hours'],
      ['container', 'offsite.container'],
      ['after', 'orphans.after'],
      ['tagged', 'servers.tagged'],
    ].map(([key, path]): [string, object, RegExp] => [
      `${key} in the wrong place`,
      policy({ [key!]: 1 }),
      new RegExp(`^${key}: is not a known key: did you mean "${path}"\\?$`),
    ]),
    [
      'a boolean as a text',
      policy({ servers: { tagged: { backup: true } } }),
      /^servers\.tagged\.backup: must be a text, such as "daily": put it in quotes$/,
    ],
    [
      'a number as a text',
      policy({ servers: { names: [7] } }),
      /^servers\.names\.0: must be .*: put it in quotes$/,
    ],
    ['a number in quotes', policy({ keep: { last: '7' } }), /^keep\.last: must be .*: remove the quotes$/],
    ['a number as an account', policy({ account: 7 }), /^account: must be .*: put it in quotes$/],
    [
      'a date as a name',
      policy({ servers: { names: [new Date('2026-01-01')] } }),
      /^servers\.names\.0: must be .*: put it in quotes$/,
    ],
    ['a number as a schedule: quotes do not help', policy({ schedule: 5 }), /or "rate\(1 day\)"$/],
    ...['yes', 'on', 'Y'].map((all): [string, object, RegExp] => [
      `all: ${all}, which YAML 1.2 reads as a string`,
      policy({ servers: { all } }),
      /^servers\.all: must be true, or be left out: write true$/,
    ]),
    ['all: no', policy({ servers: { all: 'no' } }), /^servers\.all: must be true, or be left out$/],
    ['dryRun: no', policy({ dryRun: 'no' }), /^dryRun: must be true or false: write false$/],
    ['dryRun: yes', policy({ dryRun: 'yes' }), /^dryRun: must be true or false: write true$/],
    ...[30, '30'].map((within): [string, object, RegExp] => [
      `within: ${JSON.stringify(within)}`,
      policy({ keep: { within } }),
      /^keep\.within: must be .* with its unit, such as 12h, 30d or 4w: say 30d if you mean that$/,
    ]),
    [
      'orphans after a number',
      policy({ orphans: { after: 90, keep: 1 } }),
      /^orphans\.after: .*: say 90d if you mean that$/,
    ],
    [
      'bytes without a unit',
      policy({ offsite: { ...OFFSITE, maxBytesPerMonth: 500 } }),
      /^offsite\.maxBytesPerMonth: must be a number with its unit, MB, GB or TB, such as 500GB or 1\.5TB: say 500GB if you mean that$/,
    ],
    ['true in quotes', policy({ servers: { all: 'true' } }), /^servers\.all: must be .*: remove the quotes$/],
    [
      'an unknown rule',
      policy({ keep: { last: 3, wekly: 4 } }),
      /^keep\.wekly: is not a known key: did you mean "weekly"\?$/,
    ],
    ['an unknown selector', policy({ servers: { name: ['web'] } }), /^servers\.name: is not a known key/],
    ['a policy name in capitals', policy({ policy: 'Daily' }), /^policy: must be 1 to 40 of a-z, 0-9 and -/],
    ['a policy name of 41', policy({ policy: 'd'.repeat(41) }), /^policy: must be 1 to 40/],
    ['the name of ad-hoc snapshots', policy({ policy: 'adhoc' }), /^policy: "adhoc" is reserved for ad-hoc/],
    ['no cron at all', policy({ schedule: 'daily' }), /^schedule: is not a valid EventBridge schedule/],
    ['five cron fields', policy({ schedule: 'cron(0 0 * * ?)' }), /^schedule: .* has 6 fields/],
    ['a rate of 1 days', policy({ cleanup: 'rate(1 days)' }), /^cleanup: .*rate\(1 day\)/],
    ['a zone on Mars', policy({ timezone: 'Mars/Olympus' }), /^timezone: must be the name of a time zone/],
    ['an offset for a zone', policy({ timezone: '+05:30' }), /^timezone: must be the name of a time zone/],
    ['a zone in small letters', policy({ timezone: 'america/chicago' }), /spelled as in the IANA time zone/],
    ['an abbreviation for a zone', policy({ timezone: 'CST' }), /such as "America\/Chicago"$/],
    ['no selector', policy({ servers: {} }), /^servers: must select servers/],
    ['an empty list', policy({ servers: { ids: [] } }), /^servers\.ids: must not be empty/],
    ['an empty name', policy({ servers: { names: [' '] } }), /^servers\.names\.0: must be a server name/],
    ['all: false', policy({ servers: { all: false } }), /^servers\.all: must be true, or be left out/],
    ['only exceptions', policy({ servers: { except: { names: ['a'] } } }), /^servers: must select servers/],
    [
      'empty exceptions',
      policy({ servers: { all: true, except: {} } }),
      /^servers\.except: must select servers/,
    ],
    ['no tag', policy({ servers: { tagged: {} } }), /^servers\.tagged: must name a metadata key/],
    [
      'a list of tags',
      policy({ servers: { tagged: ['autosnap=daily'] } }),
      /^servers\.tagged: must name a metadata key and value/,
    ],
    [
      'a list of excepted tags',
      policy({ servers: { all: true, except: { tagged: ['scratch'] } } }),
      /^servers\.except\.tagged: must name a metadata key and value/,
    ],
    ['no region', policy({ regions: [] }), /^regions: must not be empty/],
    ['a path as account', policy({ account: '../prod' }), /^account: must be the last part of a secret name/],
    ['dryRun as text', policy({ dryRun: 'true' }), /^dryRun: must be true or false/],
    ['no keep rule', policy({ keep: {} }), /^keep: must have a rule: last, hourly/],
    ['only a floor', policy({ keep: { atLeast: 3 } }), /^keep: must have a rule/],
    ['copies without an end', policy({ offsite: { schedule: 'rate(1 day)' } }), /^offsite\.keep: is missing/],
    [
      'copies to nowhere',
      policy({ offsite: { ...OFFSITE, to: 'tape' } }),
      /^offsite\.to: must be "s3" or "cloud-files"/,
    ],
    ...['', 'a/b', 'a.b', 'a?b', 'x'.repeat(257)].map((container): [string, object, RegExp] => [
      `the container "${container.slice(0, 9)}"`,
      policy({ offsite: { ...OFFSITE, container } }),
      /^offsite\.container: must be the name of a container/,
    ]),
    [
      'a container of copies that may go to S3',
      policy({ offsite: { ...OFFSITE, container: 'mine' } }),
      /^offsite\.container: is for Cloud Files at Rackspace, but the copies do not go there: add to: cloud-files/,
    ],
    ...[{ ids: ['x'] }, { names: ['web-*'] }, { tagged: { a: 'b' } }].map(
      (more): [string, object, RegExp] => [
        `all servers, and ${Object.keys(more)}`,
        policy({ servers: { all: true, ...more } }),
        /^servers\.all: selects every server regardless of ids, names and tagged/,
      ],
    ),
    ['copies never', policy({ offsite: { keep: { last: 1 } } }), /^offsite\.schedule: is missing/],
    ['drills never', policy({ drill: {} }), /^drill\.schedule: is missing/],
    ...(
      [
        ['an unknown key', { hour: 2 }, /^drill\.hour: is not a known key/],
        ['no place', { atOnce: 0 }, /^drill\.atOnce: must be a whole number from 1 to 20/],
        ['too many', { atOnce: 21 }, /^drill\.atOnce: must be a whole number from 1 to 20/],
        ['half an hour', { hours: 0.5 }, /^drill\.hours: must be a whole number from 1 to 24/],
        ['days', { hours: 25 }, /^drill\.hours: must be a whole number from 1 to 24/],
        ['hours as text', { hours: '2' }, /^drill\.hours: must be a whole number from 1 to 24/],
        ['no flavor', { flavor: ' ' }, /^drill\.flavor: must be the id or the name of a flavor/],
        ['one network as text', { networks: 'n' }, /^drill\.networks: must be a list of network ids/],
        [
          'a placeholder',
          { networks: ['<network id>'] },
          /^drill\.networks\.0: must be the id of a network, in place of the text in <…>/,
        ],
        ['an empty network', { networks: [''] }, /^drill\.networks\.0: must be the id of a network/],
        ['an empty group', { securityGroups: [''] }, /^drill\.securityGroups\.0: must be the name of a/],
        [
          'a group without a network',
          { securityGroups: ['web'] },
          /^drill\.securityGroups: are for servers on a network: list the networks/,
        ],
        ['nothing to check', { networks: ['n'], check: {} }, /^drill\.check: must have a port for TCP/],
        ['no such port', { networks: ['n'], check: { port: 0 } }, /^drill\.check\.port: must be a whole/],
        ['a URL', { networks: ['n'], check: { path: 'http://x/' } }, /^drill\.check\.path: must be a path/],
        [
          'a path of two lines',
          { networks: ['n'], check: { path: '/a\nb' } },
          /^drill\.check\.path: must be/,
        ],
        ['a check without a network', { check: { port: 22 } }, /^drill: has a check, which needs an address/],
      ] as const
    ).map(
      ([name, drill, problem]) =>
        [`drills: ${name}`, policy({ drill: { schedule: 'rate(1 day)', ...drill } }), problem] as [
          string,
          unknown,
          RegExp,
        ],
    ),
    ['ad-hoc: false', { adhoc: false, servers: { all: true } }, /^adhoc: must be true/],
    ['ad-hoc with keep', { adhoc: true, servers: { all: true }, keep: {} }, /^keep: is not a known key/],
    [
      'ad-hoc that ends when years have five digits, which no marker may name',
      { adhoc: true, servers: { all: true }, expires: '999999w' },
      /^expires: must be at most 99999w$/,
    ],
    ['ad-hoc that ends never', { adhoc: true, servers: { all: true }, expires: '0d' }, /^expires: must be a/],
  ])('%s', (_, event, problem) => {
    expect(problemsOf(event)).toContainEqual(expect.stringMatching(problem));
  });

  test.each(MISSING)('%s is missing', (key) => {
    const { [key]: _, ...rest } = policy();
    expect(problemsOf(rest)).toContain(`${key}: is missing`);
  });

  test('of all problems at once, including all unknown keys', () => {
    expect(problemsOf(policy({ a: 1, b: 2, keep: { last: 1, c: 3, d: 4 } }))).toEqual([
      ...['keep.c', 'keep.d'].map(
        (key) => `${key}: is not a known key: the known ones are ${KEEP_KEYS}: correct it, or remove it`,
      ),
      ...['a', 'b'].map((key) => `${key}: is not a known key: check its spelling, or remove it`),
    ]);
    expect(problemsOf({})).toEqual(MISSING.map((key) => `${key}: is missing`));
    expect(() => parseEvent({})).toThrow(
      /^The event is refused:\n- servers: is missing\n- policy: is missing/,
    );
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['an empty block', { keep: null }, `keep: is empty: add its fields, such as ${KEEP_KEYS}`],
    ['an optional one', { orphans: null }, 'orphans: is empty: add its fields, such as after, keep'],
    [
      'a list for a block',
      { servers: ['web-1'] },
      'servers: must be an object with fields such as ids, names, tagged, all, except',
    ],
    [
      'a number that fails several checks',
      { drill: { schedule: 'rate(1 day)', hours: 0.5 } },
      'drill.hours: must be a whole number from 1 to 24',
    ],
    [
      'volumes',
      { volumes: 'all' },
      'volumes: must be "attached", "none", or the volumes to leave out, such as {"except": {"names": ["scratch-*"]}}',
    ],
    ['local disks', { localDisks: true }, 'localDisks: must be "accepted", or be left out'],
  ])('%s is one problem with a remedy', (_, changes, problem) => {
    expect(problemsOf(policy(changes))).toEqual([problem]);
  });

  test.each(['999999w', '99999999d', `${'9'.repeat(400)}h`])('an end that is too far: %s', (expires) => {
    expect(() => parseEvent({ adhoc: true, servers: { all: true }, expires })).toThrow(
      'expires: must be at most 99999w',
    );
  });

  test('of an ad-hoc event instead of a policy', () => {
    expect(() => parsePolicy({ adhoc: true, servers: { all: true } })).toThrow(
      /adhoc: an ad-hoc event is not a policy/,
    );
  });
});

// L13 and L14: in other tools a 0 was read as "older than 0 days", and everything was deleted.
describe('empty values, zero, negative numbers and fractions never count as a number or a duration', () => {
  const bad = [0, -1, 1.5, Number.NaN, null, '', '3', true, 2 ** 60, []];
  const rules = ['last', ...PERIODS, 'atLeast'];
  test.each(rules.flatMap((rule) => bad.map((value) => [rule, value] as const)))(
    'keep.%s: %j',
    (rule, value) => {
      const problems = problemsOf(policy({ keep: { within: '30d', [rule]: value } }));
      expect(problems).toEqual([expect.stringMatching(COUNT)]);
      expect(problems[0]).toMatch(`keep.${rule}: `);
    },
  );

  test.each(bad)('maxDeletes: %j', (value) => {
    expect(problemsOf(policy({ maxDeletes: value }))).toEqual([expect.stringMatching(COUNT)]);
  });

  test.each([
    0,
    -1,
    500,
    Number.NaN,
    null,
    '',
    '500',
    '0GB',
    '-1GB',
    '5 gb',
    '1e9',
    '5GiB',
    '0.0001MB',
    true,
    2 ** 60,
  ])('offsite.maxBytesPerMonth: %j', (maxBytesPerMonth) => {
    const offsite = { schedule: 'rate(6 hours)', keep: { last: 2 }, maxBytesPerMonth };
    expect(problemsOf(policy({ offsite }))).toEqual([
      expect.stringMatching(/^offsite\.maxBytesPerMonth: must be a number with its unit/),
    ]);
  });

  test.each([0, 30, null, '', '0d', '-1d', '1.5d', '30', 'd', '30 d', '30D', '1m', 'P30D'])(
    'keep.within: %j',
    (within) => {
      const problems = problemsOf(policy({ keep: { last: 1, within } }));
      expect(problems).toEqual([expect.stringMatching(DURATION)]);
      expect(problems[0]).toMatch('keep.within: ');
    },
  );
});
