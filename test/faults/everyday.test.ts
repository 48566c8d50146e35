import { vi } from 'vitest';
import { testMatrix } from './matrix.ts';
import { scenarios } from './scenarios.ts';

// Each run has its own package.
vi.mock('../../lib/config/deployed-policies.ts', async () => {
  const { deployedPolicies } = await import('./invocation.ts');
  return { deployedPolicies };
});

testMatrix(
  'The everyday jobs',
  'everyday.md',
  scenarios.filter(({ job }) => !['restore', 'drill', 'offsite'].includes(job)),
);
