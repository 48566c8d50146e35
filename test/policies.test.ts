import { expect, test } from 'vitest';
import { asDeployed } from '../lib/policies.ts';
import { deploy, policy } from './harness.ts';

const DAILY = policy({ keep: { last: 30 } });
const WEEKLY = policy({ policy: 'weekly', account: 'customer-*' });
const LISTED = policy({ policy: 'listed', account: ['a', 'b'] });
const TRIED = policy({ policy: 'tried', dryRun: true });

const ordered = (event: unknown) => {
  deploy([DAILY, WEEKLY, LISTED, TRIED]);
  return asDeployed(event);
};
const OTHER = [expect.stringMatching(/^the event has other rules than the deployed policy "\w+"/)];
const deployed = (its: object, account = 'rackspace') => ({ ...its, account });

test.each<[string, unknown, unknown, unknown[]]>([
  ['the event of its rule', DAILY, deployed(DAILY), []],
  ['the same, its account written out', { ...DAILY, account: 'rackspace' }, deployed(DAILY), []],
  ['the name alone', { policy: 'daily' }, deployed(DAILY), []],
  ['Y2: an older one that keeps less', policy({ keep: { last: 3 } }), deployed(DAILY), OTHER],
  ['Y2: an older one that keeps more', policy({ keep: { last: 90 } }), deployed(DAILY), OTHER],
  ['one of other servers', { ...DAILY, servers: { names: ['web'] } }, deployed(DAILY), OTHER],
  ['one with a rule that is gone', { ...DAILY, orphans: { after: '1d', keep: 1 } }, deployed(DAILY), OTHER],
  ['one without a rule', { policy: 'daily', keep: { last: 30 } }, deployed(DAILY), OTHER],
  [
    'one of an account that a beginning of names means',
    { ...WEEKLY, account: 'customer-a' },
    deployed(WEEKLY, 'customer-a'),
    [],
  ],
  ['one of all those accounts', WEEKLY, deployed(WEEKLY, 'customer-*'), []],
  ['one of an account of a list', { ...LISTED, account: 'b' }, deployed(LISTED, 'b'), []],
  ['one that is no dry run, of a policy that is one', policy({ policy: 'tried' }), deployed(TRIED), []],
])('%s: the deployed policy decides', (_, event, expected, warnings) => {
  expect(ordered(event)).toEqual({ event: expected, warnings });
});

test.each<[string, unknown, RegExp]>([
  [
    'of an account that the policy is not for',
    { ...DAILY, account: 'customer-a' },
    /not deployed for the account "customer-a"/,
  ],
  ['of none of a list', { ...LISTED, account: 'c' }, /not deployed for the account "c"/],
  ['of more accounts than the policy has', { ...LISTED, account: '*' }, /account: must be/],
  [
    'of accounts beyond a beginning of names',
    { ...WEEKLY, account: 'cust*' },
    /not deployed for the account "cust\*"/,
  ],
  [
    'of a policy that was removed',
    policy({ policy: 'hourly' }),
    /no policy "hourly" in this deployment, which has daily, weekly, listed, tried/,
  ],
  ['without a name', { policy: 7 }, /no policy "7"/],
])('an event %s is refused', (_, event, problem) => {
  expect(() => ordered(event)).toThrow(problem);
});

test.each<[string, unknown]>([
  ['a dry run, which may try other rules', policy({ keep: { last: 3 }, dryRun: true })],
  ['a snapshot by hand', { adhoc: true, servers: { all: true } }],
  ['no event', undefined],
  ['one of no policy', { servers: { all: true } }],
])('%s is taken as it is', (_, event) => {
  expect(ordered(event)).toEqual({ event, warnings: [] });
});

test('where nothing is deployed, the event has the only rules', () => {
  deploy();
  expect(asDeployed(DAILY)).toEqual({ event: DAILY, warnings: [] });
});

test('where all policies were removed, every event is refused', () => {
  deploy([]);
  expect(() => asDeployed(DAILY)).toThrow('which has none');
});
