import { expect, test } from 'vitest';
import { consoleDomain } from '../../lib/reporting/report-store.ts';

test.each([
  ['us-east-1', 'aws.amazon.com'],
  ['cn-north-1', 'amazonaws.cn'],
  ['us-gov-west-1', 'amazonaws-us-gov.com'],
])('the console of %s is at %s', (region, domain) => {
  expect(consoleDomain(region)).toBe(domain);
});
