import { expect, test } from 'vitest';
import { ownerOf } from '../../lib/config/environment.ts';

const arn = (account: string, region: string) =>
  `arn:aws:lambda:${region}:${account}:function:autosnap-prod-cleanup`;
const HERE = arn('111111111111', 'us-east-1');
const owner = (service: string, stage: string, functionArn?: string) =>
  ownerOf({ service, stage, owner: undefined }, functionArn);

test('an owner contains the service, the stage, and the AWS account and region', () => {
  expect(owner('autosnap', 'prod', HERE)).toBe('autosnap_prod_111111111111_us-east-1');
  expect(owner('autosnap', 'prod', `${HERE}:live`)).toBe('autosnap_prod_111111111111_us-east-1');
  expect(owner('autosnap', 'prod', arn('111111111111', 'us-gov-west-1').replace('aws', 'aws-us-gov'))).toBe(
    'autosnap_prod_111111111111_us-gov-west-1',
  );
});

test('Y7: no two deployments have the same owner', () => {
  const owners = [
    owner('autosnap', 'eu-prod', HERE),
    owner('autosnap-eu', 'prod', HERE),
    owner('autosnap', 'prod', HERE),
    owner('autosnap', 'prod', arn('111111111111', 'eu-west-1')),
    owner('autosnap', 'prod', arn('222222222222', 'us-east-1')),
    owner('autosnap', 'prod'),
    owner('autosnap-eu', 'prod'),
    owner('autosnap', 'eu-prod'),
  ];
  expect(new Set(owners).size).toBe(owners.length);
});

test.each([
  undefined,
  '',
  'here',
  'arn:aws:lambda:us-east-1::function:x',
  'arn:aws:s3:us-east-1:111111111111:x',
])('a run without an AWS account (ARN %j) has an owner of its own', (functionArn) => {
  expect(owner('autosnap', 'prod', functionArn)).toBe('autosnap_prod_local');
});

test('an owner that was set by hand is used unchanged, wherever the code runs', () => {
  const set = { service: 'autosnap', stage: 'prod', owner: 'autosnap-prod' };
  expect([ownerOf(set, HERE), ownerOf(set)]).toEqual(['autosnap-prod', 'autosnap-prod']);
});

test.each(['', 'a b', '../x', 'a/b', 'a.b', 'ä', 'x'.repeat(101), 'x\n'])(
  'an owner that cannot be part of a key or a path is refused: %j',
  (text) => {
    expect(() => ownerOf({ service: 'autosnap', stage: 'prod', owner: text }, HERE)).toThrow('custom.owner');
  },
);
