import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseAudit } from '../../lib/audit/publish.ts';
import { resolveEvent } from '../../lib/config/event.ts';
import { parseHold } from '../../lib/config/hold-event.ts';
import { eachPeriod, PERIODS } from '../../lib/config/keep-rules.ts';
import { type Policy, parseEvent, parsePolicy } from '../../lib/config/policy.ts';
import { parseSchedule } from '../../lib/config/schedule.ts';
import { ValidationError } from '../../lib/config/validation-error.ts';
import { parseSecret } from '../../lib/credentials/parse-secret.ts';
import { policiesToCheck } from '../../lib/doctor/doctor.ts';
import type { Credentials } from '../../lib/openstack/credentials.ts';
import { CloudError } from '../../lib/openstack/errors.ts';
import { readGrant } from '../../lib/openstack/identity.ts';
import { ratesIn } from '../../lib/openstack/rate-limits.ts';
import { parseRestore } from '../../lib/restore/event.ts';
import { policy } from '../harness.ts';
import { rackspaceAnswer } from '../openstack/connected.ts';
import { always } from './always.ts';
import { anyText } from './any-text.ts';
import { junk, mutate, mutations } from './mutations.ts';

// `npm run test:thorough` tries more than 100,000 inputs here.
const INPUTS = 6;
const MOMENT = new Date('2026-11-23T06:00:00Z');

/** Checks that `parse` handles every input; each run tries some of them. */
async function fuzz<T>(inputs: fc.Arbitrary<T>, parse: (input: T) => void): Promise<void> {
  const some = fc.array(inputs, { minLength: INPUTS, maxLength: INPUTS });
  await always(
    fc.property(some, (those) => {
      for (const input of those) parse(input);
    }),
    { pure: true },
  );
}

/**
 * Runs a parser that may refuse its input with an error that names the place and the remedy. Any
 * other error is a bug.
 */
function refuses<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
    for (const problem of error.problems) expect(problem).toMatch(/^(it must|.*: )/s);
    return undefined;
  }
}

