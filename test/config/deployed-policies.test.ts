import { expect, test } from 'vitest';
import { deployedPolicies } from '../../lib/config/deployed-policies.ts';
import { deploy, policy } from '../harness.ts';

test('a policy with several accounts becomes one for each', () => {
  deploy([policy({ account: ['a', 'customer-*'] }), policy({ policy: 'weekly' })]);
  expect(deployedPolicies().policies?.map(({ policy: name, account }) => `${name} ${account}`)).toEqual([
    'daily a',
    'daily customer-*',
    'weekly rackspace',
  ]);
});

test('without a package there are no deployed policies', () => {
  deploy();
  expect(deployedPolicies()).toEqual({ problems: [] });
});

test('an invalid policy is named, and counts as not deployed', () => {
  deploy([policy({ keep: {} }), policy({ policy: 'weekly' })]);
  const { policies, problems } = deployedPolicies();
  expect(problems).toEqual([expect.stringMatching(/^daily\.keep: must have a rule/)]);
  expect(policies).toMatchObject([{ policy: 'weekly' }]);
});
