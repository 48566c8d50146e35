import { vi } from 'vitest';
import { testMatrix } from './matrix.ts';
import { volumeScenarios } from './volume-scenarios.ts';

// Each run has its own package, and its own bucket.
vi.mock('../../lib/config/deployed-policies.ts', async () => {
  const { deployedPolicies } = await import('./invocation.ts');
  return { deployedPolicies };
});
vi.mock('../../lib/offsite/bucket.ts', async () => {
  const { bucketNamed } = await import('./invocation.ts');
  return { bucketNamed };
});

testMatrix('The volumes of servers', 'volumes.md', volumeScenarios);
