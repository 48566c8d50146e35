import { vi } from 'vitest';
import { testMatrix } from './matrix.ts';
import { scenarios } from './scenarios.ts';

// Each run has its own bucket.
vi.mock('../../lib/offsite/bucket.ts', async () => {
  const { bucketNamed } = await import('./invocation.ts');
  return { bucketNamed };
});

testMatrix(
  'Restoring, drills and copies',
  'restore.md',
  scenarios.filter(({ job }) => ['restore', 'drill', 'offsite'].includes(job)),
);
