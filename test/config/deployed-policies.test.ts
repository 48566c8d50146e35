import { expect, test } from 'vitest';
import { deployedPolicies } from '../../lib/config/deployed-policies.ts';
import { deploy, policy } from '../harness.ts';

test('a policy of several accounts is one for each', () => {
  deploy([policy({ account: ['a', 'customer-*'] }), policy({ policy: 'weekly' })]);
  expect(deployedPolicies().policies?.map(({ policy: name, account }) => `${name} ${account}`)).toEqual([
    'daily a',
    'daily customer-*',
    'weekly rackspace',
  ]);
});

test('where nothing was packaged, there are none to know', () => {
  deploy();
  expect(deployedPolicies()).toEqual({ problems: [] });
});

test('a policy that a run would refuse is named, and is as good as not deployed', () => {
  deploy([policy({ keep: {} }), policy({ policy: 'weekly' })]);
  const { policies, problems } = deployedPolicies();
  expect(problems).toEqual([expect.stringMatching(/^daily\.keep: must have a rule/)]);
  expect(policies).toMatchObject([{ policy: 'weekly' }]);
});
