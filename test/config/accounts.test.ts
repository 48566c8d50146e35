import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eachAccount, expandAccounts, mayOverlap } from '../../lib/config/accounts.ts';
import { parseEvent } from '../../lib/config/policy.ts';
import { ValidationError } from '../../lib/config/validation-error.ts';
import { policy } from '../harness.ts';

const SECRETS = ['customer-a', 'customer-b', 'customers', 'rackspace'];
const findAccounts = async (prefix: string) => SECRETS.filter((name) => name.startsWith(prefix));

const accountsOf = async (account: unknown) =>
  (await expandAccounts(eachAccount(policy({ account })), findAccounts)).map(
    (event) => (event as { account: unknown }).account,
  );

describe('the accounts of an event', () => {
  test.each<[string, unknown, unknown[]]>([
    ['one', 'rackspace', ['rackspace']],
    ['a list', ['b', 'a', 'b'], ['b', 'a']],
    ['a trailing * selects all accounts with this prefix', 'customer-*', ['customer-a', 'customer-b']],
    ['all there are', '*', SECRETS],
    ['both, each once', ['customer-b', 'customer*'], ['customer-b', 'customer-a', 'customers']],
    ['an unmatched prefix stays, and the login fails', 'nobody-*', ['nobody-*']],
    ['an invalid value stays, and the schema refuses it', [7], [7]],
    ['an empty list, likewise', [], [[]]],
  ])('%s: $1 means $2', async (_, account, expected) => {
    expect(await accountsOf(account)).toEqual(expected);
  });

  test('an event without an account is for the default account', () => {
    expect(eachAccount(policy())).toEqual([policy()]);
    expect(eachAccount(undefined)).toEqual([undefined]);
  });

  test('the other fields of the event stay unchanged', async () => {
    const event = { ...policy(), account: ['a', 'b'] };
    expect(eachAccount(event)).toEqual([
      { ...policy(), account: 'a' },
      { ...policy(), account: 'b' },
    ]);
  });
});

test.each([
  ['no text', 7],
  ['an empty list', []],
  ['a star in the middle', 'a*b'],
  ['nothing but a path', 'a/b'],
  ['a list in a list', [['a']]],
])('an account that is %s is refused with the remedy', (_, account) => {
  const parse = () => eachAccount(policy({ account })).map(parseEvent);
  expect(parse).toThrow(ValidationError);
  expect(parse).toThrow(/account: must be the last part of a secret name, .* "customer-\*", or a list/);
});

describe('two policies', () => {
  test.each([
    ['rackspace', 'rackspace', true],
    ['rackspace', 'rackspace-2', false],
    ['customer-*', 'customer-a', true],
    ['customer-a', ['x', 'customer-*'], true],
    ['customer-a*', 'customer-*', true],
    ['customer-*', 'other-*', false],
    [['a', 'b'], ['c', 'd'], false],
  ])('%j and %j may overlap: %s', (one, other, expected) => {
    expect(mayOverlap(one, other)).toBe(expected);
    expect(mayOverlap(other, one)).toBe(expected);
  });

  test('that do not overlap have no account in common', async () => {
    const pattern = fc.stringMatching(/^[ab]{0,3}\*?$/);
    const names = fc.stringMatching(/^[ab]{1,4}$/);
    await fc.assert(
      fc.property(pattern, pattern, names, (one, other, name) => {
        const means = (p: string) => (p.endsWith('*') ? name.startsWith(p.slice(0, -1)) : name === p);
        return mayOverlap(one, other) || !(means(one) && means(other));
      }),
    );
  });
});
