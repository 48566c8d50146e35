import { expect, test } from 'vitest';
import { accountsFor } from '../../local/policies.ts';

test('the embedded cloud stands for each account of the policies, and for one account for each prefix', () => {
  const policies = {
    daily: {},
    weekly: { account: ['a', 'customer-*'] },
    hourly: { account: 'a' },
    broken: null,
  };
  expect(accountsFor({ custom: { policies } })).toEqual(['rackspace', 'a', 'customer-1']);
});