const eventIn = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../events/${file}.json`, import.meta.url), 'utf8'));

const policies = [
  policy(),
  eventIn('try-policy'),
  policy({
    account: 'a',
    regions: ['DFW'],
    servers: { ids: ['x'], names: ['web-*'], tagged: { a: 'b' }, except: { names: ['y'] } },
    keep: { last: 1, ...eachPeriod((period) => PERIODS.indexOf(period) + 2), within: '30d', atLeast: 2 },
    timezone: 'America/Chicago',
    adopt: 'autosnap.py',
    orphans: { after: '90d', keep: 1 },
    maxDeletes: 3,
    offsite: { schedule: 'rate(6 hours)', keep: { last: 1 }, maxBytesPerMonth: '500GB' },
    drill: { schedule: 'rate(1 day)' },
    dryRun: true,
  }),
];

const parsers: Record<string, { parse: (event: unknown) => unknown; valid: unknown[] }> = {
  parseEvent: { parse: parseEvent, valid: [...policies, eventIn('adhoc')] },
  parsePolicy: { parse: parsePolicy, valid: policies },
  resolveEvent: {
    parse: (event) => resolveEvent(event, { policies: [parsePolicy(policy())], isDeployed: true }),
    valid: [...policies, eventIn('daily'), eventIn('dry-run'), eventIn('part'), eventIn('adhoc')],
  },
  parseHold: {
    parse: parseHold,
    valid: [{ hold: 'x', until: '2027-01-01', account: 'a' }, { release: 'x' }],
  },
  parseRestore: {
    parse: parseRestore,
    valid: [
      eventIn('restore'),
      { server: 'web', to: 'new', at: '2026-11-23', networks: ['n'], metadata: { a: 'b' }, keyName: null },
      { server: 'web', to: 'in-place', confirm: 'web', region: 'DFW', policy: 'daily', request: 'r' },
    ],
  },
  parseAudit: { parse: parseAudit, valid: [{ digest: 'always' }, { acceptDropped: { servers: ['web-1'] } }] },
  policiesOf: { parse: (event) => policiesToCheck(event, []), valid: [{ policies }] },
};

describe.each(Object.entries(parsers))('%s', (_, { parse, valid }) => {
  test('accepts any input, or names the problem', async () => {
    await fuzz(junk, (event) => refuses(() => parse(event)));
  });

  test('accepts nearly valid input, or names the problem', async () => {
    await fuzz(fc.tuple(fc.constantFrom(...valid), mutations), ([event, changes]) =>
      refuses(() => parse(mutate(event, changes))),
    );
  });
});

test('the job accepts every policy that the parser accepts', async () => {
  await fuzz(fc.tuple(fc.constantFrom(...policies), mutations), ([event, changes]) => {
    const taken = refuses(() => parsePolicy(mutate(event, changes)));
    if (taken) expectUsable(taken);
  });
});

function expectUsable({ keep, maxDeletes, schedule, cleanup }: Policy): void {
  const { atLeast, within, ...counts } = keep;
  for (const count of [atLeast, maxDeletes, within, ...Object.values(counts)]) {
    if (count !== undefined) expect(Number.isSafeInteger(count) && count > 0).toBe(true);
  }
  expect(Object.values({ within, ...counts }).some((count) => count !== undefined)).toBe(true);
  for (const its of [schedule, cleanup]) expectTimes(its);
}

/** Checks that the times of a schedule are valid and surround the given time. */
function expectTimes(schedule: ReturnType<typeof parseSchedule>): void {
  const slot = schedule.slot(MOMENT);
  const next = schedule.next(MOMENT);
  if (slot) expect(slot.getTime()).toBeLessThanOrEqual(MOMENT.getTime());
  if (next) expect(next.getTime()).toBeGreaterThan(MOMENT.getTime());
}

const fields = fc.array(
  fc.oneof(
    fc.constantFrom(
      '*',
      '?',
      '0',
      '5',
      '29',
      '31',
      'L',
      'LW',
      '15W',
      '2#5',
      '6L',
      'FEB',
      'SUN',
      '2027',
      '1970',
      '*/7',
    ),
    fc.constantFrom('1-5', '59/7', 'MON-FRI', '1,2,3', '2199', '30', '31W', '22-3', '0/59', '7'),
    fc.string({ maxLength: 4 }),
  ),
  { minLength: 5, maxLength: 7 },
);
const expressions = fc.oneof(
  fields.map((values) => `cron(${values.join(' ')})`),
  fc
    .tuple(
      fc.oneof(fc.integer(), fc.double(), fc.bigInt()),
      fc.constantFrom('minute', 'minutes', 'hours', 'days', 'day', 'weeks'),
    )
    .map(([value, unit]) => `rate(${value} ${unit})`),
  fc.string(),
);

test('a schedule has times, or the problem is named', async () => {
  await fuzz(expressions, (expression) => {
    let schedule: ReturnType<typeof parseSchedule>;
    try {
      schedule = parseSchedule(expression);
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
      return;
    }
    expectTimes(schedule);
  });
});

const SECRETS = {
  rackspace: { username: 'ada', apiKey: 'key-5c1e77aa', authUrl: 'https://identity.example/v2.0' },
  password: {
    authUrl: 'https://ada:url-password-1b@keystone.example/v3',
    username: 'ada',
    password: 'pass-word-9f',
    projectName: 'p',
    userDomainName: 'Default',
  },
  applicationCredential: {
    authUrl: 'https://keystone.example/v3',
    applicationCredentialId: 'id',
    applicationCredentialSecret: 'secret-of-it-3d',
  },
  cloudsYaml: {
    clouds: {
      one: {
        auth: {
          auth_url: 'https://keystone.example/v3',
          username: 'ada',
          password: 'pass-word-9f',
          project_id: '1',
        },
        region_name: 'DFW',
      },
    },
  },
};
const HIDDEN = /key-5c1e77aa|url-password-1b|pass-word-9f|secret-of-it-3d/;

/** Runs a parser that may refuse a secret; its error must not contain a part of the secret. */
function refusesQuietly(text: string): void {
  try {
    refuses(() => parseSecret('autosnap/test/a', text));
    parseSecret('autosnap/test/a', text);
  } catch (error) {
    expect((error as Error).message).not.toMatch(HIDDEN);
  }
}

test('a secret is accepted, or refused without showing any part of it', async () => {
  const texts = fc.oneof(
    anyText(),
    fc.json(),
    fc
      .tuple(fc.constantFrom(...Object.values(SECRETS)), fc.nat({ max: 150 }))
      .map(([secret, length]) => JSON.stringify(secret).slice(0, length)),
    fc
      .tuple(fc.constantFrom(...Object.values(SECRETS)), mutations)
      .map(([secret, changes]) => JSON.stringify(mutate(secret, changes)) ?? ''),
    // The secret where the name of a field belongs.
    fc
      .tuple(fc.constantFrom(...Object.values(SECRETS)), fc.nat({ max: 4 }), fc.boolean())
      .map(([secret, at, keeps]) => {
        const fields = Object.entries(secret);
        const swapped = fields.map(([key, value], i) => (i === at ? [value, key] : [key, value]));
        return JSON.stringify(Object.fromEntries(keeps ? [...fields, ...swapped] : swapped));
      }),
  );
  await fuzz(texts, refusesQuietly);
});

const ENDPOINTS = [{ region: 'DFW', tenantId: '1', publicURL: 'https://dfw.example/v2/1' }];
const logins: [Credentials['kind'], unknown][] = [
  [
    'rackspace',
    rackspaceAnswer([
      { name: 'cloudServersOpenStack', type: 'compute', endpoints: ENDPOINTS },
      { name: 'cloudImages', type: 'image', endpoints: ENDPOINTS },
    ]),
  ],
  [
    'password',
    {
      token: {
        project: { id: '1', name: 'p' },
        roles: [{ id: 'r', name: 'member' }],
        catalog: [
          {
            type: 'compute',
            endpoints: [{ interface: 'public', region: 'DFW', region_id: 'DFW', url: 'https://dfw.example' }],
          },
        ],
      },
    },
  ],
];

test('the answer to a login is accepted as a grant, or refused', async () => {
  const answers = fc.tuple(fc.constantFrom(...logins), mutations, fc.constantFrom('token-77', undefined));
  await fuzz(answers, ([[kind, answer], changes, subject]) => {
    try {
      const grant = readGrant({ kind }, mutate(answer, changes), subject);
      expect(grant.token).not.toBe('');
      expect(grant.projectId).toEqual(expect.any(String));
    } catch (error) {
      expect(error).toBeInstanceOf(CloudError);
      expect((error as Error).message).not.toMatch(/replayed-token|token-77/);
    }
  });
});

test('limits that cannot be read count as none, and the others become rates', async () => {
  const limit = {
    verb: 'POST',
    value: 100,
    remaining: 3,
    unit: 'MINUTE',
    'next-available': '2026-11-23T06:00:00Z',
  };
  const answer = { limits: { rate: [{ uri: '*', regex: '.*', limit: [limit, { ...limit, verb: 'GET' }] }] } };
  await fuzz(
    fc.tuple(mutations, fc.oneof(fc.constant(MOMENT.toUTCString()), fc.string())),
    ([changes, sent]) => {
      for (const rate of Object.values(ratesIn(mutate(answer, changes), sent))) {
        expect(Object.values(rate).every((value) => value >= 0)).toBe(true);
      }
    },
  );
});
