import { expect, test } from 'vitest';
import { deployedPolicies } from '../lib/policies.ts';
import { deploy, policy } from './harness.ts';

test('a policy of several accounts is one for each', () => {
  deploy([policy({ account: ['a', 'customer-*'] }), policy({ policy: 'weekly' })]);
  expect(deployedPolicies()?.map(({ policy: name, account }) => `${name} ${account}`)).toEqual([
    'daily a',
    'daily customer-*',
    'weekly rackspace',
  ]);
});

test('where nothing was packaged, there are none to know', () => {
  deploy();
  expect(deployedPolicies()).toBeUndefined();
});

test('a policy that a run would refuse is named', () => {
  deploy([policy({ keep: {} })]);
  expect(deployedPolicies).toThrow('keep: must have a rule');
});
