import { vi } from 'vitest';
import { testMatrix } from './matrix.ts';
import { scenarios } from './scenarios.ts';

// Each run has a bucket of its own.
vi.mock('../../lib/offsite/bucket.ts', async () => {
  const { bucketNamed } = await import('./invocation.ts');
  return { bucketNamed };
});

testMatrix(
  'The fault matrix of restoring, drills and copies',
  'docs/fault-matrix-restore.md',
  'The other half of [the fault matrix](fault-matrix.md), where it says what it is: all steps of restoring, drills, and copies.',
  scenarios.filter(({ job }) => ['restore', 'drill', 'offsite'].includes(job)),
);
