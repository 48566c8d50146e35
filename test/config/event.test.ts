import { describe, expect, test } from 'vitest';
import { eachAccountOf, isNarrowed, policyOf, resolveEvent, wholePolicyOf } from '../../lib/config/event.ts';
import { parsePolicy } from '../../lib/config/policy.ts';
import { policy } from '../harness.ts';

const DAILY = parsePolicy(policy({ keep: { last: 30 }, regions: ['DFW', 'ORD'] }));
const WEEKLY = parsePolicy(policy({ policy: 'weekly', account: 'customer-*' }));
const LISTED = ['a', 'b'].map((account) => parsePolicy(policy({ policy: 'listed', account })));
const CONTEXT = { policies: [DAILY, WEEKLY, ...LISTED], isDeployed: true };
const OLD = policy({ keep: { last: 3 } });

test.each<[string, object, object]>([
  ['its name alone', { policy: 'daily' }, DAILY],
  ['its name and account', { policy: 'daily', account: 'rackspace' }, DAILY],
  [
    'an account that matches a prefix',
    { policy: 'weekly', account: 'customer-a' },
    { ...WEEKLY, account: 'customer-a' },
  ],
  ['all those accounts', { policy: 'weekly', account: 'customer-*' }, WEEKLY],
  ['an account of a list', { policy: 'listed', account: 'b' }, LISTED[1]!],
  ['a dry run', { policy: 'daily', dryRun: true }, { ...DAILY, dryRun: true }],
  ['a region of it', { policy: 'daily', regions: ['ORD'] }, { ...DAILY, regions: ['ORD'] }],
  [
    'a region, for a policy with all regions',
    { policy: 'listed', account: 'a', regions: ['ORD'] },
    { ...LISTED[0], regions: ['ORD'] },
  ],
  [
    'some of its servers',
    { policy: 'daily', servers: { ids: ['x'] } },
    { ...DAILY, servers: { all: true, only: { ids: ['x'] } } },
  ],
])('an event that names a policy uses the deployed one: %s', (_, event, expected) => {
  expect(resolveEvent(event, CONTEXT)).toEqual(expected);
});

test.each<[string, object, RegExp]>([
  [
    'with an account that the policy does not have',
    { policy: 'daily', account: 'customer-a' },
    /^The event is refused: account: the policy "daily" is not deployed for the account "customer-a": nothing is created/,
  ],
  ['of none of a list', { policy: 'listed', account: 'c' }, /not deployed for the account "c"/],
  ['of more accounts than the policy has', { policy: 'listed', account: '*' }, /account: must be/],
  [
    'with accounts beyond a prefix',
    { policy: 'weekly', account: 'cust*' },
    /not deployed for the account "cust\*"/,
  ],
  [
    'with a region that the policy does not have',
    { policy: 'daily', regions: ['DFW', 'LON'] },
    /regions: the policy "daily" is not for LON, but for DFW, ORD: nothing/,
  ],
  [
    'of a removed policy',
    { policy: 'hourly' },
    /policy: there is no policy "hourly" in this deployment, only daily, weekly, listed: nothing/,
  ],
  ['without a name', { policy: 7 }, /policy: must be a name/],
  ['with a misspelt key', { policy: 'daily', dryrun: true }, /dryrun: is not a known key/],
  ['of no servers', { policy: 'daily', servers: {} }, /servers: must select servers/],
  [
    'with a field that only "all" can have',
    { policy: 'daily', servers: { only: { all: true } } },
    /servers.only: is not a known key/,
  ],
  [
    'with its own rules',
    OLD,
    /the event is a complete policy, .*send \{"policy": "daily"\}.*Nothing is created, copied or deleted/,
  ],
  [
    'that is a complete policy which is no longer deployed',
    { ...OLD, policy: 'gone' },
    /there is no policy "gone" in this deployment.*Nothing is created, copied or deleted/,
  ],
  ['that brings one rule', { policy: 'daily', keep: { last: 3 } }, /schedule: is missing/],
  ['of a whole policy that is not valid', policy({ keep: {} }), /keep: must have a rule/],
  ['of no policy', { servers: { all: true } }, /policy: is missing/],
])('an event %s is refused', (_, event, problem) => {
  expect(() => resolveEvent(event, CONTEXT)).toThrow(problem);
});

describe('a complete policy is accepted', () => {
  test.each<[string, object, object]>([
    ['for a dry run, which may try other rules', { ...OLD, dryRun: true }, CONTEXT],
    ['by code that Lambda does not run', OLD, { ...CONTEXT, isDeployed: false }],
    ['where nothing is deployed', OLD, { isDeployed: true }],
  ])('%s', (_, event, context) => {
    const { schedule, cleanup, ...taken } = parsePolicy(event);
    expect(resolveEvent(event, { isDeployed: true, ...context })).toMatchObject(taken);
  });
});

test('if all policies were removed, every name is refused', () => {
  expect(() => resolveEvent({ policy: 'daily' }, { policies: [], isDeployed: true })).toThrow(
    'there is no policy "daily" in this deployment, which has no policies',
  );
});

test('without a package, a name is not enough', () => {
  expect(() => resolveEvent({ policy: 'daily' }, { isDeployed: false })).toThrow('send a complete policy');
});

test('only snapshot takes ad-hoc events', () => {
  const event = { adhoc: true, servers: { all: true } };
  expect(resolveEvent(event, CONTEXT)).toMatchObject(event);
  expect(() => policyOf(event, CONTEXT)).toThrow('adhoc: only snapshot takes ad-hoc events');
  expect(() => policyOf({ adhoc: true }, CONTEXT)).toThrow('adhoc: only snapshot takes ad-hoc events');
});

test('an event is either ad hoc or names a policy', () => {
  const event = { adhoc: true, policy: 'daily' };
  expect(() => resolveEvent(event, CONTEXT)).toThrow('send either adhoc or policy');
});

test.each([{ servers: { all: true } }, { regions: ['DFW'] }])(
  '%o is refused by jobs that cannot be limited to a part',
  (part) => {
    const event = { policy: 'daily', ...part };
    expect(isNarrowed(event)).toBe(true);
    expect(policyOf(event, CONTEXT)).toMatchObject({ policy: 'daily' });
    expect(() => wholePolicyOf(event, CONTEXT)).toThrow("this job can't be narrowed");
  },
);

test.each<[string, unknown, unknown[]]>([
  [
    'a name, for each account of its policy',
    { policy: 'listed', dryRun: true },
    [
      { policy: 'listed', dryRun: true, account: 'a' },
      { policy: 'listed', dryRun: true, account: 'b' },
    ],
  ],
  ['a name with an account', { policy: 'listed', account: 'b' }, [{ policy: 'listed', account: 'b' }]],
  ['a name that nobody has', { policy: 'none' }, [{ policy: 'none' }]],
  [
    'a whole policy of several',
    policy({ account: ['x', 'y'] }),
    [policy({ account: 'x' }), policy({ account: 'y' })],
  ],
  ['no event', undefined, [undefined]],
])('%s', (_, event, expected) => {
  expect(eachAccountOf(event, CONTEXT)).toEqual(expected);
});
